"""What the serving engine does when it must: start, wake from zero, scale under load, replace what was killed or hangs, stay calm
on a busy machine, and cost little while nobody calls.

    .venv/bin/python -m bench.hosting              # all cases, in order
    .venv/bin/python -m bench.hosting busy idle    # some of them: CASES

Starts its own one-machine engine with a few small versions; stops it. What kills and hangs cost is counted by callers of the
gateway, as consumers are; `direct_…` is the same asked past it, at the engine.
Last line: one JSON object. `kills_success_percent` is of calls while one of two replicas is killed twenty times;
`hang_replaced_s` is from SIGSTOP until another replica runs; `wedge_replaced_s` is from the end of the version's own limit of
WEDGE_LIMIT_S; `ingress_back_s` is from the kill of HAProxy until a call is answered.

busy: MANY versions beside 8 busy processes for each processor, for BENCH_BUSY_S (120) seconds, then none. `busy_replacements`:
healthy replicas that were replaced (wanted: 0). `busy_callable_s`: after the load, until each version has answered.
`busy_hung_replaced_s`: a replica is stopped under that load; so long until another one runs. `busy_start_s`: a start beside it.
idle: what one more version costs that nobody calls, in all processes of the engine together: percent of one processor
(`idle_percent_per_version`) and megabytes, awake and asleep.
"""

import http.client
import json
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import Process
from pathlib import Path
from subprocess import Popen

from bench import ground
from hosting.drivers import ray_head
from hosting.drivers.base import AppSpec, AppState
from hosting.drivers.ray import RayDriver
from hosting.drivers.ray_head import EnginePorts
from marketplace.launcher import process_definitions
from marketplace.launcher.ports import choose_all
from tests.hosting import packages

EXAMPLE = json.dumps(packages.EXAMPLE)
# Enough rows to keep a replica busy for some milliseconds: what is answered at once never waits, and nothing scales.
HEAVY = json.dumps(
    {
        "inputs": [
            {**tensor, "shape": [20_000], "data": tensor["data"] * 10_000}
            for tensor in packages.EXAMPLE["inputs"]
        ]
    }
)
PATIENCE_S = 240
CALL_TIMEOUT_S = 60
STARTS = 4
KILLS = 20
RATE = 100
WEDGE_LIMIT_S = 3
MANY = int(os.environ.get("BENCH_MANY", "17"))
BUSY_S = float(os.environ.get("BENCH_BUSY_S", "120"))
BUSY_TIMES = 8
IDLE_VERSIONS = int(os.environ.get("BENCH_IDLE_VERSIONS", "8"))
IDLE_S = float(os.environ.get("BENCH_IDLE_S", "30"))
SETTLE_S = 10.0
LOOPING = {
    "content": packages.looping(),
    "signature": packages.PLAIN,
    "example": packages.plain_request(),
}
ENDLESS = json.dumps(packages.plain_request(1e12))


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
            if time.monotonic() - started > PATIENCE_S:
                raise TimeoutError(f"{what}: not within {PATIENCE_S} s")
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
    while head.poll() is None and time.monotonic() - started < PATIENCE_S:
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


def before_the_gateway(target, folder):
    """What consumers notice of kills and hangs."""
    steady = one_version(target)
    with gateway_before(target, steady, folder) as front:
        return (
            killing(target, front, steady)
            | hanging(target, front, steady)
            | killing_often(target, front, steady)
        )


CASES = {
    "start": lambda target, folder: starting(target),
    "wake": lambda target, folder: waking(target, one_version(target)),
    "scale": lambda target, folder: scaling(target, one_version(target)),
    "kill": before_the_gateway,
    "wedge": lambda target, folder: wedging(target, one_version(target)),
    "ingress": lambda target, folder: losing_the_ingress(target, one_version(target), folder),
    "idle": lambda target, folder: idling(target, folder),
    "busy": lambda target, folder: being_busy(target),
}
WANTS_STORES = {"kill"}


def one_version(target):
    """The version that most cases play with, alone in the engine, and running."""
    steady = target.spec("steady")
    target.driver.apply([steady])
    target.until(lambda: target.running("steady") == 1, "the first version")
    return steady


