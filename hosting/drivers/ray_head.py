"""The embedded one-machine Ray head: its command line, its readiness, and its end without orphans.

Everything of one instance carries its temporary folder in the environment (ENGINE_TEMP_DIR), so that `stop` finds all
of it, also what a killed head left behind. On a cluster (RAY_ADDRESS set) none of this is used.
"""

import hashlib
import os
import secrets
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# HAProxy's socket is <folder>/h/<56 characters of node id>/admin.sock and may have 97 characters; Ray's own need less.
LONGEST_FOLDER = 97 - len("/h//admin.sock") - 56
OBJECT_STORE_BYTES = 128 * 2**20
MARK = "ENGINE_TEMP_DIR"
INGRESS, INGRESS_PROGRAM, STORE, HEARTBEATS = (
    "h",
    "haproxy",
    "gcs",
    "beats",
)  # inside the engine's folder

# How Ray behaves here, whatever the machine.
RAY_SETTINGS = {
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the only switch that keeps a one-machine head on loopback
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_storage": "rocksdb",  # what a killed store reads back when the head starts it again
    "RAY_process_group_cleanup_enabled": "1",  # an HAProxy does not outlive the process that tells it its routes
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "SERVE_SOCKET_REUSE_PORT_ENABLED": "1",  # see hosting.drivers.ingress
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",  # we log refusals only; a thousand of them are too long to wait for
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "3",
    "RAY_SERVE_FORCE_STOP_UNHEALTHY_REPLICAS": "1",  # a wedged replica does not hear a polite request
    "RAY_kill_worker_timeout_milliseconds": "200",  # five seconds unless told, in which its callers hang
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "10s",  # also its time-out; a replica that died is seen by the calls to it
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_FASTINTER": "1s",
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_FALL": "3",
    # On a busy machine all is late and nothing is broken.
    "RAY_worker_niceness": "0",  # 15 unless told: a replica then gets a thirtieth of what other programs get
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_health_check_timeout_ms": "60000",
    # What an idle replica costs: see docs/hosting.md.
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "5000",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_core_worker_internal_heartbeat_ms": "5000",
    "RAY_report_worker_backlog_interval_ms": "10000",
    "RAY_io_context_monitor_probe_interval_ms": "10000",
    "RAY_grpc_client_check_connection_status_interval_milliseconds": "10000",
    "RAY_raylet_death_check_interval_milliseconds": "5000",
    "RAY_worker_num_grpc_internal_threads": "1",
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",  # each turn costs for each version, asleep too; a start takes four of them
    # A dead HAProxy is every model down: three failed looks at it, ten seconds apart unless told, and it is made anew.
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.5",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "10",
}


@dataclass(frozen=True)
class EnginePorts:
    """Every TCP port that a head listens on, apart from the workers' own (the kernel chooses those).

    `replicas` and `replicas_grpc` are the first ports of ranges of `replica_ports` each.
    All of them are on loopback, unless ENGINE_LISTENS_ON names another address: what Ray opens on all of them is narrowed by
    `hosting.drivers.ingress` (HAProxy's statistics and metrics) and `hosting.model_server.listening` (the replicas' gRPC).
    """

    http: int = 20000
    dashboard: int = 20001
    gcs: int = 20002
    node_manager: int = 20003
    object_manager: int = 20004
    agent_http: int = 20005
    agent_grpc: int = 20006
    runtime_env_agent: int = 20007
    metrics: int = 20008
    haproxy_stats: int = 20009
    haproxy_metrics: int = 20010
    autoscaler_metrics: int = 20011
    dashboard_metrics: int = 20012
    fallback_proxy: int = 20013
    client: int = 20014
    replicas: int = 24000
    replicas_grpc: int = 25000
    replica_ports: int = 500

    def singles(self):
        """{name: port} of those that are no range."""
        return {name: port for name, port in asdict(self).items() if not name.startswith("replica")}


def temp_dir(run_dir):
    """The engine's folder of this instance: in the run folder when its socket paths fit, otherwise a short one in /tmp.

    It is ours alone (0700), since Ray makes its own folder inside writable for everybody.
    """
    wanted = Path(run_dir).absolute() / "engine"
    if len(str(wanted)) <= LONGEST_FOLDER:
        return wanted
    return (
        Path("/tmp") / f"mx-{hashlib.sha256(f'{os.geteuid()}:{wanted}'.encode()).hexdigest()[:10]}"
    )


def head_command(
    run_dir, ports, *, artifact_root, public_key, token_path=None, num_cpus=4, cwd=ROOT
):
    """(argv, env) of a head in the foreground: it ends when it cannot mend itself, and the supervisor starts it again.

    `token_path` holds the access token (made with mode 0600 when missing). `env` is complete, not an addition.
    Raises PermissionError when somebody else made the temporary folder, FileNotFoundError never.
    """
    folder = _own_folder(temp_dir(run_dir))
    token = Path(token_path or folder / "token")
    _ensure_token(token)
    _write_ingress_program(folder)
    argv = [
        *(sys.executable, "-m", "hosting.drivers.head", "--head"),
        *("--node-ip-address", "127.0.0.1", "--num-cpus", str(num_cpus), "--num-gpus", "0"),
        *("--object-store-memory", str(OBJECT_STORE_BYTES), "--temp-dir", str(folder / "r")),
        *(
            "--include-dashboard",
            "true",
            "--dashboard-host",
            "127.0.0.1",
            "--include-log-monitor",
            "false",
        ),
        *("--disable-usage-stats", "--min-worker-port", "0", "--max-worker-port", "0"),
        *_port_arguments(ports),
    ]
    return argv, _environment(folder, ports, token, artifact_root, public_key, cwd)


