"""A monthly quota through a real gateway: never overrun, and what nobody holds any more can be spent."""

import contextlib
import os
import signal
import time

import pytest
import redis

from consumption.models import QuotaPeriod, UsageEvent
from tests.gateway import Faulty, Load, infer_path, subscriber, until

pytestmark = [pytest.mark.xdist_group("gateway_stage"), pytest.mark.fault("F25")]
LIMITS = (1, 10, 100, 2000)
PROCESSES = 8
USABLE_WITHIN_S = 60


@pytest.fixture(scope="module")
def eight(gateway_stage, tmp_path_factory):
    """A gateway of eight processes, each with a share of two cores."""
    with Faulty(gateway_stage, tmp_path_factory.mktemp("eight"), PROCESSES) as faulty:
        yield faulty


@pytest.fixture
def faulty(eight, stage):
    yield eight
    eight.heal()


class Race:
    """Several connections ask for more than the quota while something happens; then one caller asks for what is left."""

    def __init__(self, gateway, stage, limit, folder):
        version = stage.version()
        self.gateway, self.limit, self.folder = gateway, limit, folder
        self.subscription, self.key = subscriber(version, monthly_quota=limit)
        self.path = infer_path(version)
        self.acknowledged = [
            self.gateway.infer(self.path, self.key)[0] for _ in range(limit // 100)
        ].count(200)  # leases are out

    def run(self, seconds, happens):
        """Ask for one and a half times the limit, and `happens(n)` every half second; nothing but 200, 429 and 503 is answered."""
        load = Load(
            self.gateway,
            self.path,
            self.key,
            self.folder,
            seconds,
            max(40, 1.5 * self.limit / seconds),
            connections=32,
        )
        number = 0
        while not load.is_over():
            time.sleep(0.5)
            happens(number)
            number += 1
        said = load.result()
        self.acknowledged += said["statuses"].get("200", 0)
        assert set(said["statuses"]) <= {"200", "429", "503"}, said["statuses"]
        assert 1 <= self.acknowledged <= self.limit
        assert QuotaPeriod.objects.get(subscription=self.subscription).leased <= self.limit

    def use_up(self):
        """All is quiet: within a minute the whole limit is charged, and then not one more."""
        until(
            self.is_used_up,
            USABLE_WITHIN_S,
            lambda: f"{self.charged()} of {self.limit}. {self.gateway.said()}",
        )
        until(lambda: set(self.ask(2 * PROCESSES)) == {429}, 10, self.gateway.said)
        assert self.charged() <= self.limit

    def is_used_up(self):
        self.ask(20)
        return self.charged() == self.limit

    def ask(self, count):
        """Statuses of so many calls, one after the other."""
        found = [self.gateway.infer(self.path, self.key)[0] for _ in range(count)]
        self.acknowledged += found.count(200)
        assert self.acknowledged <= self.limit
        return found

    def charged(self):
        """Units of the recorded events."""
        return sum(
            UsageEvent.objects.filter(subscription_id=self.subscription.pk).values_list(
                "units", flat=True
            )
        )


@contextlib.contextmanager
def paused(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_no_process_keeps_a_unit_that_a_call_at_another_needs(stage):
    version = stage.version()
    _, key = subscriber(version, monthly_quota=6)
    workers = stage.gateway.children()
    found = []
    for other in ("0", "1", "0", "0", "1", "1", "0", "1"):
        with paused(workers[other]):
            found.append(stage.gateway.infer(infer_path(version), key)[0])
        time.sleep(0.05)  # what a process asks for after a call has been answered
    assert found == [200] * 6 + [429] * 2


@pytest.mark.slow
def test_a_killed_process_takes_nothing_with_it(stage, injected_faults, tmp_path):
    race = Race(stage.gateway, stage, 1000, tmp_path)  # leases of 5
    injected_faults.add(stage.gateway.kill("0"))
    race.run(2, lambda number: None)
    race.use_up()


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(
    "happening",
    ["nothing", "redis away", "redis flushed", "a process killed", "postgres replies cut"],
)
def test_eight_processes_never_overrun_and_all_of_it_is_usable(
    faulty, stage, injected_faults, tmp_path, happening, limit
):
    server = redis.Redis.from_url(stage.gateway.redis_url)

    def happens(number):
        if happening == "redis flushed":
            injected_faults.add(server.flushdb())
        elif happening == "a process killed" and number == 0:
            injected_faults.add(faulty.gateway.kill(str(limit % PROCESSES)))

    if happening == "nothing":
        injected_faults.add()
    elif happening == "redis away":
        injected_faults.watch(lambda: faulty.redis.injected)
        faulty.redis.set("refuse")
    elif happening == "postgres replies cut":
        injected_faults.watch(lambda: faulty.postgres.injected)
        faulty.postgres.set("cut")
    race = Race(faulty.gateway, stage, limit, tmp_path)
    race.run(3, happens)
    faulty.postgres.set("pass")
    race.use_up()