def starting(target):
    began = time.monotonic()
    one_version(target)
    return {"head_start_s": target.seconds["head"], "first_version_s": time.monotonic() - began}


def waking(target, steady):
    """A version with minimum 0 goes to sleep; its first call wakes it."""
    sleepy = target.spec("sleepy", min_replicas=0, idle_seconds=8)
    pids = {replica.pid for replica in target.app("steady").running}
    target.driver.apply([steady, sleepy])
    added = target.until(lambda: target.running("sleepy"), "a further version")
    asleep = target.until(
        lambda: not target.app("sleepy").replicas and target.app("sleepy").target == 0,
        "falling asleep",
    )
    status, cold = target.call(sleepy)
    untouched = {replica.pid for replica in target.app("steady").running} == pids
    return {
        "further_version_s": added,
        "asleep_s": asleep,
        "cold_start_s": cold,
        "cold_status": status,
        "others_untouched": untouched,
    }


def scaling(target, steady):
    """From one replica to three under load, and back."""
    wide = replace(steady, max_replicas=3, target_ongoing_requests=2, idle_seconds=10)
    target.driver.apply([wide])
    with Load(target, wide, threads=12, body=HEAVY) as load:
        up = target.until(lambda: target.running("steady") == 3, "three replicas")
    down = target.until(lambda: target.running("steady") == 1, "one replica")
    return {
        "scale_up_s": up,
        "scale_up_failed": load.failed,
        "scale_up_calls": len(load.calls),
        "scale_down_s": down,
    }


def in_replicas(target, version, count):
    """The version's spec with exactly so many replicas, which run."""
    exact = replace(version, min_replicas=count, max_replicas=count)
    target.driver.apply([exact])
    target.until(
        lambda: target.running(version.name) == count, f"{count} replicas of {version.name}"
    )
    return exact


def killing(target, front, steady):
    """SIGKILL of the only replica, and of one of two, under a call every 10 ms from each of four clients."""
    loads = []
    for asked in (front, target):
        loads.append(_disturb(target, asked, in_replicas(target, steady, 1), signal.SIGKILL))
    alone, direct = loads
    paired = _disturb(target, front, in_replicas(target, steady, 2), signal.SIGKILL)
    return {
        "kill_failed_calls": alone.failed,
        "kill_gap_s": alone.gap,
        "kill_calls": len(alone.calls),
        "kill_of_two_failed_calls": paired.failed,
        "kill_of_two_gap_s": paired.gap,
        "direct_kill_failed_calls": direct.failed,
        "direct_kill_gap_s": direct.gap,
    }


def hanging(target, front, steady):
    """SIGSTOP: a replica that neither works nor dies. The engine's health check has to notice and replace it."""
    load = _disturb(target, front, in_replicas(target, steady, 1), signal.SIGSTOP)
    return {
        "hang_failed_calls": load.failed,
        "hang_replaced_s": load.replaced,
        "hang_recovered_s": load.recovered,
    }


def killing_often(target, front, steady):
    """One of two replicas is killed, again and again, each time both answer; the gateway asks once more when one was lost."""
    in_replicas(target, steady, 2)
    with Load(front, steady, threads=20, pause=20 / RATE) as load:
        for kill in range(KILLS):
            target.until(lambda: target.running("steady") == 2, "two replicas")
            os.kill(target.app("steady").running[kill % 2].pid, signal.SIGKILL)
            target.until(lambda: target.running("steady") < 2, "a look at the loss")
        target.until(lambda: target.running("steady") == 2, "two replicas")
    return {
        "kills": KILLS,
        "kills_success_percent": load.success_percent,
        "kills_calls": len(load.calls),
        "kills_gap_s": load.gap,
    }


def wedging(target, steady):
    """One inference that never comes back, beside a version that goes on."""
    endless = target.spec("endless", LOOPING, timeout_s=WEDGE_LIMIT_S)
    target.driver.apply([steady, endless])
    target.until(lambda: target.running("endless") == 1, "a version that loops")
    victim, others = (
        target.app("endless").running[0].pid,
        {replica.pid for replica in target.app("steady").running},
    )
    wedge = threading.Thread(target=target.call, args=(endless, ENDLESS), daemon=True)
    wedge.start()
    replaced = target.until(lambda: _replaced(target, "endless", victim, 1), "the replacement")
    untouched = {replica.pid for replica in target.app("steady").running} == others
    return {"wedge_replaced_s": replaced - WEDGE_LIMIT_S, "wedge_others_untouched": untouched}


