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
START_S = (
    15  # what a replica of these small models takes to load on a busy machine with two processors
)


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
def test_a_stopped_replica_is_replaced(fleet, fired):
    """It neither works nor dies. The engine gives it up within five seconds; whoever was waiting is asked again elsewhere."""
    others = fleet.pids(fleet.looping, fleet.hungry)
    caller, victim = fleet.caller(fleet.steady), fleet.only_pid(fleet.steady)
    with live.Load(caller, rate=50) as load:
        time.sleep(1)
        os.kill(victim, signal.SIGSTOP)
        fired.add()
        noticed = fleet.seconds_until(lambda: live.is_gone(victim), 5.5)
        answered = noticed + fleet.seconds_until(caller.works, START_S)
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
    fleet.until_ready(fleet.steady)
    assert Replica.objects.get(deployment__version=fleet.steady, pid=victim).state == "crashed"
    assert fleet.pids(fleet.looping, fleet.hungry) == others


@pytest.mark.fault("F14")
def test_a_wedged_inference_is_ended_and_its_replica_replaced(fleet, fired):
    """A run that never comes back: its caller is told after the version's own limit, and five seconds later it is gone."""
    others = fleet.pids(fleet.steady, fleet.hungry)
    caller, victim = fleet.caller(fleet.looping), fleet.only_pid(fleet.looping)
    assert caller.call(100_000.0)[0] == 200, "a long run that ends in time is no fault"
    began = time.monotonic()
    status, _headers, problem = caller.call(1e12)
    assert (status, problem["type"]) == (504, "/docs/problems/model-late")
    fired.add()
    assert victim in fleet.replica_pids(fleet.looping)
    fleet.seconds_until(lambda: live.is_gone(victim), live.TIMEOUT_S + 5.5)
    noticed = time.monotonic() - began
    answered = noticed + fleet.seconds_until(lambda: caller.call(1.0)[0] == 200, START_S)
    told("wedged inference", limit_s=live.TIMEOUT_S, noticed_s=noticed, answered_s=answered)
    assert fleet.pids(fleet.steady, fleet.hungry) == others
    fleet.until_ready(fleet.looping)


@pytest.mark.fault("F14")
def test_the_only_replica_is_killed(fleet, fired):
    caller, victim = fleet.caller(fleet.steady), fleet.only_pid(fleet.steady)
    with live.Load(caller, rate=100) as load:
        time.sleep(1)
        os.kill(victim, signal.SIGKILL)
        fired.add()
        fleet.seconds_until(lambda: fleet.replica_pids(fleet.steady) - {victim}, START_S)
        answered = fleet.seconds_until(caller.works, START_S)
        time.sleep(1)
    told(
        "kill -9 of the only one", answered_s=answered, statuses=dict(load.statuses), gap_s=load.gap
    )
    assert not load.wrong
    assert load.gap <= 15 + START_S
    fleet.until_ready(fleet.steady)


@pytest.mark.fault("F14")
def test_twenty_kills_with_two_replicas(fleet, fired):
    """Under 100 calls a second nearly all succeed, none is answered by the wrong version, and the version is not given up."""
    caller = fleet.caller(fleet.steady)
    fleet.size(fleet.steady, 2)
    restarts = live.deployment(fleet.steady).restarts
    with live.Load(caller, rate=100) as load:
        for kill in range(KILLS):
            found = fleet.stack.wait_until(lambda: two_of(fleet, fleet.steady), 60)
            os.kill(sorted(found)[kill % 2], signal.SIGKILL)
            fired.add()
            time.sleep(0.5)
        fleet.until_ready(fleet.steady, 2)
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
    assert KILLS - 4 <= live.deployment(fleet.steady).restarts - restarts <= KILLS
    assert (
        Notice.objects.filter(kind="deployment.crashing", recipient=fleet.steady.created_by).count()
        == 1
    )
    fleet.size(fleet.steady, 1)


def two_of(fleet, version):
    """Both replicas, when both answer: the portal has seen them run."""
    found = fleet.replica_pids(version)
    return found if len(found) == 2 and found == live.pids(version) else None


@pytest.mark.fault("F14")
def test_a_call_that_wants_too_much_memory_is_refused_alone(fleet, fired):
    caller, neighbour = fleet.caller(fleet.hungry), fleet.caller(fleet.steady)
    before = fleet.pids(fleet.steady, fleet.looping, fleet.hungry)
    with live.Load(neighbour, rate=20, threads=4) as load:
        status, _headers, problem = caller.call(3e7)
        assert (status, problem["type"]) == (502, "/docs/problems/model-failed")
        fired.add()
        assert caller.call(1.0)[0] == 200, "the same process answers the next call"
    assert load.success_percent == 100 and not load.wrong
    assert fleet.pids(fleet.steady, fleet.looping, fleet.hungry) == before
    notices = Notice.objects.filter(kind="deployment.memory", recipient=fleet.hungry.created_by)
    fleet.stack.wait_until(notices.exists, 120)
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
    fleet, fired, part, words, back_within_s
):
    """It comes back by itself, and the same processes answer all the time."""
    before, restarts = fleet.pids(*fleet.versions.values()), restarts_of(fleet)
    load, numbers = kill_under_load(fleet, fired, words, back_within_s)
    after = fleet.pids(*fleet.versions.values())
    told(f"kill -9 of {part}", **numbers, same_processes=after == before)
    assert not load.wrong
    assert load.gap < 1
    assert load.success_percent == 100
    assert (after, restarts_of(fleet)) == (before, restarts)


@pytest.mark.fault("F14")
def test_the_raylet_is_killed_and_the_whole_head_is_started_anew(fleet, fired):
    """Every version that ran comes back by itself, nobody's replica is said to have crashed, and operations are told meanwhile."""
    restarts = restarts_of(fleet)
    load, numbers = kill_under_load(fleet, fired, "raylet/raylet", 120)
    told("kill -9 of the raylet", **numbers)
    assert not load.wrong
    assert restarts_of(fleet) == restarts


def kill_under_load(fleet, fired, words, back_within_s):
    """(Load, what to report) of SIGKILL to the one process with these words, until its successor runs and every version is ready."""
    caller, said = fleet.caller(fleet.steady), set()
    with live.Load(caller, rate=50, threads=10) as load:
        time.sleep(1)
        (victim,) = fleet.engine_pids(words)
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        fired.add()

        def is_back():
            said.add(fleet.alerts())
            return part_runs(fleet, words, victim) and caller.works()

        fleet.stack.wait_until(is_back, back_within_s)
        back = time.monotonic() - began
        for version in fleet.versions.values():
            fleet.until_ready(version)
        settled = time.monotonic() - began
        time.sleep(max(0.0, WATCHED_S - settled))
    return load, {
        "back_s": back,
        "every_version_ready_s": settled,
        "statuses": dict(load.statuses),
        "gap_s": load.gap,
        "operations": sorted(said),
    }


def restarts_of(fleet):
    return {version.pk: live.deployment(version).restarts for version in fleet.versions.values()}


def part_runs(fleet, words, victim):
    found = fleet.engine_pids(words)
    return found and victim not in found
