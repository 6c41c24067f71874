"""From journal to statement: ship the spool to Postgres, recompute hours and days, project onto the catalog.

Everything may run twice. Events are inserted with ON CONFLICT DO NOTHING on their id; only rows that were really new
count as spent. Hours and days are recomputed from events, never incremented. Integers only.
"""

import contextlib
import logging
import os
import struct
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Count, Sum
from django.db.models.functions import Now
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption import measures, quota, spool, stale_figures, valuation
from consumption.models import ApiKey, Outcome, SpoolOffset, UsageDay, UsageHour
from consumption.spool import SegmentReader

log = logging.getLogger(__name__)
ROLL_UP_LOCK = 0x6D65746572
MONTH_LOCK = 0x6D6F6E7468
NOTE_EVERY_S = 60
CUT_AFTER_S = 60
HOURS_AT_ONCE = 24  # so many busy hours are summed well within the minute that the shipping process gives a statement

STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS spooled (event_id uuid, at_us bigint, subscription_id bigint, key_id bigint,
    application_id bigint, team_id bigint, model_id bigint, version_id bigint, request_bytes bigint, environment smallint,
    duration_us bigint, response_bytes bigint, units bigint, http_status int, outcome smallint) ON COMMIT DELETE ROWS
"""
# The rows that were new come back summed, so that a batch of thousands costs a few rows.
INSERT_SPOOLED = """
WITH fresh AS (
  INSERT INTO consumption_usageevent (event_id, at, subscription_id, key_id, application_id, team_id, model_id,
      version_id, outcome, http_status, units, duration_us, request_bytes, response_bytes, environment, is_demo)
  SELECT event_id, 'epoch'::timestamptz + at_us * interval '1 microsecond', subscription_id, key_id, application_id,
      team_id, model_id, version_id, (%s::text[])[outcome + 1], http_status, units, greatest(duration_us, 0),
      request_bytes, response_bytes, (%s::text[])[environment + 1], %s
  FROM spooled
  ON CONFLICT DO NOTHING
  RETURNING subscription_id, key_id, date_trunc('hour', at, 'UTC') AS hour, units
)
SELECT subscription_id, key_id, hour, count(*), sum(units)::bigint FROM fresh GROUP BY 1, 2, 3
"""
MOVE_POSITION = """
INSERT INTO consumption_spooloffset (spool, "offset", shipped_at) VALUES (%s, %s, now())
ON CONFLICT (spool) DO UPDATE SET "offset" = excluded."offset", shipped_at = excluded.shipped_at
"""
# The update takes the row's lock even when it is there, so a roll-up in progress cannot miss these events. Newest first, as
# the roll-up takes them: in two orders they would wait for each other.
MARK_STALE = """
INSERT INTO consumption_stalehour (hour, touched_at) SELECT hour, now() FROM unnest(%s::timestamptz[]) AS hour ORDER BY hour DESC
ON CONFLICT (hour) DO UPDATE SET touched_at = consumption_stalehour.touched_at
"""
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TAIL = b"\xff\xff"
# One row of COPY in binary: number of fields, then each field's length and value, big-endian.
_pack_row = struct.Struct("!h i16s" + "iq" * 8 + "ih" + "iq" * 3 + "ii" + "ih").pack


# Shipping


class Shipper:
    """Copies a spool folder to Postgres, step by step. One at a time per folder; a second one does no harm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._readers: dict[Path, SegmentReader[bytes]] = {}
        self._noted: dict[
            int, float
        ] = {}  # when the last use of a key was written down, by the monotonic clock

    def ship(self) -> int:
        """Copy all that ended since the last time. Returns the number of new events.

        Raises DatabaseError or OSError: at once when Postgres is away; of a segment that cannot be read or that Postgres refuses,
        when all others were shipped.
        """
        new, refused = 0, None
        paths = list(spool.segments(self.folder))
        for path in paths:
            try:
                new += self._ship_segment(path)
            except (OperationalError, InterfaceError):
                raise
            except (DatabaseError, OSError) as error:
                log.error("%s cannot be shipped and holds up no other: %s", path.name, error)
                refused = refused or error
        for path in self._readers.keys() - set(paths):
            self._readers.pop(path).close()  # another shipper put it aside
        self._settle_dead_holders()
        if refused:
            raise refused
        return new

    def _ship_segment(self, path: Path) -> int:
        reader = self._readers.get(path) or self._open(path)
        if reader is None:
            return 0
        try:
            return self._ship_reader(reader)
        except (DatabaseError, InterfaceError, OSError):
            if unfinished := self._readers.pop(path, None):
                unfinished.close()  # what it had read is read again from the stored position
            raise

    def _open(self, path: Path) -> SegmentReader[bytes] | None:
        offset = (
            SpoolOffset.objects.filter(spool=path.stem).values_list("offset", flat=True).first()
        )
        try:
            reader = SegmentReader(path, offset or 0, copied)
        except FileNotFoundError:
            return None
        self._readers[path] = reader
        return reader

    def _ship_reader(self, reader: SegmentReader[bytes]) -> int:
        """What is there now; what comes meanwhile waits for the next time, or each handful would be a transaction."""
        was_abandoned = reader.abandoned()
        before, begun = reader.position, reader.begun()
        new = 0
        while True:
            rows = reader.finished()
            if rows or reader.position != before:
                new += self._store(reader, rows)
            if reader.seen >= begun:
                break
        if was_abandoned:
            new += self._finish(reader)
        return new

    def _finish(self, reader: SegmentReader[bytes]) -> int:
        """The writer is gone: what it had begun is unknown; then the segment is put aside.

        Its position is forgotten first: killed in between, a shipper copies it once more, and nothing of it is new.
        """
        with transaction.atomic():
            new = self._store(reader, reader.unended())
            SpoolOffset.objects.filter(spool=reader.name).delete()
        del self._readers[reader.path]
        put_aside(reader)
        return new

    def _store(self, reader: SegmentReader[bytes], rows: list[bytes]) -> int:
        fresh = store(reader.holder, rows, reader.name, reader.position)
        self._note_last_use({key for _, key, _, _, _ in fresh})
        return sum(count for _, _, _, count, _ in fresh)

    def _note_last_use(self, keys: set[int]) -> None:
        """Coarse, so that a busy key costs one write a minute. By Postgres' clock: this machine's may be wrong."""
        now = time.monotonic()
        if late := [
            key for key in keys if now - self._noted.get(key, -NOTE_EVERY_S) >= NOTE_EVERY_S
        ]:
            ApiKey.objects.filter(pk__in=late).update(last_used_at=Now())
            self._noted.update(dict.fromkeys(late, now))

    def _settle_dead_holders(self) -> None:
        for holder in spool.dead_holders(self.folder):
            quota.release(holder)
            SpoolOffset.objects.filter(
                spool__startswith=f"{holder}-"
            ).delete()  # one that a second shipper wrote last
            spool.forget_holder(self.folder, holder)


