"""Hours and days of usage, recomputed from events and never incremented, and the partitions that events lie in.

Everything may run twice. Integers only.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from consumption.metering import measures, quota, reconciliation, stepped, valuation
from consumption.models import Outcome

ROLL_UP_LOCK = 0x6D65746572
MONTH_LOCK = 0x6D6F6E7468
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURS_AT_ONCE = 24  # so many busy hours are summed well within the minute that the shipping process gives a statement

_WHOSE = "subscription_id, version_id, team_id, business_unit_id, terms_id"
_COUNTS = """calls, ok, client_errors, upstream_errors, aborted, unknown, units, cost, duration_us, p50_us, p95_us, p99_us, first_at"""
# What is true of a call when it is made is a row of its own: a change in the middle of an hour splits the hour.
_SUMS = f"""
    {", ".join(measures.SUMS.values())},
    sum(e.units)::bigint, {valuation.COST}, sum(duration_us)::bigint,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_us) FILTER (WHERE outcome = 'ok'),
    percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_us) FILTER (WHERE outcome = 'ok'),
    percentile_disc(0.99) WITHIN GROUP (ORDER BY duration_us) FILTER (WHERE outcome = 'ok'), min(at)
"""
# Newest first: today's figures do not wait until a year has been recomputed. An array is made once; IN (SELECT … LIMIT) may be
# planned as a nested loop that selects anew for each row, and then takes more than the limit.
TAKE_STALE = """
DELETE FROM consumption_stalehour WHERE hour = ANY(ARRAY(
  SELECT hour FROM consumption_stalehour WHERE touched_at <= now() - %s * interval '1 second' ORDER BY hour DESC LIMIT %s FOR UPDATE
)) RETURNING hour
"""
# An event that names nothing known must not stop everybody's roll-up: it is left out, and the balance shows it.
_OF_EVENTS = f"""
FROM consumption_usageevent e {valuation.JOINS} JOIN known_version v ON v.id = e.version_id
WHERE at >= %(since)s AND at < %(until)s AND outcome <> '{Outcome.REFUSED}'
"""
# A closed month keeps what it charged; the next statement looks for corrections of it.
MARK_LATE = """
INSERT INTO consumption_latemonth (month) SELECT month FROM consumption_closedmonth WHERE month = ANY(%s) ON CONFLICT DO NOTHING
"""
_IDS = "e.subscription_id, e.version_id, e.team_id, unit.business_unit_id, price.terms_id"
_PRICE = "price.price_micros_per_1000"
# One statement for all that is counted of the same calls, so that its parts cannot differ.
_INSERT = f"""
WITH {valuation.PERIODS}, of_keys AS (
  INSERT INTO consumption_key{{period}} ({{period}}, {_WHOSE}, key_id, environment, in_time, {_COUNTS})
  SELECT {{start}}, {_IDS}, e.key_id, e.environment,
    CASE WHEN count(v.promised_us) > 0 THEN count(*) FILTER (WHERE outcome = '{Outcome.OK}' AND duration_us <= v.promised_us) END,
    {_SUMS} {_OF_EVENTS}
  GROUP BY 1, {_IDS}, {_PRICE}, e.key_id, e.environment
), of_failures AS (
  INSERT INTO consumption_failure{{period}} ({{period}}, subscription_id, version_id, team_id, key_id, environment, outcome, http_status,
    calls)
  SELECT {{start}}, e.subscription_id, e.version_id, e.team_id, e.key_id, e.environment, e.outcome, e.http_status, count(*) {_OF_EVENTS}
    AND outcome <> '{Outcome.OK}'
  GROUP BY 1, e.subscription_id, e.version_id, e.team_id, e.key_id, e.environment, e.outcome, e.http_status
)
INSERT INTO consumption_usage{{period}} ({{period}}, {_WHOSE}, {_COUNTS})
SELECT {{start}}, {_IDS}, {_SUMS} {_OF_EVENTS} GROUP BY 1, {_IDS}, {_PRICE}
"""
INSERT_HOURS = _INSERT.format(period="hour", start="date_trunc('hour', at, 'UTC')")
INSERT_DAYS = _INSERT.format(period="day", start="(at AT TIME ZONE 'UTC')::date")
_DELETE = """
WITH of_keys AS (DELETE FROM consumption_key{period} WHERE {period} = ANY(%(these)s)),
  of_failures AS (DELETE FROM consumption_failure{period} WHERE {period} = ANY(%(these)s))
