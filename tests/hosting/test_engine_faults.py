"""What breaks below a version, on the real engine under real calls: its processes, and each part of the engine itself.

python3 manage.py test -m chaos tests/hosting/test_engine_faults.py -q
"""

import os
import signal
import time

import pytest

from hosting.models import Replica
from marketplace.notices.models import Notice
from tests.hosting import live

pytestmark = [pytest.mark.stack, pytest.mark.chaos]
KILLS = 20
WATCHED_S = 10  # what follows a kill: Ray misses its HAProxy after two seconds, and has a new one with its routes three seconds later
# What a replica of these small models takes to load on a busy machine with two processors.
START_S = 15


def told(name, **numbers):
    """A line for the report, with `-s`."""
    print(
        f"\n{name}: "
        + ", ".join(
            f"{key} {value:.2f}" if isinstance(value, float) else f"{key} {value}"
            for key, value in numbers.items()
        )
    )


@pytest.mark.fault("F14")
def test_a_stopped_replica_is_replaced(hosted, injected_faults):
    """It neither works nor dies. The engine gives it up within five seconds; whoever was waiting is asked again elsewhere."""
    others = hosted.pids(hosted.looping, hosted.hungry)
    caller, victim = hosted.caller(hosted.steady), hosted.only_pid(hosted.steady)
    with live.Load(caller, rate=50) as load:
        time.sleep(1)
        os.kill(victim, signal.SIGSTOP)
        injected_faults.add()
        noticed = hosted.seconds_until(lambda: live.is_gone(victim), 5.5)
        answered = noticed + hosted.seconds_until(caller.works, START_S)
        time.sleep(1)
    told(
        "SIGSTOP",
        noticed_s=noticed,
        answered_s=answered,
        statuses=dict(load.statuses),
        gap_s=load.gap,
    )
    assert not load.wrong
    assert load.success_percent >= 99
    hosted.until_ready(hosted.steady)
    assert Replica.objects.get(deployment__version=hosted.steady, pid=victim).state == "crashed"
    assert hosted.pids(hosted.looping, hosted.hungry) == others


@pytest.mark.fault("F14")
def test_a_wedged_inference_is_ended_and_its_replica_replaced(hosted, injected_faults):
    """A run that never comes back: its caller is told after the version's own limit, and five seconds later it is gone."""
    others = hosted.pids(hosted.steady, hosted.hungry)
    caller, victim = hosted.caller(hosted.looping), hosted.only_pid(hosted.looping)
    assert caller.call(100_000.0)[0] == 200, "a long run that ends in time is no fault"
    began = time.monotonic()
    status, _headers, problem = caller.call(1e12)
    assert (status, problem["type"]) == (504, "/docs/problems/model-late")
    injected_faults.add()
    assert victim in hosted.replica_pids(hosted.looping)
    hosted.seconds_until(lambda: live.is_gone(victim), live.TIMEOUT_S + 5.5)
    noticed = time.monotonic() - began
    answered = noticed + hosted.seconds_until(lambda: caller.call(1.0)[0] == 200, START_S)
    told("wedged inference", limit_s=live.TIMEOUT_S, noticed_s=noticed, answered_s=answered)
    assert hosted.pids(hosted.steady, hosted.hungry) == others
    hosted.until_ready(hosted.looping)


@pytest.mark.fault("F14")
def test_the_only_replica_is_killed(hosted, injected_faults):
    caller, victim = hosted.caller(hosted.steady), hosted.only_pid(hosted.steady)
    with live.Load(caller, rate=100) as load:
        time.sleep(1)
        os.kill(victim, signal.SIGKILL)
        injected_faults.add()
        hosted.seconds_until(lambda: hosted.replica_pids(hosted.steady) - {victim}, START_S)
        answered = hosted.seconds_until(caller.works, START_S)
        time.sleep(1)
    told(
        "kill -9 of the only one", answered_s=answered, statuses=dict(load.statuses), gap_s=load.gap
    )
    assert not load.wrong
    assert load.gap <= 15 + START_S
    hosted.until_ready(hosted.steady)