def _port_arguments(ports):
    named = {
        "--port": ports.gcs,
        "--dashboard-port": ports.dashboard,
        "--node-manager-port": ports.node_manager,
        "--object-manager-port": ports.object_manager,
        "--dashboard-agent-listen-port": ports.agent_http,
        "--dashboard-agent-grpc-port": ports.agent_grpc,
        "--runtime-env-agent-port": ports.runtime_env_agent,
        "--metrics-export-port": ports.metrics,
        "--ray-client-server-port": ports.client,  # nobody uses it, but Ray takes a fixed one unless told
    }
    return [part for name, port in named.items() for part in (name, str(port))]


def _environment(folder, ports, token, artifact_root, public_key, cwd):
    """Only what the head and the replicas need: no DATABASE_URL, no key of ours reaches a process that loads models."""
    passed = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "TZ", "VIRTUAL_ENV")
        if name in os.environ
    }
    haproxy = folder / INGRESS
    return (
        passed
        | RAY_SETTINGS
        | {
            MARK: str(folder),
            "PYTHONPATH": str(cwd),
            "ARTIFACT_ROOT": str(artifact_root),
            "MANIFEST_PUBLIC_KEY": public_key,
            "ENGINE_LISTENS_ON": os.environ.get("ENGINE_LISTENS_ON", "127.0.0.1"),
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_gcs_storage_path": str(folder / STORE),
            "RAY_SERVE_HAPROXY_BINARY_PATH": str(folder / INGRESS_PROGRAM),
            "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(haproxy / "haproxy.cfg"),
            "RAY_SERVE_HAPROXY_SOCKET_PATH": str(haproxy / "admin.sock"),
            "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(haproxy / "metrics.sock"),
            "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(haproxy),
            "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(haproxy / "server-state"),
            "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.haproxy_stats),
            "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.haproxy_metrics),
            "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(ports.replicas),
            "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(ports.replicas + ports.replica_ports),
            "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": str(ports.replicas_grpc),
            "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": str(
                ports.replicas_grpc + ports.replica_ports
            ),
            "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports.fallback_proxy),
            "REPLICA_HEARTBEAT_DIR": str(folder / HEARTBEATS),
            "AUTOSCALER_METRIC_PORT": str(ports.autoscaler_metrics),
            "DASHBOARD_METRIC_PORT": str(ports.dashboard_metrics),
        }
    )


def _own_folder(folder):
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise PermissionError(
            f"{folder} belongs to somebody else. Remove it, or choose a shorter run folder."
        )
    folder.chmod(0o700)
    return folder


def _ensure_token(path):
    """Without the token, a head's ports are remote code execution for everybody on the machine: never start without."""
    if path.exists() and path.read_text().strip():
        path.chmod(0o600)
        return
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(secrets.token_hex(32))


def _write_ingress_program(folder):
    """What Ray takes for HAProxy: one program, without arguments of ours."""
    with open(
        os.open(folder / INGRESS_PROGRAM, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o700), "w"
    ) as out:
        out.write(f'#!/bin/sh\nexec "{sys.executable}" -m hosting.drivers.ingress "$@"\n')


def is_ready(ports, token_path):
    """True when the head's REST interface answers: from then on applications can be sent."""
    request = urllib.request.Request(f"http://127.0.0.1:{ports.dashboard}/api/serve/applications/")
    request.add_header("Authorization", f"Bearer {Path(token_path).read_text().strip()}")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError, TimeoutError):
        return False


def wait_ready(ports, token_path, timeout=120.0, pause=0.5):
    """Poll until the head is ready; False when it is not after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if is_ready(ports, token_path):
            return True
        time.sleep(pause)
    return False


def processes(run_dir):
    """Pids of everything that belongs to this instance's engine, by the mark in their environment."""
    return marked(temp_dir(run_dir))


def marked(folder):
    """Pids of everything but this process that carries the engine's folder in its environment."""
    mark, own = f"{MARK}={folder}", os.getpid()
    return [
        pid
        for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
        if pid != own and mark in entries(pid, "environ")
    ]


def entries(pid, name):
    """/proc/<pid>/<name> of a process ("cmdline", "environ") as a list of texts; [] when it is gone or somebody else's."""
    try:
        text = Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace").rstrip("\0")
    except OSError:
        return []
    return text.split("\0") if text else []


def stop(run_dir, grace=3.0):
    """End every process of this instance's engine (SIGTERM, after `grace` seconds SIGKILL) and clear what it wrote for itself.

    Returns the pids that had to be killed. Safe to call when nothing runs.
    """
    killed = end(temp_dir(run_dir), grace)
    for own in (INGRESS, STORE, HEARTBEATS):
        shutil.rmtree(temp_dir(run_dir) / own, ignore_errors=True)
    for session in temp_dir(run_dir).glob("r/session_*"):
        session.unlink() if session.is_symlink() else shutil.rmtree(session, ignore_errors=True)
    return killed


def end(folder, grace):
    """End what carries the folder's mark; see `stop`."""
    _signal(marked(folder), signal.SIGTERM)
    deadline = time.monotonic() + grace
    while (left := marked(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    killed = left
    while left:
        _signal(left, signal.SIGKILL)
        time.sleep(0.1)
        left = marked(folder)
    return killed


def _signal(pids, signum):
    for pid in pids:
        try:
            os.kill(pid, signum)
        except (ProcessLookupError, PermissionError):
            continue
