"""Who answers on the engine's port while Ray's HAProxy is dead, new, or told its first route. Real HAProxies, no Ray."""

import http.client
import os
import signal
import subprocess
import threading
from contextlib import suppress

import pytest

from hosting.drivers import ingress, ray_head
from marketplace.launcher.ports import take
from tests.gateway import until

# The shape of what Ray writes: see HAPROXY_CONFIG_TEMPLATE in ray.serve.
CONFIG = """global
    stats socket {folder}/admin.sock mode 666 level admin expose-fd listeners
    stats timeout 30s
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend http_frontend
    bind 127.0.0.1:{port}
{rules}    default_backend default_backend
backend default_backend
    http-request return status 404 content-type text/plain string "Path not found."
"""
RULES = """    acl is_http-check path_beg /check/
    use_backend http-check if is_http-check
"""
BACKEND = """backend http-check
    http-request return status 200 content-type text/plain string "{word}"
"""


class Engine:
    """Ray's part: it writes configurations and starts HAProxies. `calls` are the answers that a caller got meanwhile."""

    def __init__(self, run_dir):
        _argv, self.env = ray_head.head_command(
            run_dir, ray_head.EnginePorts(), artifact_root=run_dir, public_key=""
        )
        self.run_dir, self.folder = run_dir, ray_head.temp_dir(run_dir)
        self.home = self.folder / ray_head.INGRESS / "0123abcd"
        self.home.mkdir(parents=True)
        self.port = next(port for port in range(23100, 23900) if take(port))
        self.started, self.calls, self.over = [], [], threading.Event()

    def configure(self, word=""):
        rules, backend = (RULES, BACKEND.format(word=word)) if word else ("", "")
        (self.home / "haproxy.cfg").write_text(
            CONFIG.format(folder=self.home, port=self.port, rules=rules) + backend
        )

    def start(self, *more):
        argv = [
            self.env["RAY_SERVE_HAPROXY_BINARY_PATH"],
            "-db",
            "-f",
            str(self.home / "haproxy.cfg"),
            *more,
        ]
        self.started.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL, env=self.env))
        until(lambda: self.pid() == self.started[-1].pid)
        return self.started[-1]

    def reload(self):
        return self.start("-x", str(self.home / "admin.sock"), "-sf", str(self.started[-1].pid))

    def pid(self):
        """Of the HAProxy that answers on Ray's control socket."""
        said = ingress.asked(str(self.home / "admin.sock"), "show info")
        return next(
            (int(line.split(":")[1]) for line in said.splitlines() if line.startswith("Pid:")), None
        )

    def stand_ins(self):
        return [
            pid
            for pid in ray_head.marked(self.folder)
            if "stand-in.cfg" in " ".join(ray_head.entries(pid, "cmdline"))
        ]

    def call(self):
        """The answer's text, or None when nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/check/infer")
            return connection.getresponse().read().decode()

    def keep_calling(self):
        while not self.over.is_set():
            self.calls.append(self.call())


@pytest.fixture
def engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("e"))
    yield engine
    engine.over.set()
    ray_head.stop(engine.run_dir, 0)
    for process in engine.started:
        process.wait()


@pytest.fixture
def looking(engine, monkeypatch):
    """An Ingress that looks all the time; its HAProxies carry the folder's mark."""
    monkeypatch.setenv(ray_head.MARK, str(engine.folder))
    one, over = ingress.Ingress(engine.home.parent), threading.Event()

    def look():
        while not over.wait(0.02):
            one.look()

    thread = threading.Thread(target=look)
    thread.start()
    yield one
    over.set()
    thread.join()


def test_a_killed_haproxy_is_stood_in_for_until_its_successor_knows_its_routes(engine, looking):
    engine.configure("before")
    engine.start().kill()
    until(lambda: engine.call() == "before")
    caller = threading.Thread(target=engine.keep_calling)
    caller.start()

    engine.configure()
    engine.start()
    until(lambda: len(engine.calls) > 100)
    engine.configure("after")
    engine.reload()
    until(lambda: engine.calls[-1] == "after" and not engine.stand_ins())
    seen = len(engine.calls)
    until(lambda: len(engine.calls) > seen + 100)
    engine.over.set()
    caller.join()
    assert set(engine.calls[:seen]) == {"before", "after"}
    assert set(engine.calls[seen:]) == {"after"}


def test_an_ingress_without_routes_does_not_listen_and_needs_nobody_to_stand_in(engine, looking):
    engine.configure()
    engine.start()
    assert engine.call() is None
    looking.look()
    assert not engine.stand_ins()
    engine.configure("first")
    engine.reload()
    until(lambda: engine.call() == "first")


def test_a_killed_stand_in_is_stood_in_for(engine, looking):
    engine.configure("only")
    engine.start().kill()
    for _ in range(2):
        until(lambda: engine.call() == "only" and engine.stand_ins())
        os.kill(*engine.stand_ins(), signal.SIGKILL)
    until(lambda: engine.call() == "only")
