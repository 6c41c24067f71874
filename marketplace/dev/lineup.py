"""The processes of the marketplace, as commands: the same ones as in docker-compose.yml."""

import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from marketplace.dev.ports import NoFreePort, is_free
from marketplace.dev.processes import Process
from marketplace.dev.rundir import ROOT, RunDir

PREFERRED_PORTS = {
    "web": 8000,
    "gateway": 8001,
    "postgres": 25432,
    "redis": 26379,
    "engine_gcs": 26380,
    "engine_dashboard": 26265,
    "engine_http": 26000,
    "engine_client": 26001,
    "engine_node": 26002,
    "engine_objects": 26003,
    "engine_metrics": 26004,
    "engine_dashboard_agent": 26005,
    "engine_dashboard_agent_grpc": 26006,
    "engine_runtime_env": 26007,
    "engine_haproxy_stats": 26008,
    "engine_haproxy_metrics": 26009,
}
WORKER_PORTS = 400  # how many consecutive ports the engine's workers may use


def engine_worker_ports(first: int = 27000) -> dict[str, int]:
    return {"engine_workers_min": first, "engine_workers_max": first + WORKER_PORTS - 1}


def free_worker_ports() -> int:
    """The first port of a block of WORKER_PORTS that looks unused: both ends are free."""
    for first in range(27000, 32000, WORKER_PORTS):
        if is_free(first) and is_free(first + WORKER_PORTS - 1):
            return first
    raise NoFreePort("No free block of ports for the engine's workers between 27000 and 32000 on 127.0.0.1.")


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def manage(*arguments: str) -> list[str]:
    return python(str(ROOT / "manage.py"), *arguments)


def web(port: int, host: str = "127.0.0.1") -> Process:
    """Pages and API. Few threads: each may hold a database connection."""
    argv = python("-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port), "--workers", "1", "--blocking-threads", "8")
    argv += ["--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", "5", "marketplace.wsgi:application"]
    return Process("web", argv, ready=answers_http(f"http://127.0.0.1:{port}/healthz"), cwd=ROOT)


def gateway(port: int) -> Process:
    """The data plane; on SIGTERM it finishes what it has accepted."""
    live = answers_http(f"http://127.0.0.1:{port}/v2/health/live")
    return Process("gateway", python("-m", "hosting.gateway"), ready=live, cwd=ROOT, stop_within=35)


def worker() -> Process:
    argv = python(
        "-m", "celery", "-A", "marketplace", "worker", "--concurrency", "2", "--loglevel", "INFO", "--without-gossip", "--without-mingle"
    )
    return Process("worker", argv, log_says=" ready.", ready_within=90, stop_within=6, cwd=ROOT)


def beat(run: RunDir) -> Process:
    argv = python(
        "-m", "celery", "-A", "marketplace", "beat", "--loglevel", "INFO", "--pidfile=", "--schedule", str(run.path / "data" / "beat")
    )
    return Process("beat", argv, log_says="beat: Starting", cwd=ROOT)


def engine(run: RunDir, ports: dict[str, int]) -> Process:
    """The head of the serving engine; a cluster of one until RAY_ADDRESS names another."""
    from hosting.drivers.ray_head import head_command

    argv, env = head_command(run.path, ports)
    ready = answers_http(f"http://127.0.0.1:{ports['engine_dashboard']}/api/version")
    return Process("engine", argv, env, ready=ready, ready_within=120, stop_within=15, cwd=Path(run.path))


def answers_http(url: str) -> Callable[[], bool]:
    """A readiness question: does `url` answer with anything but a server error?"""

    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except urllib.error.HTTPError as refusal:
            return refusal.code < 500
        except (OSError, ValueError):
            return False

    return answers