@transaction.atomic
def store(
    holder: str, rows: list[bytes], segment: str, position: int
) -> list[tuple[int, int, datetime, int, int]]:
    """Insert `copied` calls, book their units, mark their hours and move the position, all in one.

    Returns what was new, summed: subscription, key, hour, calls, units.
    """
    with connection.cursor() as cursor:
        fresh = insert(cursor, rows) if rows else []
        if hours := sorted({hour for _, _, hour, _, _ in fresh}):
            cursor.execute(MARK_STALE, [hours])
        cursor.execute(MOVE_POSITION, [segment, position])
    spent: Counter[tuple[int, date]] = Counter()
    for subscription_id, _, hour, _, units in fresh:
        spent[subscription_id, quota.period_start(hour)] += units
    quota.settle(holder, {key: units for key, units in spent.items() if units})
    return fresh


def insert(
    cursor: CursorWrapper, rows: list[bytes], *, is_demo: bool = False
) -> list[tuple[int, int, datetime, int, int]]:
    """Insert `copied` calls that are not there yet. Returns what was new, as `store` does; nothing is booked."""
    cursor.execute(STAGE)
    with cursor.copy("COPY spooled FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_COPY_HEAD + b"".join(rows) + _COPY_TAIL)
    cursor.execute(INSERT_SPOOLED, [list(spool.OUTCOMES), list(spool.ENVIRONMENTS), is_demo])
    return cursor.fetchall()


def copied(
    event_id: bytes,
    at_us: int,
    subscription: int,
    key: int,
    application: int,
    team: int,
    model: int,
    version: int,
    request_bytes: int,
    environment: int,
    duration_us: int,
    response_bytes: int,
    units: int,
    http_status: int,
    outcome: int,
) -> bytes:
    """The fields of a spool.Event as one row of COPY."""
    return _pack_row(
        15,
        16,
        event_id,
        8,
        at_us,
        8,
        subscription,
        8,
        key,
        8,
        application,
        8,
        team,
        8,
        model,
        8,
        version,
        8,
        request_bytes,
        2,
        environment,
        8,
        duration_us,
        8,
        response_bytes,
        8,
        units,
        4,
        http_status,
        2,
        outcome,
    )


def put_aside(reader: SegmentReader[bytes]) -> None:
    """Keep a shipped segment a while: it is shipped again when the database is restored from a backup."""
    shelf = reader.path.parent / spool.SHELF
    shelf.mkdir(exist_ok=True)
    with contextlib.suppress(FileNotFoundError):  # another shipper was first
        reader.path.rename(shelf / reader.path.name)
    reader.close()
    _clear_shelf(shelf)


def _clear_shelf(shelf: Path) -> None:
    """Drop what is old or too much; that calls are kept for less time than they should be is told to the log."""
    room, now = settings.SPOOL_KEEP_MIB << 20, time.time()
    for path in sorted(shelf.iterdir(), key=_written_at, reverse=True):
        with contextlib.suppress(FileNotFoundError):  # another shipper dropped it
            about = _cut_to_its_use(path, now)
            room -= about.st_size
            kept_h = (now - about.st_mtime) / 3600
            if room < 0 and kept_h < settings.SPOOL_KEEP_HOURS:
                log.warning(
                    "shipped calls are kept for %.1f of %d hours: SPOOL_KEEP_MIB is too small",
                    kept_h,
                    settings.SPOOL_KEEP_HOURS,
                )
            if room < 0 or kept_h > settings.SPOOL_KEEP_HOURS:
                path.unlink()


def _cut_to_its_use(path: Path, now: float) -> os.stat_result:
    """Cut a segment when no second shipper, as during a reload, can be reading it any more. Returns what it is then."""
    about = path.stat()
    if about.st_size == spool.SIZE and now - about.st_ctime > CUT_AFTER_S:
        spool.cut(path)
        os.utime(path, (about.st_atime, about.st_mtime))
    return path.stat()


def _written_at(path: Path) -> float:
    """Seconds since 1970; 0 when the file is gone."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0


# Roll-ups

_COLUMNS = """subscription_id, version_id, team_id, business_unit_id, terms_id, calls, ok, client_errors, upstream_errors, aborted,
    unknown, units, cost, duration_us, p50_us, p95_us, p99_us"""
# What is true of a call when it is made is a row of its own: a change in the middle of an hour splits the hour.
_SUMS = f"""
    e.subscription_id, e.version_id, e.team_id, unit.business_unit_id, price.terms_id, {", ".join(measures.SUMS.values())},
    sum(e.units)::bigint, {valuation.COST}, sum(duration_us)::bigint,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_us) FILTER (WHERE outcome = 'ok'),
    percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_us) FILTER (WHERE outcome = 'ok'),
    percentile_disc(0.99) WITHIN GROUP (ORDER BY duration_us) FILTER (WHERE outcome = 'ok')