def losing_the_ingress(target, steady, folder):
    """SIGKILL of HAProxy, through which every version is reached."""
    with Load(target, steady, threads=2, pause=0.05) as load:
        time.sleep(1)
        for pid in ray_head.processes(folder):
            if "bin/haproxy" in _words(pid):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        back = 0.2 + target.until(lambda: target.call(steady)[0] == 200, "an answer")
    return {"ingress_back_s": back, "ingress_failed_calls": load.failed}


def idling(target, folder):
    """Versions that nobody calls: first one, then IDLE_VERSIONS more awake, then these asleep."""
    steady = one_version(target)
    names = [f"idle-{number}" for number in range(IDLE_VERSIONS)]
    base = Cost.measured(folder)
    awake = [target.spec(name) for name in names]
    run_all(target, steady, awake)
    more = Cost.measured(folder).beyond(base)
    target.driver.apply(
        [steady, *(replace(spec, min_replicas=0, idle_seconds=1) for spec in awake)]
    )
    target.until(
        lambda: all(
            app.target == 0 and not app.replicas
            for name, app in target.driver.status().items()
            if name in names
        ),
        "sleep",
    )
    asleep = Cost.measured(folder).beyond(base)
    return {
        "idle_percent_per_version": more.percent,
        "idle_mb_per_version": more.megabytes,
        "asleep_percent_per_version": asleep.percent,
        "asleep_mb_per_version": asleep.megabytes,
        "engine_percent": base.percent,
        "engine_mb": base.megabytes,
    }


def run_all(target, steady, specs):
    """Start `specs` beside `steady`, as many at once as there are processors, as the marketplace does."""
    step = os.cpu_count() or 1
    for upto in range(step, len(specs) + step, step):
        target.driver.apply([steady, *specs[:upto]])
        target.until(
            lambda upto=upto: all(target.running(spec.name) for spec in specs[:upto]),
            f"{upto} versions",
        )


@dataclass(frozen=True)
class Cost:
    """Of all processes of an engine: percent of one processor, and megabytes (proportional set size)."""

    percent: float
    megabytes: float

    @classmethod
    def measured(cls, folder):
        time.sleep(SETTLE_S)
        before, began = (
            {pid: _processor_s(pid) for pid in ray_head.processes(folder)},
            time.monotonic(),
        )
        time.sleep(IDLE_S)
        passed = time.monotonic() - began
        used = sum(_processor_s(pid) - seconds for pid, seconds in before.items())
        return cls(100 * used / passed, sum(map(_memory_mb, before)))

    def beyond(self, base):
        """For each of IDLE_VERSIONS versions that were added."""
        return Cost(
            (self.percent - base.percent) / IDLE_VERSIONS,
            (self.megabytes - base.megabytes) / IDLE_VERSIONS,
        )


def _processor_s(pid):
    """To the nanosecond: ticks are as long as an idle replica's whole work in three seconds."""
    used = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            used += int(task.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            continue
    return used / 1e9


def _memory_mb(pid):
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)


def being_busy(target):
    """MANY healthy versions, one that hangs and one that starts, beside far too much other work."""
    steady = one_version(target)
    many = [target.spec(f"many-{number}") for number in range(MANY)]
    run_all(target, steady, many)
    hung, healthy = many[0], many[1:]
    before = _pids(target, healthy)
    with machine_load():
        began = time.monotonic()
        calls = [target.call(spec) for spec in healthy]
        hung_replaced = _stop_one(target, hung)
        late = target.spec("late")
        asked = time.monotonic()
        target.driver.apply([steady, *many, late])
        started = None
        while time.monotonic() - began < BUSY_S:
            calls += [target.call(spec) for spec in healthy[:3]]
            if started is None and target.running("late"):
                started = time.monotonic() - asked
            time.sleep(1)
    ended = time.monotonic()
    target.until(
        lambda: all(target.call(spec)[0] == 200 for spec in many), "an answer of each version"
    )
    callable_s, after = time.monotonic() - ended, _pids(target, healthy)
    return {
        "busy_replacements": sum(after[name] != pid for name, pid in before.items()),
        "busy_callable_s": callable_s,
        "busy_hung_replaced_s": hung_replaced,
        "busy_start_s": started,
        "busy_calls": len(calls),
        "busy_failed_calls": sum(status != 200 for status, _seconds in calls),
        "busy_slowest_call_s": max(seconds for _status, seconds in calls),
    }


