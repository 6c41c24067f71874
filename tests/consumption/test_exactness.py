"""Events, hours, days and statements agree to the unit, whatever is doubled, late, killed, or torn between two statements."""

import os
import random
from collections import Counter
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from consumption.metering import quota, rollups, shipping, usage_journal
from consumption.models import (
    JournalPosition,
    QuotaLease,
    QuotaPeriod,
    StaleHour,
    UsageDay,
    UsageEvent,
    UsageHour,
)
from tests.consumption import crash
from tests.consumption.billing_state import OF_DAYS, assert_exact, empty, rows, who_of
from tests.gateway import subscriber

MILLION = 1_000_000
DOUBLED, LATE = 0.05, 0.02
KILLS = 20


# One million events


class Plan:
    """What is written, and what therefore has to be counted: {(subscription, version, day): calls}."""

    def __init__(self, folder, people, middle, count):
        self.folder, self.people, self.middle, self.count = folder, people, middle, count
        self.source = random.Random(26)
        self.expected = Counter()
        self.units = Counter()

    def write(self):
        """The journals of three writers, and of one who wrote some of their calls a second time."""
        writers = [usage_journal.UsageJournal(self.folder) for _ in range(3)]
        for number in range(self.count):
            self._one(writers[number % 3], self.people[number % len(self.people)], number)
        for writer in writers:
            writer.close()
        self._double()

    def _one(self, writer, who, number):
        """Two days to both sides of the month's end in order of time; the late ones up to nine days before."""
        offset_s = (number / self.count - 0.5) * 4 * 86400
        if self.source.random() < LATE:
            offset_s -= self.source.random() * 9 * 86400
        at_us = self.middle + int(offset_s * 1e6)
        units = int(number % 10 != 0)
        ticket = writer.start(at_us, who, 100, 0)
        writer.end(
            ticket,
            number % 5000,
            200,
            units,
            200 if units else 502,
            usage_journal.OK if units else usage_journal.UPSTREAM_ERROR,
        )
        day = datetime.fromtimestamp(at_us / 1e6, UTC).date()
        self.expected[who[0], who[5], day] += 1
        self.units[who[0], day.replace(day=1)] += units

    def _double(self):
        """One in twenty calls once more, in segments of a owner that nobody knows."""
        whole = [path.read_bytes() for path in usage_journal.segments(self.folder)]
        starts = [
            (segment, usage_journal.HEADER + slot * usage_journal.SLOT)
            for segment in whole
            for slot in range(usage_journal.SLOTS)
        ]
        used = [(segment, at) for segment, at in starts if segment[at]]
        chosen = self.source.sample(used, int(len(used) * DOUBLED))
        for number in range(0, len(chosen), usage_journal.SLOTS):
            slots = b"".join(
                segment[at : at + usage_journal.SLOT]
                for segment, at in chosen[number : number + usage_journal.SLOTS]
            )
            (self.folder / f"again-{number:06d}.segment").write_bytes(
                whole[0][: usage_journal.HEADER] + slots
            )


def ship_and_roll_up(folder):
    shipping.Shipper(folder).ship()
    rollups.roll_up_all()


@pytest.mark.slow
@pytest.mark.fault("F26", "F7")
def test_a_million_events_doubled_late_and_killed_are_counted_exactly(
    clean, tmp_path, injected_faults
):
    middle = quota.next_period(quota.period_start(timezone.now()))
    rollups.open_next_month()
    middle_us = int(datetime(middle.year, middle.month, 1, tzinfo=UTC).timestamp()) * 1_000_000
    versions = [clean.version() for _ in range(3)]
    people = [
        who_of(subscriber(version, monthly_quota=10**9)[0], version)
        for version in versions
        for _ in range(2)
    ]
    plan = Plan(tmp_path, people, middle_us, MILLION)
    plan.write()
    for subscription, month in plan.units:
        quota.take(subscription, month, 10**9, plan.units[subscription, month], "somebody")
    points = random.Random(7)
    kills = 0
    while kills < KILLS:
        if kills % 2:
            killed = crash.kill_after(lambda: ship_and_roll_up(tmp_path), points.uniform(0.2, 3))
        else:
            killed = (
                crash.run(lambda: ship_and_roll_up(tmp_path), deadly=points.randrange(1, 80)) == 0
            )
        kills += killed
        injected_faults.add(killed)
        if not any(usage_journal.segments(tmp_path)):
            rollups.mark_all_stale()  # all is shipped: the rest of the kills is the roll-up's
    crash.run(lambda: ship_and_roll_up(tmp_path))
    subscriptions = [who[0] for who in people]
    assert sum(calls for *_, calls, _ in rows(OF_DAYS, subscriptions)) == MILLION
    counted = {
        (row.subscription_id, row.version_id, row.day): row.calls
        for row in UsageDay.objects.filter(subscription__in=subscriptions)
    }
    assert counted == plan.expected
    used = {
        (row.subscription_id, row.period_start): row.used
        for row in QuotaPeriod.objects.filter(subscription__in=subscriptions)
    }
    assert used == plan.units and len({month for _, month in used}) == 2
    assert_exact(subscriptions)