DELETE FROM consumption_usage{period} WHERE {period} = ANY(%(these)s)
"""
# Where the price depends on a call's number, the cost of a row by key is its share, by billed calls, of the row of usage that it is a part of: to the last billionth.
_SHARE = """
WITH placed AS (
  SELECT part.id, part.units, whole.cost AS whole, sum(part.units) OVER of_whole AS total, sum(part.units) OVER up_to AS reached
  FROM consumption_key{period} part
  JOIN consumption_usage{period} whole USING ({period}, subscription_id, version_id, team_id, business_unit_id, terms_id)
  WHERE {period} >= %(since)s AND {period} < %(until)s AND {day} = ANY(%(days)s)
    AND terms_id = ANY(ARRAY(SELECT id FROM consumption_planterms WHERE price_kind = ANY(%(stepped)s)))
  WINDOW of_whole AS (PARTITION BY whole.id), up_to AS (PARTITION BY whole.id ORDER BY part.id)
), share AS (
  SELECT id, trunc(whole * reached / total, 9) - trunc(whole * (reached - units) / total, 9) AS cost FROM placed WHERE total > 0
)
UPDATE consumption_key{period} part SET cost = share.cost FROM share WHERE share.id = part.id AND share.cost <> part.cost
"""
SHARE_HOURS = _SHARE.format(period="hour", day="(hour AT TIME ZONE 'UTC')::date")
SHARE_DAYS = _SHARE.format(period="day", day="day")
DELETE_HOURS, DELETE_DAYS = _DELETE.format(period="hour"), _DELETE.format(period="day")


@transaction.atomic
def roll_up(stale_s: float = 0) -> int:
    """Recompute hours that got events, and their days, from events: at most HOURS_AT_ONCE of those that wait for `stale_s` seconds.

    Returns how many hours. One at a time: a second one leaves at once.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ROLL_UP_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(TAKE_STALE, [stale_s, HOURS_AT_ONCE])
        hours = sorted(hour for (hour,) in cursor.fetchall())
        if hours:
            days = sorted({_midnight(hour) for hour in hours})
            cursor.execute(valuation.NO_NESTED_LOOPS)
            cursor.execute(DELETE_HOURS, {"these": hours})
            for stretch in _stretches(hours, HOUR):
                cursor.execute(INSERT_HOURS, stretch)
            cursor.execute(DELETE_DAYS, {"these": [day.date() for day in days]})
            for stretch in _stretches(days, DAY):
                cursor.execute(INSERT_DAYS, stretch)
            months = {quota.period_start(hour) for hour in hours}
            cursor.execute(MARK_LATE, [list(months)])
            priced = sorted({*(day.date() for day in days), *stepped.price_since(hours)})
            share_costs(cursor, priced)
            reconciliation.have_counted(priced)
    return len(hours)


def share_costs(cursor: CursorWrapper, days: list[date]) -> None:
    """Write what each key's part of prices by steps cost, of hours and days."""
    since, until = _midnight_of(days[0]), _midnight_of(days[-1]) + DAY
    cursor.execute(
        SHARE_HOURS, {"since": since, "until": until, "days": days, "stepped": stepped.STEPPED}
    )
    cursor.execute(
        SHARE_DAYS,
        {"since": since.date(), "until": until.date(), "days": days, "stepped": stepped.STEPPED},
    )


def roll_up_all(stale_s: float = 0) -> None:
    """`roll_up` until no hour waits."""
    while roll_up(stale_s):
        pass


def _midnight(moment: datetime) -> datetime:
    """The beginning of its day (UTC)."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _midnight_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _stretches(starts: list[datetime], step: timedelta) -> Iterator[dict[str, datetime]]:
    """[since, until) of steps that follow each other, so that events between two far ones are not read. `starts` are sorted."""
    since = until = starts[0]
    for start in starts:
        if start != until:
            yield {"since": since, "until": until}
            since = start
        until = start + step
    yield {"since": since, "until": until}


def mark_all_stale() -> None:
    """Have everything recomputed, for example after events were loaded by hand."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO consumption_stalehour (hour, touched_at)"
            " SELECT DISTINCT date_trunc('hour', at, 'UTC') AS hour, 'epoch'::timestamptz FROM consumption_usageevent ORDER BY hour DESC"
            " ON CONFLICT (hour) DO UPDATE SET touched_at = excluded.touched_at"
        )


@transaction.atomic
def open_next_month() -> None:
    """Have a partition ready for the coming month, so that old months can be dropped whole.

    All else lies in the default one; a month of which it has calls already stays there.
    """
    start = quota.next_period(quota.period_start(timezone.now()))
    name = f"consumption_usageevent_{start:%Y_%m}"
    month = [f"{start} 00:00+00", f"{quota.next_period(start)} 00:00+00"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass(%s) IS NOT NULL OR EXISTS (SELECT FROM consumption_usageevent_default WHERE at >= %s AND at < %s)",
            [name, *month],
        )
        if cursor.fetchone()[0]:
            return
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s)", [MONTH_LOCK]
        )  # IF NOT EXISTS alone fails when two ask at once
        cursor.execute("SELECT consumption_open_month(%s)", [start])
