"""The fault matrix: whatever depends on Redis, Postgres or an upstream, which misbehave in six ways under load.

A known key is called all the time, and every so often a key that no process has seen. An outage is 503 with Retry-After (and
what a broken upstream is to its caller), never 401, 403 or 500; everything is as before five seconds after it ended, and
what was recorded is exactly what was answered.
"""

import threading
import time

import pytest

from consumption import actions as consumption
from consumption.models import QuotaPeriod, UsageEvent
from tests import factories
from tests.gateway import Load, infer_path, subscriber, until

pytestmark = [pytest.mark.xdist_group("gateway_stage")]
ROWS = {"redis": ("F1", "F2"), "postgres": ("F4", "F28"), "upstream": ("F11", "F12")}
MODES = ("refuse", "hang", "slow", "cut", "reset", "flap")
QUICK = {("postgres", "reset")}
SHORT = {("redis", "slow"), ("upstream", "cut")}
AN_OUTAGE = {200, 503}
A_BROKEN_UPSTREAM = {200, 502, 503, 504}
RECOVERED_WITHIN_S = 5
SLOW_MS = 1000
KEY_MADE_WITHIN_S = 4
RATE = 100
SHARES = {
    "redis": 0.3,
    "postgres": 0.2,
    "upstream": 0.05,
}  # of the replies that are cut: the rarer they are, the more
STORED_WITHIN_S = 45  # shipping notices after 30 s that its connection hangs


def cells(chosen, *marks):
    return [
        pytest.param(
            what, mode, marks=[pytest.mark.fault(*ROWS[what]), *marks], id=f"{what}-{mode}"
        )
        for what in ROWS
        for mode in MODES
        if (what, mode) in chosen
    ]


@pytest.mark.parametrize(("what", "mode"), cells(QUICK) + cells(SHORT, pytest.mark.slow))
def test_a_short_fault_is_at_worst_503_and_soon_over(
    faulty, stage, settings, injected_faults, tmp_path, what, mode
):
    cell = Cell(faulty, stage, what)
    injected_faults.watch(lambda: cell.proxy.injected)
    cell.run(mode, 1.0, tmp_path, settings, unseen=2)


@pytest.mark.parametrize(
    ("what", "mode"), cells({(what, mode) for what in ROWS for mode in MODES}, pytest.mark.chaos)
)
def test_a_fault_of_five_seconds_is_at_worst_503_and_soon_over(
    faulty, stage, settings, injected_faults, tmp_path, what, mode
):
    cell = Cell(faulty, stage, what)
    injected_faults.watch(lambda: cell.proxy.injected)
    said = cell.run(mode, 5.0, tmp_path, settings, unseen=6)
    assert what == "upstream" or said["p99_ms"] < SLOW_MS, (
        "one slow call opens the breaker; the others do not wait for it"
    )


class Cell:
    """One subscription and what happens to it; `answers` are (status, headers, body) of the calls made one by one."""

    def __init__(self, faulty, stage, what):
        self.faulty, self.stage, self.what = faulty, stage, what
        self.gateway, self.proxy = faulty.gateway, faulty.proxies[what]
        version = stage.version(url=f"http://{faulty.upstream.host}")
        self.subscription, self.key = subscriber(
            version, monthly_quota=100_000, rate_per_second=2 * RATE, burst=2 * RATE
        )
        self.proxy.share = SHARES[what]
        self.path = infer_path(version)
        self.answers = []

    def run(self, mode, seconds, folder, settings, unseen):
        """Load before, during and after the fault; then the checks. What the load said of itself."""
        keys = [self.new_key() for _ in range(unseen + 1)]
        until(lambda: self.ask(self.key) == 200, RECOVERED_WITHIN_S, self.gateway.said)
        load = Load(self.gateway, self.path, self.key, folder, 1.5 * seconds + 1.0, RATE)
        time.sleep(0.8)
        ended = misbehave(self.proxy, mode, seconds)
        for key in keys[:unseen]:
            self.ask(key)
        if self.what == "redis":
            self.ask(self.key_made_meanwhile(settings))
        assert ended.wait(60)
        until(lambda: self.ask(keys[unseen]) == 200, RECOVERED_WITHIN_S, self.gateway.said)
        said = load.result()
        self.check_answers(said)
        self.check_metering(said["acknowledged"])
        return said

    def ask(self, key):
        self.answers.append(self.gateway.infer(self.path, key))
        return self.answers[-1][0]

    def new_key(self):
        return consumption.create_key(factories.maya(), self.subscription)[1]

    def key_made_meanwhile(self, settings):
        """A key made while Redis misbehaves for the portal too: it is made within seconds."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(settings, "REDIS_URL", self.faulty.redis_url)
            began = time.monotonic()
            key = self.new_key()
            assert time.monotonic() - began < KEY_MADE_WITHIN_S
        return key

    def check_answers(self, said):
        allowed = A_BROKEN_UPSTREAM if self.what == "upstream" else AN_OUTAGE
        statuses = {int(status) for status in said["statuses"]} | {
            status for status, *_ in self.answers
        }
        broken_off = {0} if self.what == "upstream" else set()
        assert statuses <= allowed | broken_off, (said["statuses"], self.answers)
        assert all("retry-after" in headers for status, headers, _ in self.answers if status == 503)
        assert said["errors"] == 0 or self.what == "upstream"
        assert said["statuses"].get("200", 0) >= RATE / 5

    def check_metering(self, acknowledged):
        """What was answered with 200 is charged, each once, and nothing else; the quota's books agree."""
        ids = [
            *acknowledged,
            *(headers["x-request-id"] for status, headers, _ in self.answers if status == 200),
        ]
        mine = UsageEvent.objects.filter(subscription_id=self.subscription.pk)
        until(
            lambda: mine.filter(outcome="ok").count() >= len(ids),
            STORED_WITHIN_S,
            self.gateway.said,
        )
        assert sorted(
            one.hex for one in mine.filter(outcome="ok").values_list("event_id", flat=True)
        ) == sorted(ids)
        charged = sum(mine.values_list("units", flat=True))
        assert charged == len(ids)
        until(lambda: QuotaPeriod.objects.get(subscription=self.subscription).used == charged, 10)


def misbehave(proxy, mode, seconds):
    """Begin a fault that ends by itself; the Event that tells."""
    ended = threading.Event()

    def run():
        if mode == "flap":
            proxy.flap(seconds)
        else:
            proxy.set(mode)
            time.sleep(seconds)
            proxy.set("pass")
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    time.sleep(0.1)
    return ended
