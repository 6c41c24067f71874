"""What breaks below a version, on the real engine under real calls: its processes, and each part of the engine itself.

    python3 manage.py test -m chaos tests/hosting/test_engine_faults.py -q
"""

import os
import signal
import time

import pytest

from catalog.models import ModelVersion, RegisteredModel
from hosting import actions, watch
from hosting.models import Replica
from marketplace.notices.models import Notice
from tests import cast
from tests.hosting import live, packages

pytestmark = [pytest.mark.stack, pytest.mark.chaos]
STEADY, LOOPING, HUNGRY = "Steady check", "Looping check", "Hungry check"
TIMEOUT_S = 2
KILLS = 20
START_S = 15  # what a replica of these small models takes to load on a busy machine with two processors


@pytest.fixture
def chaos(stack, stack_orm, tmp_path):
    """A Chaos: the stack, with three small versions published on it."""
    with stack_orm():
        yield Chaos(stack, tmp_path)


class Chaos:
    """`steady`, `looping` and `hungry` are published versions, made by the first test that needs them."""

    def __init__(self, stack, folder):
        self.stack = stack
        self.versions = {
            STEADY: self._version(folder, STEADY, cast.tiny_onnx()),
            LOOPING: self._version(folder, LOOPING, packages.looping(), timeout_s=TIMEOUT_S),
            HUNGRY: self._version(folder, HUNGRY, packages.hungry()),
        }
        for version in self.versions.values():
            stack.wait_until(lambda version=version: live.is_published(version), 180)
            self.size(version, 1)
        self.steady, self.looping, self.hungry = self.versions.values()

    def _version(self, folder, name, content, **sla):
        entry = RegisteredModel.objects.filter(name=name).first() or cast.model(name=name)
        return ModelVersion.objects.filter(model=entry).first() or live.approve(folder, entry, content=content, **sla)

    def pids(self, *versions):
        return {version.pk: live.replica_pids(self.stack, version) for version in versions}

    def only_pid(self, version):
        """Of its one replica, when the portal has seen it too."""
        return self.stack.wait_until(lambda: self._only_pid(version), 60)

    def _only_pid(self, version):
        found = live.replica_pids(self.stack, version)
        return next(iter(found)) if len(found) == 1 and found == live.pids(version) else None

    def until_ready(self, version, replicas=1, seconds=120):
        """Seconds until the portal says so."""
        began = time.monotonic()
        self.stack.wait_until(lambda: self._is_ready(version, replicas), seconds)
        return time.monotonic() - began

    def _is_ready(self, version, replicas):
        return live.deployment(version).state == "ready" and len(live.replica_pids(self.stack, version)) == replicas == len(live.pids(version))

    def size(self, version, replicas):
        """Exactly so many replicas: none is added for a queue of calls that a fault has made."""
        actions.scale(version.created_by, live.deployment(version), minimum=replicas, maximum=replicas, target_ongoing_requests=8)
        self.until_ready(version, replicas)

    def seconds_until(self, condition, seconds=120):
        began = time.monotonic()
        self.stack.wait_until(condition, seconds)
        return time.monotonic() - began

    def troubles(self):
        """What the operations page says now."""
        watch.cache.clear()
        return " ".join(str(trouble) for trouble in watch.overview()["troubles"])


def told(name, **numbers):
    """A line for the report, with `-s`."""
    print(f"\n{name}: " + ", ".join(f"{key} {value:.2f}" if isinstance(value, float) else f"{key} {value}" for key, value in numbers.items()))


@pytest.mark.fault("F14")
def test_a_stopped_replica_is_replaced(chaos, fired):
    """It neither works nor dies. The engine gives it up within five seconds; whoever was waiting is asked again elsewhere."""
    others = chaos.pids(chaos.looping, chaos.hungry)
    caller, victim = live.Caller(chaos.stack, chaos.steady), chaos.only_pid(chaos.steady)
    with live.Load(caller, rate=50) as load:
        time.sleep(1)
        os.kill(victim, signal.SIGSTOP)
        fired.add()
        noticed = chaos.seconds_until(lambda: live.is_gone(victim), 5.5)
        answered = noticed + chaos.seconds_until(caller.works, START_S)
        time.sleep(1)
    told("SIGSTOP", noticed_s=noticed, answered_s=answered, statuses=dict(load.statuses), gap_s=load.gap)
    assert not load.wrong
    assert load.success_percent >= 99
    chaos.until_ready(chaos.steady)
    assert Replica.objects.get(deployment__version=chaos.steady, pid=victim).state == "crashed"
    assert chaos.pids(chaos.looping, chaos.hungry) == others


@pytest.mark.fault("F14")
def test_a_wedged_inference_is_ended_and_its_replica_replaced(chaos, fired):
    """A run that never comes back: its caller is told after the version's own limit, and five seconds later it is gone."""
    others = chaos.pids(chaos.steady, chaos.hungry)
    caller, victim = live.Caller(chaos.stack, chaos.looping), chaos.only_pid(chaos.looping)
    assert caller.call(100_000.0)[0] == 200, "a long run that ends in time is no fault"
    began = time.monotonic()
    status, _headers, problem = caller.call(1e12)
    assert (status, problem["type"]) == (504, "/docs/problems/model-late")
    fired.add()
    assert victim in live.replica_pids(chaos.stack, chaos.looping)
    chaos.seconds_until(lambda: live.is_gone(victim), TIMEOUT_S + 5.5)
    noticed = time.monotonic() - began
    answered = noticed + chaos.seconds_until(lambda: caller.call(1.0)[0] == 200, START_S)
    told("wedged inference", limit_s=TIMEOUT_S, noticed_s=noticed, answered_s=answered)
    assert chaos.pids(chaos.steady, chaos.hungry) == others
    chaos.until_ready(chaos.looping)