"""
_GROUPS = "e.subscription_id, e.version_id, e.team_id, unit.business_unit_id, price.terms_id, price.price_micros_per_1000"
# Newest first: today's figures do not wait until a year has been recomputed.
TAKE_STALE = """
DELETE FROM consumption_stalehour WHERE hour IN (
  SELECT hour FROM consumption_stalehour WHERE touched_at <= now() - %s * interval '1 second' ORDER BY hour DESC LIMIT %s FOR UPDATE
) RETURNING hour
"""
# An event that names nothing known must not stop everybody's roll-up: it is left out, and the balance shows it.
_INSERT = f"""
WITH {valuation.PERIODS}
INSERT INTO {{table}} ({{period}}, {_COLUMNS})
SELECT {{start}}, {_SUMS} FROM consumption_usageevent e {valuation.JOINS}
WHERE at >= %s AND at < %s AND {{start}} = ANY(%s) AND outcome <> '{Outcome.REFUSED}'
  AND EXISTS (SELECT FROM catalog_modelversion v WHERE v.id = e.version_id)
GROUP BY 1, {_GROUPS}
"""
INSERT_HOURS = _INSERT.format(
    table="consumption_usagehour", period="hour", start="date_trunc('hour', at, 'UTC')"
)
INSERT_DAYS = _INSERT.format(
    table="consumption_usageday", period="day", start="(at AT TIME ZONE 'UTC')::date"
)


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
            days = sorted({hour.astimezone(UTC).date() for hour in hours})
            cursor.execute(valuation.NO_NESTED_LOOPS)
            UsageHour.objects.filter(hour__in=hours).delete()
            cursor.execute(INSERT_HOURS, [hours[0], hours[-1] + timedelta(hours=1), hours])
            UsageDay.objects.filter(day__in=days).delete()
            cursor.execute(
                INSERT_DAYS, [_midnight(days[0]), _midnight(days[-1]) + timedelta(days=1), days]
            )
    return len(hours)


def roll_up_all(stale_s: float = 0) -> None:
    """`roll_up` until no hour waits."""
    while roll_up(stale_s):
        pass


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


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


# Projections


def project() -> None:
    """Write calls_30d, calls_14d and consumer_teams onto the catalog's rows of models that had calls since the last time."""
    stale_figures.write_all("usage", _project)


