"""An engine of its own for the benches: head, driver, packages; calls and kills counted as callers see them."""

import http.client
import json
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from hosting.drivers import ray_head
from hosting.drivers.base import AppSpec, AppState
from hosting.drivers.ray import RayDriver
from hosting.drivers.ray_head import EnginePorts
from marketplace.launcher import process_definitions
from marketplace.launcher.ports import choose_all
from tests.hosting import packages

EXAMPLE = json.dumps(packages.EXAMPLE)
DEADLINE_S = 240
CALL_TIMEOUT_S = 60
STARTS = 4


@dataclass
class Engine:
    """A started head: its driver, its ingress port and the key that packages are signed with."""

    driver: RayDriver
    port: int
    keys: packages.Keypair
    artifacts: Path
    ports: EnginePorts
    seconds: dict = field(default_factory=dict)

    def spec(self, model, package=None, **sizes):
        manifest = packages.package(self.artifacts, model=model, **(package or {}))
        route = f"/v2/models/{model}/versions/1.0.0"
        return AppSpec(
            name=model, route=route, manifest=manifest, signature=self.keys.sign(manifest), **sizes
        )

    def app(self, name):
        return self.driver.status().get(name)

    def until(self, question, what):
        """Seconds until `question()` is true. Raises TimeoutError."""
        started = time.monotonic()
        while not question():
            if time.monotonic() - started > DEADLINE_S:
                raise TimeoutError(f"{what}: not within {DEADLINE_S} s")
            time.sleep(0.25)
        return time.monotonic() - started

    def running(self, name):
        app = self.app(name)
        return len(app.running) if app and app.state == AppState.RUNNING else 0

    def call(self, spec, body=EXAMPLE):
        """(HTTP status or 0, seconds) of one inference on a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_TIMEOUT_S)
        started = time.monotonic()
        try:
            connection.request("POST", f"{spec.route}/infer", body=body)
            answer = connection.getresponse()
            answer.read()
            return answer.status, time.monotonic() - started
        except (OSError, http.client.HTTPException):
            return 0, time.monotonic() - started
        finally:
            connection.close()


@contextmanager
def engine(folder):
    keys, artifacts, token = packages.Keypair(), folder / "artifacts", folder / "token"
    try:
        for _attempt in range(STARTS):
            ports, seconds = _started_head(folder, artifacts, keys.public, token)
            if seconds:
                break
        else:
            raise TimeoutError(
                f"the engine's head did not start:\n{(folder / 'engine.log').read_text()[-1500:]}"
            )
        driver = RayDriver(
            f"http://127.0.0.1:{ports.dashboard}",
            f"http://127.0.0.1:{ports.http}",
            token,
            metrics_urls=(),
        )
        yield Engine(driver, ports.http, keys, artifacts, ports, {"head": seconds})
    finally:
        ray_head.stop(folder)


def _started_head(folder, artifacts, public_key, token):
    """(ports, seconds until ready); seconds is 0 when it ended instead, as Ray does after 30 s on a very busy machine."""
    wanted = {
        f"engine_{name}": 27100 + offset for offset, name in enumerate(EnginePorts().singles())
    }
    ports = process_definitions.engine_ports(
        choose_all(wanted) | process_definitions.replica_ports(27200)
    )
    argv, env = ray_head.head_command(
        folder, ports, artifact_root=artifacts, public_key=public_key, token_path=token
    )
    started = time.monotonic()
    with (folder / "engine.log").open("w") as out:
        head = Popen(argv, env=env, stdout=out, stderr=out, start_new_session=True)
    while head.poll() is None and time.monotonic() - started < DEADLINE_S:
        if ray_head.wait_ready(ports, token, 1):
            return ports, time.monotonic() - started
    ray_head.stop(folder)
    return ports, 0


class Load:
    """Calls from `threads` at once, each `pause` seconds after its last answer. `calls`: (began, seconds, status)."""

    def __init__(self, target, spec, threads, pause=0.0, body=EXAMPLE):
        self.calls, self._stop, self.replaced, self.recovered = [], threading.Event(), 0.0, 0.0
        self._work = lambda: self._call(target, spec, pause, body)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self, target, spec, pause, body):
        while not self._stop.wait(pause):
            began = time.monotonic()
            status, seconds = target.call(spec, body)
            self.calls.append((began, seconds, status))

    @property
    def success_percent(self):
        return 100 * (1 - self.failed / len(self.calls))

    @property
    def failed(self):
        return sum(status != 200 for _began, _seconds, status in self.calls)

    @property
    def gap(self):
        """The longest time in which no call succeeded."""
        ends = sorted(began + seconds for began, seconds, status in self.calls if status == 200)
        return max(
            (later - earlier for earlier, later in zip(ends, ends[1:], strict=False)), default=0.0
        )


def one_version(target):
    """The version that most cases play with, alone in the engine, and running."""
    steady = target.spec("steady")
    target.driver.apply([steady])
    target.until(lambda: target.running("steady") == 1, "the first version")
    return steady


def run_all(target, steady, specs):
    """Start `specs` beside `steady`, as many at once as there are processors, as the marketplace does."""
    step = os.cpu_count() or 1
    for upto in range(step, len(specs) + step, step):
        target.driver.apply([steady, *specs[:upto]])
        target.until(
            lambda upto=upto: all(target.running(spec.name) for spec in specs[:upto]),
            f"{upto} versions",
        )


def was_replaced(target, name, victim, wanted):
    app = target.app(name)
    pids = [replica.pid for replica in app.running]
    return victim not in pids and len(pids) >= wanted
