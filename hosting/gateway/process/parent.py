"""`python -m hosting.gateway`: opens the port, starts one worker per core and the shipping process, restarts what dies.

    GATEWAY_HOST, GATEWAY_PORT, GATEWAY_WORKERS    where, and how many processes answer
    GATEWAY_TRUSTED_PROXIES                        networks of the balancers in front, whose X-Forwarded-For is trusted
    GATEWAY_ADMIN_PORT                             /metrics, on loopback; off by default
    DATABASE_URL, REDIS_URL, RUN_DIR, USAGE_JOURNAL_DIR    the stores, and where files go
SIGTERM: finish what was accepted, ship the journal, end. SIGHUP: replace the workers one after the other.
The parent keeps the listening socket, so no connection is lost while workers change.
"""

import ctypes
import logging
import logging.config
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from hosting.gateway import config as configuration
from hosting.gateway.auth.trusted_proxies import TrustedProxies
from hosting.gateway.limits.shared_slots import SlotTableColumns
from hosting.gateway.metering import metrics_server
from marketplace.core import logs

log = logging.getLogger("hosting.gateway")
PR_SET_PDEATHSIG = 1
READY_WITHIN_S = 60.0
DRAIN_WITHIN_S = 40.0


class Child:
    """One process below the parent; `name` is a worker's number or `shipping`."""

    def __init__(
        self, name: str, listener: socket.socket | None, workers: int, columns: SlotTableColumns
    ) -> None:
        self.name = name
        self._columns = columns
        self._column = columns.allocate() if listener else -1
        self._ready_pipe, ready_fd = os.pipe()
        os.set_blocking(self._ready_pipe, False)
        fds = [ready_fd] + ([listener.fileno(), columns.fd] if listener else [])
        env = os.environ | {"GATEWAY_WORKER": name, "GATEWAY_WORKERS": str(workers)}
        env |= columns.environment(self._column) if listener else {}
        command = [
            sys.executable,
            "-m",
            "hosting.gateway",
            name,
            str(listener.fileno() if listener else -1),
            str(ready_fd),
        ]
        self.process = subprocess.Popen(command, env=env, pass_fds=fds)
        self.started = time.monotonic()
        os.close(ready_fd)

    def is_ready(self) -> bool:
        """Whether the child has reported that it accepts requests."""
        try:
            return os.read(self._ready_pipe, 1) == b"1"
        except BlockingIOError:
            return False

    def terminate(self) -> None:
        """Let it finish what it does and end."""
        if self.process.poll() is None:
            self.process.terminate()

    def close(self) -> None:
        """The process is gone: free its slots."""
        os.close(self._ready_pipe)
        if self._column >= 0:
            self._columns.release(self._column)


class Parent:
    """Keeps the children running and ends them in the right order."""

    def __init__(self, listener: socket.socket, workers: int, folder: Path) -> None:
        self.listener = listener
        self.workers = workers
        self.columns = SlotTableColumns(folder, workers)
        self.children: dict[str, Child] = {}
        self.is_ending = False
        self.must_reload = False

    def run(self) -> int:
        signal.signal(signal.SIGTERM, self._on_end)
        signal.signal(signal.SIGINT, self._on_end)
        signal.signal(signal.SIGHUP, self._on_reload)
        for name in self._names():
            self._start(name)
        while not self.is_ending:
            time.sleep(0.1)
            self._restart_dead_children()
            if self.must_reload:
                self.must_reload = False
                self._reload()
        shipping = self.children.pop("shipping")
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            self._wait_gone(child)
        shipping.terminate()
        self._wait_gone(shipping)
        return 0

    def _names(self) -> list[str]:
        return [*map(str, range(self.workers)), "shipping"]

    def _start(self, name: str) -> Child:
        child = Child(
            name, None if name == "shipping" else self.listener, self.workers, self.columns
        )
        self.children[name] = child
        return child

    def _restart_dead_children(self) -> None:
        for name, child in list(self.children.items()):
            code = child.process.poll()
            if code is not None and not self.is_ending and time.monotonic() - child.started > 0.5:
                log.warning("gateway process %s ended with %s: starting another", name, code)
                child.close()
                self._start(name)

    def _reload(self) -> None:
        """A new worker answers before the old one is asked to finish."""
        leaving = []
        for name in self._names():
            old = self.children[name]
            fresh = self._start(name)
            if not self._wait_ready(fresh):
                log.error("a new gateway process %s does not get ready: the old one stays", name)
                self.children[name], old = old, fresh
            old.terminate()
            leaving.append(old)
        for old in leaving:
            self._wait_gone(old)

    def _wait_ready(self, child: Child) -> bool:
        deadline = time.monotonic() + READY_WITHIN_S
        while (
            not (is_ready := child.is_ready())
            and child.process.poll() is None
            and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        return is_ready

    def _wait_gone(self, child: Child) -> None:
        try:
            child.process.wait(DRAIN_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
        child.close()

    def _on_end(self, *_: object) -> None:
        self.is_ending = True

    def _on_reload(self, *_: object) -> None:
        self.must_reload = True


def listen(host: str, port: int) -> socket.socket:
    """The socket that all workers accept from. Ends the program with a sentence when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        sys.exit(
            f"The gateway cannot listen on {host}:{port}: {error.strerror}. Set GATEWAY_PORT to a free port."
        )
    listener.listen(2048)
    return listener


def check_proxies(text: str) -> None:
    """Ends the program with a sentence when a trusted proxy is no network."""
    try:
        TrustedProxies(text.split(","))
    except ValueError as error:
        sys.exit(f"GATEWAY_TRUSTED_PROXIES cannot be used: {error}")


def check_limits() -> None:
    """Ends the program with a sentence when a limit is no number, for every child would die of it again and again."""
    try:
        configuration.from_environment()
    except ValueError as error:
        sys.exit(f"A limit of the gateway cannot be used: {error}.")


def run_child(name: str, fd: int, ready_fd: int) -> None:
    """Run one child, which ends gracefully when the parent dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if name == "shipping":
        from hosting.gateway.metering import shipping

        os.write(ready_fd, b"1")
        shipping.run()
    else:
        from hosting.gateway.process import worker

        worker.run(socket.socket(fileno=fd), ready_fd)


def main() -> int:
    """The parent, or with arguments one of its children."""
    if len(sys.argv) == 4:
        run_child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
        return 0
    logging.config.dictConfig(
        logs.configuration(
            os.environ.get("LOG_FORMAT", "line"), os.environ.get("LOG_LEVEL", "INFO")
        )
    )
    check_proxies(os.environ.get("GATEWAY_TRUSTED_PROXIES", ""))
    check_limits()
    workers = int(os.environ.get("GATEWAY_WORKERS") or os.cpu_count() or 1)
    listener = listen(
        os.environ.get("GATEWAY_HOST", "127.0.0.1"), int(os.environ.get("GATEWAY_PORT", "8001"))
    )
    run_dir = Path(os.environ.get("RUN_DIR", ".run"))
    metrics_server.serve(run_dir / "metrics")
    return Parent(listener, workers, run_dir).run()
