"""What every benchmark stands on: stores, a database of its own, a stub upstream, an nginx hop, CPU meters."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

DATABASE = "bench"
ANSWER = '{"model_name":"bench","model_version":"1.0.0","outputs":[{"name":"score","datatype":"FP32","shape":[1],"data":[3700.0]}]}'


@contextmanager
def stores(folder: Path) -> Iterator[None]:
    """Postgres, Redis and settings: the ones named in the environment, else embedded ones for as long as this lasts."""
    from marketplace.launcher import environment
    from marketplace.launcher.ports import choose_all
    from marketplace.launcher.rundir import RunDir
    from marketplace.launcher.status import Status
    from marketplace.launcher.stores import start_stores
    from marketplace.launcher.supervisor import Supervisor

    run = RunDir(folder / "run").prepare()
    ports = choose_all({"postgres": 25632, "redis": 26579})
    supervisor = Supervisor(run, Status(run))
    try:
        start_stores(supervisor, run, ports, volatile=False)
        os.environ |= environment.common(run) | environment.stores_as_superuser(run, ports)
        yield
    finally:
        supervisor.stop()


def make_database() -> None:
    """A fresh database with today's schema; Django is set up on it from here on."""
    import django
    import psycopg

    url = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    name = f"{DATABASE}_{secrets.token_hex(3)}"
    with psycopg.connect(f"{url}/postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    os.environ["DATABASE_URL"] = f"{url}/{name}"
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def drop_database() -> None:
    """Remove the benchmark's own database."""
    import psycopg
    from django.db import connection

    connection.close()
    connection.close_pool()
    url, name = os.environ["DATABASE_URL"].rsplit("/", 1)
    with psycopg.connect(f"{url}/postgres", autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def ground() -> Iterator[Path]:
    """Everything above, in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        stack.enter_context(stores(folder))
        make_database()
        stack.callback(drop_database)
        yield folder


def nginx() -> str:
    """The nginx program; installed from Debian when we may. "" when there is none."""
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        _install("nginx-light")
        found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    return found or ""


def wrk() -> str:
    """The wrk load generator, likewise."""
    if not shutil.which("wrk") and os.geteuid() == 0 and shutil.which("apt-get"):
        _install("wrk")
    return shutil.which("wrk") or ""


def _install(package: str) -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", package]):
        subprocess.run(
            ["apt-get", *words],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


@contextmanager
def nginx_pair(program: str, folder: Path, stub: int, hop: int) -> Iterator[tuple[int, int]]:
    """A stub upstream on port `stub` and a plain proxy hop before it on port `hop`, one worker each: their workers' pids."""
    with ExitStack() as stack:
        stub_pid = stack.enter_context(_nginx(program, folder / "stub", _stub_server(stub)))
        hop_pid = stack.enter_context(_nginx(program, folder / "hop", _hop_server(stub, hop)))
        yield stub_pid, hop_pid


def _stub_server(port: int) -> str:
    return f"server {{ listen 127.0.0.1:{port} backlog=2048; location / {{ default_type application/json; return 200 '{ANSWER}'; }} }}"


def _hop_server(stub: int, port: int) -> str:
    return (
        f"upstream stub {{ server 127.0.0.1:{stub}; keepalive 64; keepalive_requests 100000000; }}\n"
        f"server {{ listen 127.0.0.1:{port} backlog=2048; location / {{"
        " proxy_pass http://stub; proxy_http_version 1.1; proxy_set_header Connection ''; } }"
    )


@contextmanager
def _nginx(program: str, folder: Path, server: str) -> Iterator[int]:
    folder.mkdir()
    config = folder / "nginx.conf"
    user = "user nobody nogroup;\n" if os.geteuid() == 0 else ""
    config.write_text(
        f"{user}worker_processes 1;\ndaemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        "events { worker_connections 4096; }\n"
        "http { access_log off; keepalive_requests 100000000; keepalive_timeout 600; client_body_buffer_size 64k;\n"
        f"client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;\n"
        f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n{server} }}\n"
    )
    process = subprocess.Popen(
        [program, "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL
    )
    try:
        yield _worker_of(process.pid)
    finally:
        process.terminate()
        process.wait(10)


def _worker_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    for _ in range(100):
        if found := children.read_text().split():
            return int(found[0])
        time.sleep(0.05)
    raise RuntimeError("nginx did not start a worker")


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(title: str, rows: list[tuple[str, str]]) -> None:
    """Two aligned columns."""
    width = max(len(name) for name, _ in rows)
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")
    print(flush=True)
