"""The processes of the marketplace, as commands: the same ones as in docker-compose.yml."""

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from hosting.drivers import ray_head
from hosting.drivers.ray_head import EnginePorts
from marketplace.launcher.ports import NoFreePort, take
from marketplace.launcher.processes import Process
from marketplace.launcher.rundir import ROOT, RunDir
from marketplace.web.front import socket_path

ENGINE = "engine_"
PREFERRED_PORTS = {
    "web": 8000,
    "gateway": 8001,
    "postgres": 25432,
    "redis": 26379,
    "vendor": 26390,
    "gateway_admin": 26391,
} | {f"{ENGINE}{name}": port + 6000 for name, port in EnginePorts().singles().items()}
REPLICA_PORTS = 200  # how many models' processes may listen, each with one port of two ranges
RANGES = range(21000, 32000, 2 * REPLICA_PORTS)


def replica_ports(preferred: int = RANGES.start) -> dict[str, int]:
    """The start of a block for the engine's replicas that looks unused: both ends and the middle are free."""
    for first in (preferred, *RANGES):
        if all(take(first + offset) for offset in (0, 1, REPLICA_PORTS, 2 * REPLICA_PORTS - 1)):
            return {"engine_replicas": first}
    raise NoFreePort(
        "No free block of ports for the models' processes between 21000 and 32000 on 127.0.0.1."
    )


def engine_ports(ports: dict[str, int]) -> EnginePorts:
    """The engine's own record of the ports chosen for it."""
    singles = {name: ports[f"{ENGINE}{name}"] for name in EnginePorts().singles()}
    first = ports["engine_replicas"]
    return EnginePorts(
        **singles,
        replicas=first,
        replicas_grpc=first + REPLICA_PORTS,
        replica_ports=REPLICA_PORTS - 1,
    )


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def manage(*arguments: str) -> list[str]:
    return python(str(ROOT / "manage.py"), *arguments)


def front(port: int, host: str = "127.0.0.1") -> Process:
    """What takes the portal's connections, and receives requests whole before the web process sees them."""
    reached = "127.0.0.1" if host in ("0.0.0.0", "") else host
    argv, address = python("-m", "marketplace.web.front"), {"WEB_HOST": host, "WEB_PORT": str(port)}
    return Process(
        "front", argv, address, ready=answers_http(f"http://{reached}:{port}/healthz"), cwd=ROOT
    )


def web(run: RunDir) -> Process:
    """Pages and API, behind the front."""
    return Process(
        "web",
        python("-m", "marketplace.asgi"),
        ready=answers_at(socket_path(run.path), "/healthz"),
        cwd=ROOT,
    )


def gateway(port: int) -> Process:
    """The data plane; on SIGTERM it finishes what it has accepted."""
    live = answers_http(f"http://127.0.0.1:{port}/v2/health/live")
    return Process("gateway", python("-m", "hosting.gateway"), ready=live, cwd=ROOT, stop_within=35)


def worker() -> Process:
    """Background work of our own: checks, roll-ups, sweeps."""
    return _celery_worker("worker", "celery", "--concurrency", "2")


def sender() -> Process:
    """What waits for others: mail, webhooks, acceptance runs. Threads of one process, since they wait and do not compute."""
    return _celery_worker("sender", "others", "--pool", "threads", "--concurrency", "4")


def _celery_worker(name: str, queue: str, *options: str) -> Process:
    argv = python(
        "-m",
        "celery",
        "-A",
        "marketplace",
        "worker",
        "--queues",
        queue,
        "--hostname",
        f"{name}@%h",
        *options,
        "--loglevel",
        "INFO",
        "--without-gossip",
        "--without-mingle",
    )
    return Process(name, argv, log_says=" ready.", ready_within=180, stop_within=6, cwd=ROOT)


def beat(run: RunDir) -> Process:
    argv = python(
        "-m",
        "celery",
        "-A",
        "marketplace",
        "beat",
        "--loglevel",
        "INFO",
        "--pidfile=",
        "--schedule",
        str(run.path / "data" / "beat"),
    )
    return Process("beat", argv, log_says="beat: Starting", cwd=ROOT)


def engine(run: RunDir, ports: dict[str, int]) -> Process:
    """The head of the serving engine, a cluster of one; it gets no secret of ours but its own token."""
    ports_of_engine, token = engine_ports(ports), run.secret("ray_token")
    argv, env = ray_head.head_command(
        run.path,
        ports_of_engine,
        artifact_root=run.path / "artifacts",
        public_key=manifest_public_key(run),
        token_path=token,
        cwd=ROOT,
    )
    return Process(
        "engine",
        argv,
        env,
        inherits=False,
        ready=lambda: ray_head.is_ready(ports_of_engine, token),
        ready_within=300,
        stop_within=15,
        before_start=lambda: ray_head.stop(run.path, grace=0),
        cwd=run.path,
    )


def manifest_public_key(run: RunDir) -> str:
    """What the engine's loader verifies manifests against: 32 raw bytes as hex."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
    )  # here, as psycopg in postgres.py

    return (
        Ed25519PrivateKey.from_private_bytes(bytes.fromhex(run.secret_text("signing_key")))
        .public_key()
        .public_bytes_raw()
        .hex()
    )


def answers_at(path: Path, address: str) -> Callable[[], bool]:
    """A readiness question to a server on the Unix socket `path`."""

    def answers() -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            try:
                connection.connect(str(path))
                connection.sendall(
                    f"GET {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
                )
                return connection.recv(64).startswith(b"HTTP/1.1 2")
            except OSError:
                return False

    return answers


def answers_http(url: str) -> Callable[[], bool]:
    """A readiness question: does `url` answer with anything but a server error?"""

    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except urllib.error.HTTPError as error:
            return error.code < 500
        except (OSError, ValueError):
            return False

    return answers