# Every boundary between two statements


def books_now(folder):
    """All that a crash may not change, in one comparable value."""
    return {
        "events": sorted(UsageEvent.objects.values_list("event_id", "outcome", "units")),
        "hours": sorted(
            UsageHour.objects.values_list(
                "hour", "subscription", "version", "calls", "units", "p95_us"
            )
        ),
        "days": sorted(
            UsageDay.objects.values_list(
                "day", "subscription", "version", "calls", "units", "p95_us"
            )
        ),
        "stale": StaleHour.objects.count(),
        "quota": sorted(QuotaPeriod.objects.values_list("period_start", "used", "leased")),
        "leases": sorted(QuotaLease.objects.values_list("owner", "granted", "spent")),
        "offsets": sorted(JournalPosition.objects.values_list("segment", "offset")),
        "files": sorted(
            (str(path.relative_to(folder)), path.stat().st_size)
            for path in folder.rglob("*")
            if path.is_file()
        ),
    }


def dead_writer(folder, who):
    """Killed with two calls open and a lease in hand."""
    journal = usage_journal.UsageJournal(folder, "dead")
    return journal, calls(journal, who, 20, open_calls=2)


def living_writer(folder, who):
    """Still at work: one call is open."""
    journal = usage_journal.UsageJournal(folder, "alive")
    calls(journal, who, 20, open_calls=1)
    return journal, None


def doubled_writer(folder, who):
    """Its segment was put back after it had been shipped and put aside, as a restore does it."""
    journal, _ = dead_writer(folder, who)
    journal.close()
    shipping.Shipper(folder).ship()
    [kept] = (folder / "shipped").iterdir()
    kept.rename(folder / kept.name)
    return journal, None


def calls(journal, who, count, open_calls):
    at_us = int(datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC).timestamp() * 1e6)
    quota.take(who[0], datetime(2026, 5, 1, tzinfo=UTC).date(), 1000, 50, journal.owner)
    for number in range(count + open_calls):
        ticket = journal.start(at_us + number * 100_000, who, 1, 0)
        if number >= open_calls:
            journal.end(ticket, number, 1, 1, 200, usage_journal.OK)


@pytest.mark.fault("F7", "F26")
@pytest.mark.parametrize(
    "schedule",
    [
        living_writer,
        *(pytest.param(one, marks=pytest.mark.slow) for one in (dead_writer, doubled_writer)),
    ],
)
def test_a_kill_between_any_two_statements_changes_nothing_in_the_end(
    clean, tmp_path, schedule, injected_faults
):
    version = clean.version()
    who = who_of(subscriber(version)[0], version)

    def once(folder, deadly):
        """The tables after a kill at that point and a second, whole run. 0 points passed: it was killed."""
        empty()
        random.seed(1)
        journal, _ = schedule(folder, who)
        if schedule is dead_writer:
            journal.close()
        passed = crash.run(lambda: ship_and_roll_up(folder), deadly)
        ship_and_roll_up(folder)
        return books_now(folder), passed

    want, points = once(tmp_path / "whole", 0)
    assert points > 15 and len(want["events"]) == (20 if schedule is living_writer else 22)
    for deadly in range(1, points + 1):
        found, passed = once(tmp_path / str(deadly), deadly)
        assert passed == 0, f"point {deadly} was not reached"
        injected_faults.add()
        assert comparable(found) == comparable(want), f"killed at point {deadly} of {points}"
        assert_exact([who[0]])


def comparable(state):
    """Ids differ from writer to writer, all else must not."""
    return state | {"events": Counter((outcome, units) for _, outcome, units in state["events"])}


def test_two_roll_ups_and_two_shippers_at_once_double_nothing(clean, tmp_path):
    version = clean.version()
    who = who_of(subscriber(version)[0], version)
    journal, _ = dead_writer(tmp_path, who)
    journal.close()
    children = [crash.start(lambda: ship_and_roll_up(tmp_path)) for _ in range(4)]
    for child, told in children:
        with os.fdopen(told) as said:
            assert said.read().isdigit()
        os.waitpid(child, 0)
    ship_and_roll_up(tmp_path)
    periods = QuotaPeriod.objects.order_by("period_start").values_list("used", "leased")
    assert UsageEvent.objects.count() == 22 and list(periods) == [(8, 8), (12, 12)], (
        "May's, of the lease; June's"
    )
    assert_exact([who[0]])
