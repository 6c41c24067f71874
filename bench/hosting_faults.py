"""What consumers notice of kills, hangs and a lost ingress. Counted by callers of the gateway; `direct_…` is past it."""

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.hosting_engine import EXAMPLE, Load, one_version, was_replaced
from hosting.drivers import ray_head
from tests.hosting import packages

KILLS = 20
RATE = 100
WEDGE_LIMIT_S = 3
LOOPING = {
    "content": packages.looping(),
    "signature": packages.PLAIN,
    "example": packages.plain_request(),
}
ENDLESS = json.dumps(packages.plain_request(1e12))


def before_the_gateway(target, folder):
    """What consumers notice of kills and hangs."""
    steady = one_version(target)
    with gateway_before(target, steady, folder) as front:
        return (
            killing(target, front, steady)
            | hanging(target, front, steady)
            | killing_often(target, front, steady)
        )


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
    replaced = target.until(lambda: was_replaced(target, "endless", victim, 1), "the replacement")
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
            lambda: was_replaced(target, spec.name, victim, wanted), "the replacement"
        )
        load.recovered = load.replaced + target.until(
            lambda: asked.call(spec)[0] == 200, "an answer"
        )
        time.sleep(3)
    return load