@pytest.mark.fault("F14")
def test_twenty_kills_with_two_replicas(hosted, injected_faults):
    """Under 100 calls a second nearly all succeed, none is answered by the wrong version, and the version is not given up."""
    caller = hosted.caller(hosted.steady)
    hosted.size(hosted.steady, 2)
    restarts = live.deployment(hosted.steady).restarts
    with live.Load(caller, rate=100) as load:
        for kill in range(KILLS):
            found = hosted.stack.wait_until(lambda: two_of(hosted, hosted.steady), 60)
            os.kill(sorted(found)[kill % 2], signal.SIGKILL)
            injected_faults.add()
            time.sleep(0.5)
        hosted.until_ready(hosted.steady, 2)
    told(
        "20 kills of one of two",
        success_percent=load.success_percent,
        calls=len(load.calls),
        statuses=dict(load.statuses),
        gap_s=load.gap,
    )
    assert load.success_percent >= 99.5
    assert not load.wrong
    # The portal looks every three seconds: a successor that runs before the dead one is off the list looks like a change of size.
    assert KILLS - 4 <= live.deployment(hosted.steady).restarts - restarts <= KILLS
    assert (
        Notice.objects.filter(
            kind="deployment.crashing", recipient=hosted.steady.created_by
        ).count()
        == 1
    )
    hosted.size(hosted.steady, 1)


def two_of(hosted, version):
    """Both replicas, when both answer: the portal has seen them run."""
    found = hosted.replica_pids(version)
    return found if len(found) == 2 and found == live.pids(version) else None


@pytest.mark.fault("F14")
def test_a_call_that_wants_too_much_memory_is_refused_alone(hosted, injected_faults):
    caller, neighbour = hosted.caller(hosted.hungry), hosted.caller(hosted.steady)
    before = hosted.pids(hosted.steady, hosted.looping, hosted.hungry)
    with live.Load(neighbour, rate=20, threads=4) as load:
        status, _headers, problem = caller.call(3e7)
        assert (status, problem["type"]) == (502, "/docs/problems/model-failed")
        injected_faults.add()
        assert caller.call(1.0)[0] == 200, "the same process answers the next call"
    assert load.success_percent == 100 and not load.wrong
    assert hosted.pids(hosted.steady, hosted.looping, hosted.hungry) == before
    notices = Notice.objects.filter(kind="deployment.memory", recipient=hosted.hungry.created_by)
    hosted.stack.wait_until(notices.exists, 120)
    assert notices.get().body.startswith("Out of memory: 1 of its calls")


@pytest.mark.parametrize(
    ("part", "words", "back_within_s"),
    [
        ("HAProxy", "bin/haproxy -db", 15),
        ("HAProxy's keeper", "ray::HAProxyManager", 15),
        ("the controller", "ray::ServeController", 30),
        ("the dashboard", "dashboard/dashboard.py", 120),
        ("the head's store", "gcs/gcs_server", 30),
    ],
)
@pytest.mark.fault("F14")
def test_a_part_of_the_engine_is_killed_and_no_call_notices(
    hosted, injected_faults, part, words, back_within_s
):
    """It comes back by itself, and the same processes answer all the time."""
    before, restarts = hosted.pids(*hosted.versions.values()), restarts_of(hosted)
    load, numbers = kill_under_load(hosted, injected_faults, words, back_within_s)
    after = hosted.pids(*hosted.versions.values())
    told(f"kill -9 of {part}", **numbers, same_processes=after == before)
    assert not load.wrong
    assert load.gap < 1
    assert load.success_percent == 100
    assert (after, restarts_of(hosted)) == (before, restarts)


@pytest.mark.fault("F14")
def test_the_raylet_is_killed_and_the_whole_head_is_started_anew(hosted, injected_faults):
    """Every version that ran comes back by itself, nobody's replica is said to have crashed, and operations are told meanwhile."""
    restarts = restarts_of(hosted)
    load, numbers = kill_under_load(hosted, injected_faults, "raylet/raylet", 120)
    told("kill -9 of the raylet", **numbers)
    assert not load.wrong
    assert restarts_of(hosted) == restarts


def kill_under_load(hosted, injected_faults, words, back_within_s):
    """(Load, what to report) of SIGKILL to the one process with these words, until its successor runs and every version is ready."""
    caller, said = hosted.caller(hosted.steady), set()
    with live.Load(caller, rate=50, threads=10) as load:
        time.sleep(1)
        (victim,) = hosted.engine_pids(words)
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        injected_faults.add()

        def is_back():
            said.add(hosted.alerts())
            return part_runs(hosted, words, victim) and caller.works()

        hosted.stack.wait_until(is_back, back_within_s)
        back = time.monotonic() - began
        for version in hosted.versions.values():
            hosted.until_ready(version)
        settled = time.monotonic() - began
        time.sleep(max(0.0, WATCHED_S - settled))
    return load, {
        "back_s": back,
        "every_version_ready_s": settled,
        "statuses": dict(load.statuses),
        "gap_s": load.gap,
        "operations": sorted(said),
    }


def restarts_of(hosted):
    return {version.pk: live.deployment(version).restarts for version in hosted.versions.values()}


def part_runs(hosted, words, victim):
    found = hosted.engine_pids(words)
    return found and victim not in found
