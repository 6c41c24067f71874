"""From journal to statement: each call once, sums equal at every level, whatever is interrupted."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection

from consumption.metering import projections, quota, rollups, shipping, usage_journal
from consumption.models import (
    ApiKey,
    JournalPosition,
    QuotaLease,
    QuotaPeriod,
    StaleHour,
    UsageDay,
    UsageEvent,
    UsageHour,
)
from tests.consumption.billing_state import assert_agree
from tests.consumption.counting import count_all
from tests.gateway import live_version, subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_events(db):
    """The event table is not Django's own, so the flush between transactional tests passes it by."""
    _empty()
    yield
    _empty()


def _empty():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")


@pytest.fixture
def who(no_events):
    """Subscription, key, application, team, model and version ids of one subscriber."""
    version = live_version()
    subscription, _ = subscriber(version)
    key = ApiKey.objects.get(subscription=subscription)
    application = subscription.application
    return (
        subscription.pk,
        key.pk,
        application.pk,
        application.team_id,
        version.model_id,
        version.pk,
    )


def calls(journal, who, count, at_us=None, outcome=usage_journal.OK, units=1):
    for number in range(count):
        ticket = journal.start((at_us or now_us()) + number, who, 100, 0)
        journal.end(ticket, 1000 + number, 200, units, 200, outcome)


def now_us():
    return time.time_ns() // 1000


