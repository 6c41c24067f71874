"""Backup and restore of an installation whose Postgres the launcher runs.

`back_up` takes a base backup while everything runs and has Postgres bring each finished piece of its log (WAL) to the same
folder from then on, at the latest after five minutes (docs/reliability.md, F27). `put_back` replaces the stopped Postgres' data
by the newest base; at its next start it plays the log to the end. What the database then lacks comes from the journals
(consumption.metering.replay). A folder holds:

    base/                 Postgres' files, compared with its own manifest at backup and at restore
    wal/                  its log since then, packed; what is older than the base is removed with the next backup
    artifacts/, media/    packages and uploads; the same bytes once
    audit-witness.jsonl   the checkpoints of the record at that time
    backup.json           when, of what version, and digests of the secrets that belong to it

Not in it: secrets/ (keep a copy in your vault; the data is useless without them), journal/ and revocations.jsonl (the journals
stay where they are and are read at a restore), logs, Redis (rates and queues; all of it is made anew).
"""

import hashlib
import json
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from marketplace.launcher import embedded_postgres
from marketplace.launcher.embedded_postgres import PostgresServer
from marketplace.launcher.rundir import MIGRATED, SECRETS, RunDir

ABOUT = "backup.json"
COPIED = ("artifacts", "media")
BELONG = (
    "key_pepper",
    "signing_key",
    "audit_key",
    "secret_key",
    "postgres_password",
)  # without these the data cannot be used
ARCHIVED_WITHIN_S = 30.0
RECOVERY = """
# Written by manage.py restore.
restore_command = '{command}'
recovery_target_timeline = 'latest'
"""


class CannotBackUp(RuntimeError):
    """No backup or restore here; the text says why and what to do."""


def back_up(run: RunDir, folder: Path, url: str) -> dict[str, Any]:
    """Make `folder` a backup of the running installation. Returns its backup.json. Raises CannotBackUp."""
    server = embedded_postgres.find_server(run)
    _require_ours(server, url)
    folder = folder.absolute()
    for name in ("wal", *COPIED):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700 if server.user is None else 0o711)
    archive_to(run, server, folder / "wal")
    _take_base(server, folder, url)
    _await_archived(url)
    for name in COPIED:
        _copy_missing(run.path / name, folder / name)
    witness = run.path / "audit-witness.jsonl"
    if witness.exists():
        shutil.copy2(witness, folder / witness.name)
    manifest = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "postgres": _version(server),
        "secrets": digests(run),
    }
    RunDir(folder).write(ABOUT, manifest, mode=0o600)
    return manifest


def put_back(run: RunDir, folder: Path) -> Path | None:
    """Put the backup in the place of the stopped Postgres' data. Returns where the old data is now. Raises CannotBackUp."""
    folder = folder.absolute()
    manifest = RunDir(folder).read(ABOUT)
    if not manifest or not (folder / "base" / "PG_VERSION").exists():
        raise CannotBackUp(
            f"{folder} holds no whole backup: it needs base/ and {ABOUT}. Make one with: manage.py backup {folder}"
        )
    server = embedded_postgres.find_server(run)
    _require_same_secrets(run, manifest, folder)
    if manifest["postgres"] != _version(server):
        raise CannotBackUp(
            f"The backup is of {manifest['postgres']}, here is {_version(server)}: restore it with the release that made it."
        )
    verify(folder / "base")
    aside = _move_aside(server.data)
    shutil.copytree(folder / "base", server.data, symlinks=True)
    server.data.chmod(0o700)
    with open(server.data / "postgresql.auto.conf", "a") as settings:
        settings.write(
            RECOVERY.format(command=_restore_command(folder / "wal", aside).replace("'", "''"))
        )
    (server.data / "recovery.signal").touch()
    if server.user:
        subprocess.run(["chown", "-R", server.user, server.data], check=True)
    archive_to(run, server, folder / "wal")
    for name in COPIED:
        _copy_missing(folder / name, run.path / name)
    run.remove(MIGRATED)
    return aside


def archive_to(run: RunDir, place: PostgresServer, folder: Path) -> None:
    """From now on Postgres brings its finished log there (embedded_postgres.archive_command looks for this link)."""
    if place.user:
        shutil.chown(folder, place.user)
    link = embedded_postgres.archive_link(run)
    fresh = link.with_name(f"{link.name}.{os.getpid()}")
    fresh.symlink_to(folder)
    fresh.replace(link)


def digests(run: RunDir) -> dict[str, str]:
    """SHA-256 of each secret: 256 random bits, so nothing can be guessed from it."""
    return {
        name: hashlib.sha256(run.secret(name).read_bytes()).hexdigest()
        for name in SECRETS
        if run.secret(name).exists()
    }


