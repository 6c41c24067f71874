"""Metering as a state machine: whatever happens in whatever order, every call is counted exactly once.

See docs/reliability.md, "Metering state machine".

Writers begin and end calls in any hour, are killed, and lease quota; shippers copy, are cut off by Postgres at any statement,
forget positions, and get shelved segments a second time; hours are rolled up in between; a backup is restored and the
journals are replayed. The model is a dictionary of calls.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from django.db import OperationalError, connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from consumption.metering import quota, replay, rollups, shipping, usage_journal
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
from tests.consumption.billing_state import assert_exact, empty, quota_drift, rows, who_of
from tests.gateway import subscriber

SLOTS = 16
NOW = datetime(2026, 6, 1, 0, 0, 1, tzinfo=UTC)  # a second after a month's turn
MOMENTS = st.sampled_from(
    [
        timedelta(0),
        -timedelta(seconds=2),
        -timedelta(hours=1),
        -timedelta(days=9),
        -timedelta(days=400),
        timedelta(days=31),
    ]
)
MONTH = quota.period_start(NOW)
LIMIT = 40
WRITERS = st.integers(0, 1)
COPIED = (
    "consumption_usageevent",
    *(
        table._meta.db_table
        for table in (UsageHour, UsageDay, StaleHour, JournalPosition, QuotaPeriod, QuotaLease)
    ),
)


class Told(NamedTuple):
    """What an event has to say of a call, once it is there."""

    subscription_id: int
    at_us: int
    outcome: str
    units: int


class CutOff:
    """Postgres goes away before statement number `at`; the transaction is rolled back, the process lives on."""

    def __init__(self, at):
        self.left = at

    def __call__(self, execute, statement, params, many, context):
        self.left -= 1
        if self.left < 0:
            raise OperationalError("cut off")
        return execute(statement, params, many, context)


class BillingStateMachine(RuleBasedStateMachine):
    folder = people = injected_faults = kills = None  # set by `machine`

    @initialize()
    def begin(self):
        empty()
        self.journals = self.folder / os.urandom(6).hex()
        self.calls, self.begun = {}, 0
        self.writers, self.shippers = (
            [self.new_writer(), self.new_writer()],
            [shipping.Shipper(self.journals) for _ in range(2)],
        )
        self.has_backup = False
        for number in range(2):
            quota.take(self.people[0][0], MONTH, LIMIT, 5, self.writers[number].owner)
            self.calls_begin(number, 12, timedelta(0), 0)
            self.calls_end(number, 9, 1)

    def new_writer(self):
        journal = usage_journal.UsageJournal(self.journals)
        journal.running = []
        return journal

    # Calls

    @rule(number=WRITERS, count=st.integers(1, 12), before=MOMENTS, who=st.integers(0, 1))
    def calls_begin(self, number, count, before, who):
        writer, who = self.writers[number], self.people[who]
        for _ in range(count):
            self.begun += 1
            at_us = (NOW + before - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
                microseconds=1
            ) + self.begun
            ticket = writer.start(at_us, who, 1, 0)
            writer.running.append((ticket, who[0], at_us))
            self.calls[ticket.event_id.hex()] = Told(who[0], at_us, "unknown", 0)

    @rule(number=WRITERS, count=st.integers(1, 12), units=st.integers(0, 1))
    def calls_end(self, number, count, units):
        """The one that began last first; what is left runs on."""
        writer = self.writers[number]
        for _ in range(min(count, len(writer.running))):
            ticket, subscription, at_us = writer.running.pop()
            writer.end(
                ticket,
                1,
                1,
                units,
                200 if units else 502,
                usage_journal.OK if units else usage_journal.UPSTREAM_ERROR,
            )
            self.calls[ticket.event_id.hex()] = Told(
                subscription, at_us, "ok" if units else "upstream_error", units
            )

    @rule(number=WRITERS)
    def writer_syncs(self, number):
        self.writers[number].sync()

    @rule(number=WRITERS)
    def writer_dies(self, number):
        self.writers[number].close()
        self.writers[number] = self.new_writer()

    # Quota

    @rule(
        number=WRITERS,
        wanted=st.integers(1, LIMIT),
        limit=st.sampled_from([LIMIT, LIMIT, LIMIT // 4, 0]),
    )
    def quota_is_leased(self, number, wanted, limit):
        subscription = self.people[0][0]
        granted, left = quota.take(subscription, MONTH, limit, wanted, self.writers[number].owner)
        period = QuotaPeriod.objects.get(subscription=subscription, period_start=MONTH)
        assert granted <= wanted and left == period.quota - period.leased
        assert not granted or period.leased <= limit

    @rule(number=WRITERS, count=st.integers(1, LIMIT))
    def quota_is_brought_back(self, number, count):
        """As often as it likes, and more than it has."""
        quota.give_back(self.people[0][0], MONTH, self.writers[number].owner, count)

    # Shipping

    @rule(number=WRITERS)
    def ship(self, number):
        self.shippers[number].ship()

    @rule(number=WRITERS, statement=st.integers(0, 9))
    def ship_and_be_cut_off(self, number, statement):
        with connection.execute_wrapper(CutOff(statement)):
            try:
                self.shippers[number].ship()
            except OperationalError:
                self.injected_faults.add()

    @precondition(lambda self: self.kills)
    @rule(point=st.integers(1, 20))
    def ship_and_be_killed(self, point):
        self.injected_faults.add(
            crash.run(lambda: shipping.Shipper(self.journals).ship(), point) == 0
        )

    @rule()
    def positions_are_lost(self):
        JournalPosition.objects.all().delete()

    @rule()
    def shelved_segments_come_back(self):
        for path in self.journals.glob("shipped/*.segment"):
            path.rename(self.journals / path.name)

    @rule()
    def roll_up(self):
        rollups.roll_up()

    @rule(statement=st.integers(1, 6))
    def roll_up_and_be_cut_off(self, statement):
        with connection.execute_wrapper(CutOff(statement)):
            try:
                rollups.roll_up()
            except OperationalError:
                self.injected_faults.add()

    # The whole database

    @rule()
    def backup(self):
        self.has_backup = True
        with connection.cursor() as cursor:
            for table in COPIED:
                cursor.execute(
                    f"DROP TABLE IF EXISTS backup_{table}; CREATE TABLE backup_{table} AS TABLE {table}"
                )

    @precondition(lambda self: self.has_backup)
    @rule()
    def restore(self):
        for writer in self.writers:
            writer.close()
        for shipper in self.shippers:
            for reader in shipper._readers.values():
                reader.close()
        self.shippers = [shipping.Shipper(self.journals) for _ in range(2)]
        empty()
        with connection.cursor() as cursor:
            for table in COPIED:
                cursor.execute(f"INSERT INTO {table} SELECT * FROM backup_{table}")
        replay.replay(self.journals)
        assert UsageEvent.objects.count() == len(self.calls), (
            "what was shipped after the backup, and what waited"
        )
        self.writers = [self.new_writer(), self.new_writer()]

    # What is always true

    @invariant()
    def no_call_is_invented_or_changed(self):
        assert told().items() <= self.calls.items()

    @invariant()
    def the_quota_counts_what_happened_and_knows_what_is_leased(self):
        assert quota_drift() == []
        leases = dict.fromkeys(QuotaPeriod.objects.values_list("pk", flat=True), 0)
        for lease in QuotaLease.objects.all():
            leases[lease.period_id] += lease.granted - lease.spent
        for period in QuotaPeriod.objects.all():
            assert period.used + leases[period.pk] == period.leased <= period.quota

    def teardown(self):
        """Everybody dies; what is left is shipped and rolled up."""
        for writer in self.writers:
            writer.close()
        for shipper in self.shippers:
            shipper.ship()
        rollups.roll_up_all()
        assert told() == self.calls
        assert not list(usage_journal.segments(self.journals)) and not list(
            self.journals.glob("*.alive")
        )
        assert not QuotaLease.objects.exists()
        if self.calls:
            assert_exact([who[0] for who in self.people])


def told():
    found = rows(
        "SELECT event_id, subscription_id, (extract(epoch FROM at) * 1000000)::bigint, outcome, units FROM consumption_usageevent"
    )
    return {event_id.hex: Told(*facts) for event_id, *facts in found}


@pytest.fixture
def machine(clean, tmp_path, injected_faults, monkeypatch):
    """The machine's class, with two subscriptions and small segments. With `kills`, shippers are forked and killed too."""
    monkeypatch.setattr(usage_journal, "SLOTS", SLOTS)
    monkeypatch.setattr(usage_journal, "SIZE", usage_journal.HEADER + SLOTS * usage_journal.SLOT)
    version = clean.version()
    people = [who_of(subscriber(version)[0], version) for _ in range(2)]
    return lambda kills: type(
        "Machine",
        (BillingStateMachine,),
        {"folder": tmp_path, "people": people, "injected_faults": injected_faults, "kills": kills},
    )


def run(machine, examples, steps):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=examples < 100,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.mark.fault("F26", "F27", "F28")
def test_any_order_of_calls_deaths_and_cuts_is_counted_exactly(machine):
    run(machine(kills=False), examples=20, steps=20)


@pytest.mark.slow
@pytest.mark.fault("F26", "F27", "F28")
def test_very_many_orders_of_calls_deaths_and_cuts_are_counted_exactly(machine):
    run(machine(kills=True), examples=400, steps=50)