def _project(models: list[int]) -> None:
    today = timezone.now().astimezone(UTC).date()
    month = _by_model(models, today - timedelta(days=29))
    daily = _daily(models, today)
    for model in RegisteredModel.objects.filter(pk__in=models).only(
        "calls_30d", "calls_14d", "consumer_teams"
    ):
        calls, teams = month.get(model.pk, (0, 0))
        facts = {
            "calls_30d": calls,
            "calls_14d": [
                daily.get((model.pk, today - timedelta(days=back)), 0) for back in range(13, -1, -1)
            ],
            "consumer_teams": teams,
        }
        if any(getattr(model, name) != value for name, value in facts.items()):
            RegisteredModel.objects.filter(pk=model.pk).update(**facts)


def _by_model(models: list[int], since: date) -> dict[int, tuple[int, int]]:
    """{model id: (calls, teams that called)}."""
    rows = UsageDay.objects.filter(day__gte=since, subscription__model__in=models).values_list(
        "subscription__model_id"
    )
    summed = rows.annotate(total=Sum("calls"), teams=Count("team_id", distinct=True))
    return {model: (calls, teams) for model, calls, teams in summed}


def _daily(models: list[int], today: date) -> dict[tuple[int, date], int]:
    rows = UsageDay.objects.filter(
        day__gt=today - timedelta(days=14), subscription__model__in=models
    )
    summed = rows.values_list("subscription__model_id", "day").annotate(total=Sum("calls"))
    return {(model, day): calls for model, day, calls in summed}