def verify(base: Path) -> None:
    """Compare every file with the manifest that Postgres wrote. Raises CannotBackUp. (The wheel's pg_verifybackup crashes.)"""
    for file in json.loads((base / "backup_manifest").read_text())["Files"]:
        path = base / (file.get("Path") or bytes.fromhex(file["Encoded-Path"]).decode())
        if not path.exists() or _sha256(path) != file["Checksum"]:
            raise CannotBackUp(
                f"{path} is not as Postgres wrote it: this backup cannot be trusted. Look at the disk, and back up anew."
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def await_recovery(url: str, seconds: float = 1800) -> None:
    """Until Postgres has played its log and takes writes. Raises CannotBackUp after `seconds` (RTO 30 min, docs/reliability.md, F27)."""
    by = time.monotonic() + seconds
    while time.monotonic() < by:
        with psycopg.connect(url, connect_timeout=5) as connection:
            if not _answer(connection, "SELECT pg_is_in_recovery()"):
                return
        time.sleep(0.2)
    raise CannotBackUp(
        f"Postgres still plays its log after {seconds / 60:.0f} minutes: read embedded_postgres.log."
    )


def _require_ours(place: PostgresServer, url: str) -> None:
    with psycopg.connect(url, connect_timeout=5) as connection:
        served = Path(_answer(connection, "SHOW data_directory"))
        if served.resolve() != place.data.resolve():
            raise CannotBackUp(
                "This Postgres is not the launcher's: back it up with its own tools (pg_basebackup and WAL archiving), and the folders "
                "artifacts and media with it. After a restore run: manage.py replay"
            )
        if _answer(connection, "SHOW archive_mode") != "on":
            raise CannotBackUp(
                "This Postgres was started before backups were known: stop it, start it again, and repeat."
            )


def _take_base(place: PostgresServer, folder: Path, url: str) -> None:
    fresh = folder / "base.new"
    shutil.rmtree(fresh, ignore_errors=True)
    server = conninfo_to_dict(url)
    where = ["-h", str(server["host"]), "-p", str(server["port"]), "-U", str(server["user"])]
    _run(
        place,
        "pg_basebackup",
        *where,
        "-D",
        str(fresh),
        "-X",
        "stream",
        "-c",
        "fast",
        "-w",
        "--manifest-checksums=SHA256",
        password=str(server["password"]),
    )
    verify(fresh)
    shutil.rmtree(folder / "base", ignore_errors=True)
    fresh.rename(folder / "base")
    first = _first_log(folder / "base")
    _run(place, "pg_archivecleanup", "-x", ".gz", str(folder / "wal"), first)


def _first_log(base: Path) -> str:
    """The file name in `START WAL LOCATION: 0/2000028 (file 000000010000000000000002)`."""
    return (base / "backup_label").read_text().partition("(file ")[2].partition(")")[0]


def _await_archived(url: str) -> None:
    """Have the log of this moment brought to the folder, and see that it came: nobody wants to learn otherwise at a restore."""
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        name = _answer(
            connection, "SELECT pg_walfile_name(pg_create_restore_point('backup'))"
        )  # else nothing may be there to switch
        connection.execute("SELECT pg_switch_wal()")
        by = time.monotonic() + ARCHIVED_WITHIN_S
        while (_answer(connection, "SELECT last_archived_wal FROM pg_stat_archiver") or "") < name:
            if time.monotonic() > by:
                raise CannotBackUp(
                    "Postgres cannot write its log to this folder: look at embedded_postgres.log, or take another folder."
                )
            time.sleep(0.1)


def _answer(connection: "psycopg.Connection[Any]", question: str) -> Any:
    row = connection.execute(question).fetchone()
    return row[0] if row else None


def _restore_command(wal: Path, aside: Path | None) -> str:
    """The archive first; then what the data that was replaced still has of its log."""
    from_aside = f' || cp "{aside}/pg_wal/%f" "%p"' if aside else ""
    return f'gzip -dc "{wal}/%f.gz" > "%p"{from_aside}'


def _require_same_secrets(run: RunDir, about: dict[str, Any], folder: Path) -> None:
    here = digests(run)
    if other := [name for name in BELONG if here.get(name) != about["secrets"].get(name)]:
        raise CannotBackUp(
            f"The secrets {', '.join(other)} in {run.secret('')} are not those of the backup in {folder}: "
            "put the copies from your vault there first. Without them no key and no signature of the backup can be checked."
        )


def _move_aside(data: Path) -> Path | None:
    """Nothing is deleted: the replaced data stays beside the new one."""
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(data, ignore_errors=True)
        return None
    aside = data.with_name(f"{data.name}.before-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    data.rename(aside)
    return aside


def _copy_missing(source: Path, target: Path) -> None:
    """Files are named by content or never change: what is there at its full size is there."""
    for path in source.rglob("*") if source.exists() else ():
        kept = target / path.relative_to(source)
        if path.is_file() and not (kept.exists() and kept.stat().st_size == path.stat().st_size):
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, kept)


def _version(place: PostgresServer) -> str:
    return _run(place, "postgres", "--version").split()[2].partition(".")[0]


def _run(place: PostgresServer, program: str, *arguments: str, password: str = "") -> str:
    """What the program says. Raises CannotBackUp with its own last words."""
    env = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "PGPASSWORD": password}
    done = subprocess.run(
        [str(place.binaries / program), *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        env=env,
        check=False,
    )
    if done.returncode:
        raise CannotBackUp(f"{program} failed:\n{done.stderr.strip()[-800:]}")
    return done.stdout