def test_every_finished_call_is_shipped_once(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    calls(journal, who, 30)
    shipper = shipping.Shipper(tmp_path)
    assert (shipper.ship(), shipper.ship()) == (30, 0)
    calls(journal, who, 5)
    assert shipper.ship() == 5 and UsageEvent.objects.count() == 35
    event = UsageEvent.objects.first()
    assert (
        event.subscription_id,
        event.version_id,
        event.outcome,
        event.units,
        event.environment,
    ) == (who[0], who[5], "ok", 1, "prod")


def test_a_second_shipper_and_a_lost_position_do_no_harm(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    calls(journal, who, 20)
    shipping.Shipper(tmp_path).ship()
    JournalPosition.objects.all().delete()
    assert shipping.Shipper(tmp_path).ship() == 0 and UsageEvent.objects.count() == 20


def test_a_running_call_is_shipped_when_it_ends(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    ticket = journal.start(now_us(), who, 1, 0)
    calls(journal, who, 3)
    shipper = shipping.Shipper(tmp_path)
    assert shipper.ship() == 3 and JournalPosition.objects.get().offset == 0
    journal.end(ticket, 5, 5, 1, 200, usage_journal.OK)
    assert shipper.ship() == 1 and JournalPosition.objects.get().offset == 4


def test_a_call_that_never_ended_becomes_unknown_and_costs_nothing(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    journal.start(now_us(), who, 1, 0)
    journal.close()
    shipper = shipping.Shipper(tmp_path)
    assert shipper.ship() == 1
    event = UsageEvent.objects.get()
    assert (event.outcome, event.units) == ("unknown", 0)
    assert not list(usage_journal.segments(tmp_path)) and not JournalPosition.objects.exists()
    assert len(list((tmp_path / "shipped").iterdir())) == 1, "kept for three days"


def test_the_archive_keeps_used_slots_and_stays_within_its_limits(
    tmp_path, who, settings, monkeypatch
):
    """A whole segment is cut only when no second shipper can have it mapped any more: reading past the end would kill it."""
    for _ in range(3):
        journal = usage_journal.UsageJournal(tmp_path)
        calls(journal, who, 7)
        journal.close()
    archive = tmp_path / "shipped"
    shipping.Shipper(tmp_path).ship()
    assert [path.stat().st_size for path in archive.iterdir()] == [usage_journal.SIZE] * 3
    monkeypatch.setattr(shipping, "TRUNCATE_AFTER_S", -1)
    shipping._prune_archive(archive)
    assert [path.stat().st_size for path in archive.iterdir()] == [
        usage_journal.HEADER + 7 * usage_journal.SLOT
    ] * 3
    assert len(usage_journal.SegmentReader(next(archive.iterdir())).finished()) == 7
    settings.JOURNAL_ARCHIVE_HOURS = 0
    monkeypatch.setattr(time, "time", lambda: usage_journal.os.stat(tmp_path).st_mtime + 3600)
    shipping._prune_archive(archive)
    assert not any(archive.iterdir())


def test_a_second_shipper_lets_go_of_what_the_first_put_aside(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    calls(journal, who, 7)
    first, second = shipping.Shipper(tmp_path), shipping.Shipper(tmp_path)
    assert second.ship() == 7
    journal.close()
    assert first.ship() == 0 and not any(usage_journal.segments(tmp_path))
    assert second.ship() == 0 and not second._readers and not JournalPosition.objects.exists()


def test_two_shippers_that_end_the_same_segment_archive_it_once(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    calls(journal, who, 7)
    first, second = shipping.Shipper(tmp_path), shipping.Shipper(tmp_path)
    [path] = usage_journal.segments(tmp_path)
    reader = second._open(path)
    journal.close()
    assert first.ship() == 7
    assert second._ship_reader(reader) == 0 and not second._readers, (
        "it came between the look at the folder and the move"
    )
    assert [kept.name for kept in (tmp_path / "shipped").iterdir()] == [path.name]


def test_a_failing_database_loses_nothing_and_doubles_nothing(tmp_path, who, monkeypatch):
    journal = usage_journal.UsageJournal(tmp_path)
    calls(journal, who, 10)
    shipper = shipping.Shipper(tmp_path)
    commit = quota.commit

    def break_down(*_):
        monkeypatch.setattr(quota, "commit", commit)
        raise DatabaseError("cut in the middle of the transaction")

    monkeypatch.setattr(quota, "commit", break_down)
    with pytest.raises(DatabaseError):
        shipper.ship()
    assert UsageEvent.objects.count() == 0
    assert shipper.ship() == 10 and UsageEvent.objects.count() == 10


def test_a_segment_that_cannot_be_shipped_holds_up_no_other(tmp_path, who):
    """One that Postgres refuses (an outcome that nobody knows), one that cannot be opened, and between them a good one."""
    refused, good = (
        usage_journal.UsageJournal(tmp_path, "a"),
        usage_journal.UsageJournal(tmp_path, "b"),
    )
    calls(refused, who, 1, outcome=99)
    calls(good, who, 7)
    (tmp_path / "c-000001.segment").mkdir()
    for journal in (refused, good):
        journal.close()
    shipper = shipping.Shipper(tmp_path)
    for _ in range(2):
        with pytest.raises(DatabaseError):
            shipper.ship()
        assert UsageEvent.objects.count() == 7
    assert sorted(path.name for path in usage_journal.segments(tmp_path)) == [
        "a-000001.segment",
        "c-000001.segment",
    ]
    assert not (tmp_path / "b.alive").exists(), "the good one is settled"


def test_two_shippers_prune_the_archive_at_once(tmp_path, monkeypatch):
    (tmp_path / "kept").write_bytes(b"")
    listed = [tmp_path / "kept", tmp_path / "dropped by the other one"]
    monkeypatch.setattr(type(tmp_path), "iterdir", lambda _: iter(listed))
    shipping._prune_archive(tmp_path)
    assert listed[0].exists()


def test_shipping_settles_the_quota_and_a_dead_process_gives_the_rest_back(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    month = quota.period_start(datetime.now(UTC))
    quota.take(who[0], month, 100, 40, journal.owner)
    calls(journal, who, 25)
    calls(journal, who, 5, outcome=usage_journal.UPSTREAM_ERROR, units=0)
    journal.close()
    shipping.Shipper(tmp_path).ship()
    period = QuotaPeriod.objects.get()
    assert (period.used, period.leased) == (25, 25) and not QuotaLease.objects.exists()
    assert_agree()
    assert not usage_journal.dead_owners(tmp_path)


def test_hours_and_days_are_the_sums_of_events(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    late_evening = (
        int(datetime(2026, 11, 3, 23, 59, 59, 999_990, tzinfo=UTC).timestamp()) * 1_000_000
        + 999_990
    )
    calls(journal, who, 20, at_us=late_evening)
    calls(journal, who, 7, outcome=usage_journal.CLIENT_ERROR, units=0)
    shipping.Shipper(tmp_path).ship()
    assert StaleHour.objects.count() == 3
    assert rollups.roll_up() == 3 and rollups.roll_up() == 0
    assert sorted(UsageHour.objects.values_list("calls", flat=True)) == [7, 10, 10]
    assert sorted(UsageDay.objects.filter(ok__gt=0).values_list("ok", "units")) == [
        (10, 10),
        (10, 10),
    ]
    assert UsageDay.objects.get(client_errors=7).units == 0


def test_many_hours_are_rolled_up_in_parts_the_newest_first(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    hours = rollups.HOURS_AT_ONCE + 6
    for back in range(hours):
        calls(journal, who, 2, at_us=now_us() - back * 3_600_000_000)
    shipping.Shipper(tmp_path).ship()
    assert rollups.roll_up() == rollups.HOURS_AT_ONCE
    assert UsageHour.objects.order_by("hour").first().hour > StaleHour.objects.latest("hour").hour
    rollups.roll_up_all()
    assert (
        list(UsageHour.objects.values_list("calls", flat=True)) == [2] * hours
        and not StaleHour.objects.exists()
    )
    assert count_all().wrong == []


@pytest.mark.parametrize(
    "back",
    [timedelta(days=400), timedelta(days=32), -timedelta(days=32)],
    ids=["400 days ago", "last month", "next month"],
)
def test_an_event_of_any_time_has_a_place_and_a_late_one_is_added_to_its_closed_hour(
    tmp_path, who, back
):
    journal = usage_journal.UsageJournal(tmp_path)
    at_us = now_us() - back // timedelta(microseconds=1)
    for late in (3, 4):
        calls(journal, who, late, at_us=at_us)
        shipping.Shipper(tmp_path).ship()
        rollups.roll_up_all()
    assert (
        UsageHour.objects.get().calls
        == UsageDay.objects.get().calls
        == QuotaPeriod.objects.get().used
        == 7
    )
    assert count_all(months=24).wrong == []


def test_hours_days_and_months_are_utc(tmp_path, who):
    """Around the turn of a month, and around the hour that New York has twice and the one that Auckland has not at all."""
    moments = [
        "2026-10-31 23:59:59.999999",
        "2026-11-01 00:00",
        "2026-11-01 05:30",
        "2026-11-01 06:30",
        "2026-09-26 13:59",
        "2026-09-26 14:00",
    ]
    journal = usage_journal.UsageJournal(tmp_path)
    for moment in moments:
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        calls(
            journal,
            who,
            1,
            at_us=(at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1),
        )
    shipping.Shipper(tmp_path).ship()
    rollups.roll_up_all()
    assert dict(UsageDay.objects.values_list("day", "calls")) == {
        date(2026, 9, 26): 2,
        date(2026, 10, 31): 1,
        date(2026, 11, 1): 3,
    }
    assert UsageHour.objects.count() == 6
    assert dict(QuotaPeriod.objects.values_list("period_start", "used")) == {
        date(2026, month, 1): units for month, units in ((9, 2), (10, 1), (11, 3))
    }
    assert_agree()


def test_rolling_up_again_changes_nothing(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    calls(journal, who, 9)
    shipping.Shipper(tmp_path).ship()
    rollups.roll_up()
    before = list(
        UsageHour.objects.values_list("calls", "units", "duration_us", "p50_us", "p95_us")
    )
    rollups.mark_all_stale()
    rollups.roll_up()
    assert (
        list(UsageHour.objects.values_list("calls", "units", "duration_us", "p50_us", "p95_us"))
        == before
    )


def test_the_catalog_shows_what_was_called(tmp_path, who):
    journal = usage_journal.UsageJournal(tmp_path)
    calls(journal, who, 11)
    shipping.Shipper(tmp_path).ship()
    rollups.roll_up()
    projections.project()
    version = live_version_of(who)
    assert (version.model.calls_30d, version.model.calls_14d[-1], version.model.consumer_teams) == (
        11,
        11,
        1,
    )
    assert len(version.model.calls_14d) == 14


def live_version_of(who):
    from catalog.models import ModelVersion

    return ModelVersion.objects.select_related("model").get(pk=who[5])


def test_the_key_shows_when_it_was_last_used(tmp_path, who):
    calls(usage_journal.UsageJournal(tmp_path), who, 1)
    shipping.Shipper(tmp_path).ship()
    assert ApiKey.objects.get(pk=who[1]).last_used_at is not None


def test_a_month_that_has_calls_in_the_default_partition_stays_there(tmp_path, who):
    """A partition cannot be made for it any more; what else the task does goes on."""
    month = quota.next_period(quota.period_start(datetime.now(UTC)))
    journal = usage_journal.UsageJournal(tmp_path)
    calls(
        journal,
        who,
        2,
        at_us=int(datetime(month.year, month.month, 1, tzinfo=UTC).timestamp()) * 1_000_000,
    )
    shipping.Shipper(tmp_path).ship()
    rollups.open_next_month()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM consumption_usageevent_default")
        assert cursor.fetchone() == (2,)


def test_next_months_partition_is_made_once(db):
    rollups.open_next_month()
    rollups.open_next_month()
    name = (
        f"consumption_usageevent_{quota.next_period(quota.period_start(datetime.now(UTC))):%Y_%m}"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        assert cursor.fetchone()[0]