@pytest.mark.fault("F14")
def test_the_only_replica_is_killed(chaos, fired):
    caller, victim = live.Caller(chaos.stack, chaos.steady), chaos.only_pid(chaos.steady)
    with live.Load(caller, rate=100) as load:
        time.sleep(1)
        os.kill(victim, signal.SIGKILL)
        fired.add()
        chaos.seconds_until(lambda: live.replica_pids(chaos.stack, chaos.steady) - {victim}, START_S)
        answered = chaos.seconds_until(caller.works, START_S)
        time.sleep(1)
    told("kill -9 of the only one", answered_s=answered, statuses=dict(load.statuses), gap_s=load.gap)
    assert not load.wrong
    assert load.gap <= 15 + START_S
    chaos.until_ready(chaos.steady)


@pytest.mark.fault("F14")
def test_twenty_kills_with_two_replicas(chaos, fired):
    """Under 100 calls a second nearly all succeed, none is answered by the wrong version, and the version is not given up."""
    caller = live.Caller(chaos.stack, chaos.steady)
    chaos.size(chaos.steady, 2)
    restarts = live.deployment(chaos.steady).restarts
    with live.Load(caller, rate=100) as load:
        for kill in range(KILLS):
            found = chaos.stack.wait_until(lambda: two_of(chaos, chaos.steady), 60)
            os.kill(sorted(found)[kill % 2], signal.SIGKILL)
            fired.add()
            time.sleep(0.5)
        chaos.until_ready(chaos.steady, 2)
    told("20 kills of one of two", success_percent=load.success_percent, calls=len(load.calls), statuses=dict(load.statuses), gap_s=load.gap)
    assert load.success_percent >= 99.5
    assert not load.wrong
    assert live.deployment(chaos.steady).restarts - restarts == KILLS
    assert Notice.objects.filter(kind="deployment.crashing", recipient=chaos.steady.created_by).count() == 1
    chaos.size(chaos.steady, 1)


def two_of(chaos, version):
    """Both replicas, when both answer: the portal has seen them run."""
    found = live.replica_pids(chaos.stack, version)
    return found if len(found) == 2 and found == live.pids(version) else None


@pytest.mark.fault("F14")
def test_a_call_that_wants_too_much_memory_is_refused_alone(chaos, fired):
    caller, neighbour = live.Caller(chaos.stack, chaos.hungry), live.Caller(chaos.stack, chaos.steady)
    before = chaos.pids(chaos.steady, chaos.looping, chaos.hungry)
    with live.Load(neighbour, rate=20, threads=4) as load:
        status, _headers, problem = caller.call(3e7)
        assert (status, problem["type"]) == (502, "/docs/problems/model-failed")
        fired.add()
        assert caller.call(1.0)[0] == 200, "the same process answers the next call"
    assert load.success_percent == 100 and not load.wrong
    assert chaos.pids(chaos.steady, chaos.looping, chaos.hungry) == before
    notices = Notice.objects.filter(kind="deployment.memory", recipient=chaos.hungry.created_by)
    chaos.stack.wait_until(notices.exists, 120)
    assert notices.get().body.startswith("Out of memory: 1 of its calls")


@pytest.mark.parametrize(
    ("part", "words", "back_within_s"),
    [
        ("HAProxy", "bin/haproxy -db", 15),
        ("the controller", "ray::ServeController", 30),
        ("the dashboard", "dashboard/dashboard.py", 120),
        ("the head's store", "gcs/gcs_server", 120),
    ],
)
@pytest.mark.fault("F14")
def test_a_part_of_the_engine_is_killed(chaos, fired, part, words, back_within_s):
    """Serving goes on, or comes back by itself with every version that ran, and the operations page says what is wrong meanwhile."""
    caller = live.Caller(chaos.stack, chaos.steady)
    before = chaos.pids(*chaos.versions.values())
    restarts = {version.pk: live.deployment(version).restarts for version in chaos.versions.values()}
    said = set()
    with live.Load(caller, rate=20, threads=10) as load:
        time.sleep(1)
        (victim,) = live.engine_pids(chaos.stack, words)
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        fired.add()

        def is_back():
            said.add(chaos.troubles())
            return part_runs(chaos, words, victim) and caller.works()

        chaos.stack.wait_until(is_back, back_within_s)
        back = time.monotonic() - began
        for version in chaos.versions.values():
            chaos.until_ready(version)
        settled = time.monotonic() - began
    told(f"kill -9 of {part}", back_s=back, every_version_ready_s=settled, statuses=dict(load.statuses), gap_s=load.gap,
         same_processes=chaos.pids(*chaos.versions.values()) == before, operations=sorted(said))  # fmt: skip
    assert not load.wrong
    assert {version.pk: live.deployment(version).restarts for version in chaos.versions.values()} == restarts
    assert not {live.deployment(version).state for version in chaos.versions.values()} - {"ready"}


def part_runs(chaos, words, victim):
    found = live.engine_pids(chaos.stack, words)
    return found and victim not in found