@contextmanager
def machine_load():
    """BUSY_TIMES busy processes for each processor."""
    spinning = [
        Process(target=_spin, daemon=True) for _ in range(BUSY_TIMES * (os.cpu_count() or 1))
    ]
    for process in spinning:
        process.start()
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
        for process in spinning:
            process.join()


def _spin():
    while True:
        pass


def _pids(target, specs):
    """{name: pid of its one replica}"""
    apps = target.driver.status()
    return {spec.name: apps[spec.name].running[0].pid for spec in specs}


def _stop_one(target, spec):
    """Seconds until the stopped replica of a version was replaced."""
    victim = target.app(spec.name).running[0].pid
    os.kill(victim, signal.SIGSTOP)
    return target.until(
        lambda: _replaced(target, spec.name, victim, 1), "the replacement of a hung one under load"
    )


class Front:
    """The gateway, called with a key."""

    def __init__(self, gateway, path, key):
        self._gateway, self._path, self._key = gateway, path, key

    def call(self, _spec, body=EXAMPLE):
        began = time.monotonic()
        status, _headers, _answer = self._gateway.infer(self._path, self._key, body.encode())
        return status, time.monotonic() - began


@contextmanager
def gateway_before(target, spec, folder):
    """A gateway of two processes before the engine, and a subscriber of the version."""
    from tests import factories
    from tests.gateway import Gateway, infer_path, live_version, subscriber

    version = live_version(
        factories.model(name=spec.name.title()), url=f"http://127.0.0.1:{target.port}"
    )
    _subscription, key = subscriber(version)
    with Gateway(folder / "gateway", workers=2) as gateway:
        yield Front(gateway, infer_path(version), key)


def _words(pid):
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


def _disturb(target, asked, spec, signum):
    """The Load that calls `asked` (the target or the gateway) while the version's first replica gets the signal."""
    victim = target.app(spec.name).running[0].pid
    wanted = spec.min_replicas
    with Load(asked, spec, threads=4, pause=0.01) as load:
        time.sleep(2)
        os.kill(victim, signum)
        load.replaced = target.until(
            lambda: _replaced(target, spec.name, victim, wanted), "the replacement"
        )
        load.recovered = load.replaced + target.until(
            lambda: asked.call(spec)[0] == 200, "an answer"
        )
        time.sleep(3)
    return load


def _replaced(target, name, victim, wanted):
    app = target.app(name)
    pids = [replica.pid for replica in app.running]
    return victim not in pids and len(pids) >= wanted


@contextmanager
def folder_for(cases):
    """A folder that goes away; with stores and a database where a case wants the gateway."""
    if WANTS_STORES & set(cases):
        with ground.ground() as folder:
            yield folder
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield Path(name)


def main(names):
    if unknown := set(names) - set(CASES):
        print(f"No case is called {', '.join(sorted(unknown))}. There are {', '.join(CASES)}.")
        return 2
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(1)
    )  # whoever ends it early leaves no engine and no busy process behind
    cases, facts = names or list(CASES), {}
    with folder_for(cases) as folder:
        with engine(folder) as target:
            for case in cases:
                facts |= CASES[case](target, folder)
        left = ray_head.processes(folder)
    facts = {
        key: round(value, 3) if isinstance(value, float) else value for key, value in facts.items()
    }
    facts["orphans"] = len(left)
    ground.table(
        f"bench.hosting: one engine on {os.cpu_count()} processors, load average {os.getloadavg()[0]:.0f}",
        [(key.replace("_", " "), str(value)) for key, value in facts.items()],
    )
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
