"""Ships the usage journal to Postgres: each call becomes one usage event, exactly once.

Everything may run twice. Events are inserted with ON CONFLICT DO NOTHING on their id, and only rows that were really new
are committed to the quota and mark their hour stale (`consumption.metering.rollups`).
"""

import contextlib
import logging
import os
import struct
import time
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from consumption.metering import quota, usage_journal
from consumption.metering.usage_journal import SegmentReader
from consumption.models import JournalPosition

log = logging.getLogger(__name__)
LAST_USE_EVERY_S = 60
TRUNCATE_AFTER_S = 60

STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS journalled (event_id uuid, at_us bigint, subscription_id bigint, key_id bigint,
    application_id bigint, team_id bigint, model_id bigint, version_id bigint, request_bytes bigint, environment smallint,
    duration_us bigint, response_bytes bigint, units bigint, http_status int, outcome smallint) ON COMMIT DELETE ROWS
"""
# The rows that were new come back summed, so that a batch of thousands costs a few rows. Calls in the sandbox are no usage: they
# have a table of their own and mark nothing (docs/playground.md, "What is kept").
INSERT_JOURNALLED = f"""
WITH tried AS (
  INSERT INTO consumption_sandboxcall (event_id, at, user_id, model_id, version_id, outcome, http_status, duration_us, request_bytes,
      response_bytes)
  SELECT event_id, 'epoch'::timestamptz + at_us * interval '1 microsecond', -subscription_id, model_id, version_id,
      (%(outcomes)s::text[])[outcome + 1], http_status, greatest(duration_us, 0), request_bytes, response_bytes
  FROM journalled WHERE environment = {usage_journal.SANDBOX}
  ON CONFLICT DO NOTHING
), fresh AS (
  INSERT INTO consumption_usageevent (event_id, at, subscription_id, key_id, application_id, team_id, model_id,
      version_id, outcome, http_status, units, duration_us, request_bytes, response_bytes, environment, is_demo)
  SELECT event_id, 'epoch'::timestamptz + at_us * interval '1 microsecond', subscription_id, key_id, application_id,
      team_id, model_id, version_id, (%(outcomes)s::text[])[outcome + 1], http_status, units, greatest(duration_us, 0),
      request_bytes, response_bytes, (%(environments)s::text[])[environment + 1], %(is_demo)s
  FROM journalled WHERE environment <> {usage_journal.SANDBOX}
  ON CONFLICT DO NOTHING
  RETURNING subscription_id, key_id, date_trunc('hour', at, 'UTC') AS hour, units, at
)
SELECT subscription_id, key_id, hour, count(*), sum(units)::bigint, max(at) FROM fresh GROUP BY 1, 2, 3
"""
WRITE_LAST_USE = """
UPDATE consumption_apikey key SET last_used_at = greatest(key.last_used_at, used.at)
FROM unnest(%s::bigint[], %s::timestamptz[]) AS used (id, at) WHERE key.id = used.id
"""
MOVE_POSITION = """
INSERT INTO consumption_journalposition (segment, "offset", shipped_at) VALUES (%s, %s, now())
ON CONFLICT (segment) DO UPDATE SET "offset" = excluded."offset", shipped_at = excluded.shipped_at
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


class Shipper:
    """Copies a journal folder to Postgres. One shipper per folder is enough; a second one does no harm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._readers: dict[Path, SegmentReader[bytes]] = {}
        # {key id: when its last use was written, by the monotonic clock}; {key id: its last use, to be written}
        self._last_use_written_at: dict[int, float] = {}
        self._last_use: dict[int, datetime] = {}

    def ship(self) -> int:
        """Copy the calls that ended since the last time. Returns the number of new events.

        Raises DatabaseError or OSError: at once when Postgres is unavailable; after all other segments are shipped, when a segment
        cannot be read or stored.
        """
        new, first_error = 0, None
        paths = list(usage_journal.segments(self.folder))
        for path in paths:
            try:
                new += self._ship_segment(path)
            except (OperationalError, InterfaceError):
                raise
            except (DatabaseError, OSError) as error:
                log.error("%s cannot be shipped; the others go on: %s", path.name, error)
                first_error = first_error or error
        for path in self._readers.keys() - set(paths):
            self._readers.pop(path).close()  # another shipper archived it
        self._write_last_use()
        self._expire_dead_owners()
        if first_error:
            raise first_error
        return new

    def _ship_segment(self, path: Path) -> int:
        reader = self._readers.get(path) or self._open(path)
        if reader is None:
            return 0
        try:
            return self._ship_reader(reader)
        except (DatabaseError, InterfaceError, OSError):
            if unfinished := self._readers.pop(path, None):
                unfinished.close()  # it is read again from the stored position
            raise

    def _open(self, path: Path) -> SegmentReader[bytes] | None:
        offset = (
            JournalPosition.objects.filter(segment=path.stem)
            .values_list("offset", flat=True)
            .first()
        )
        try:
            reader = SegmentReader(path, offset or 0, copied)
        except FileNotFoundError:
            return None
        self._readers[path] = reader
        return reader

    def _ship_reader(self, reader: SegmentReader[bytes]) -> int:
        """Ship what has ended by now. Later calls wait for the next time, or each handful would be a transaction."""
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
        """The writer is gone: store its open calls as unknown and archive the segment.

        The position is deleted first: a shipper that is killed in between copies the segment again, and no event is new.
        """
        with transaction.atomic():
            new = self._store(reader, reader.unended())
            JournalPosition.objects.filter(segment=reader.name).delete()
        del self._readers[reader.path]
        archive(reader)
        return new

    def _store(self, reader: SegmentReader[bytes], rows: list[bytes]) -> int:
        fresh = store(reader.owner, rows, reader.name, reader.position)
        for key, at in last_uses(fresh).items():
            self._last_use[key] = max(at, self._last_use.get(key, at))
        return sum(count for _, _, _, count, _, _ in fresh)

    def _write_last_use(self) -> None:
        """Write when keys were last used, at most once a minute for each; what is not written yet is written later."""
        now = time.monotonic()
        due = {
            key: at
            for key, at in self._last_use.items()
            if now - self._last_use_written_at.get(key, -LAST_USE_EVERY_S) >= LAST_USE_EVERY_S
        }
        if due:
            write_last_use(due)
            self._last_use_written_at.update(dict.fromkeys(due, now))
            for key in due:
                del self._last_use[key]

    def _expire_dead_owners(self) -> None:
        for owner in usage_journal.dead_owners(self.folder):
            quota.expire(owner)
            # A second shipper may have written one last.
            JournalPosition.objects.filter(segment__startswith=f"{owner}-").delete()
            usage_journal.forget_owner(self.folder, owner)


@transaction.atomic
def store(
    owner: str, rows: list[bytes], segment: str, position: int
) -> list[tuple[int, int, datetime, int, int, datetime]]:
    """Insert `copied` calls, commit their units, mark their hours and move the position, in one transaction.

    Returns the new events, summed: subscription, key, hour, calls, units, and when the last of them was.
    """
    with connection.cursor() as cursor:
        fresh = insert(cursor, rows) if rows else []
        if hours := sorted({hour for _, _, hour, _, _, _ in fresh}):
            cursor.execute(MARK_STALE, [hours])
        cursor.execute(MOVE_POSITION, [segment, position])
    spent: Counter[tuple[int, date]] = Counter()
    for subscription_id, _, hour, _, units, _ in fresh:
        spent[subscription_id, quota.period_start(hour)] += units
    quota.commit(owner, {key: units for key, units in spent.items() if units})
    return fresh


def insert(
    cursor: CursorWrapper, rows: list[bytes], *, is_demo: bool = False
) -> list[tuple[int, int, datetime, int, int, datetime]]:
    """Insert `copied` calls that are not stored yet. Returns the new events as `store` does; commits no units."""
    cursor.execute(STAGE)
    with cursor.copy("COPY journalled FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_COPY_HEAD + b"".join(rows) + _COPY_TAIL)
    cursor.execute(
        INSERT_JOURNALLED,
        {
            "outcomes": list(usage_journal.OUTCOMES),
            "environments": list(usage_journal.ENVIRONMENTS),
            "is_demo": is_demo,
        },
    )
    return cursor.fetchall()


def last_uses(fresh: list[tuple[int, int, datetime, int, int, datetime]]) -> dict[int, datetime]:
    """{key id: when the last of its new events was} of what `store` and `insert` return."""
    used: dict[int, datetime] = {}
    for _, key, _, _, _, at in fresh:
        used[key] = max(at, used.get(key, at))
    return used


def write_last_use(used: Mapping[int, datetime]) -> None:
    """{key id: a moment}: no key's last use goes back, so that events may come in any order."""
    with connection.cursor() as cursor:
        cursor.execute(WRITE_LAST_USE, [list(used), list(used.values())])


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
    """The fields of a usage_journal.Event as one row of COPY."""
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


def archive(reader: SegmentReader[bytes]) -> None:
    """Keep a shipped segment in the archive: it is shipped again when the database is restored from a backup."""
    folder = reader.path.parent / usage_journal.ARCHIVE
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(FileNotFoundError):  # another shipper archived it
        reader.path.rename(folder / reader.path.name)
    reader.close()
    _prune_archive(folder)


def _prune_archive(folder: Path) -> None:
    """Delete segments that are too old or too many; log when calls are kept for less time than JOURNAL_ARCHIVE_HOURS."""
    bytes_left, now = settings.JOURNAL_ARCHIVE_MIB << 20, time.time()
    for path in sorted(folder.iterdir(), key=_written_at, reverse=True):
        with contextlib.suppress(FileNotFoundError):  # another shipper deleted it
            stat = _truncate(path, now)
            bytes_left -= stat.st_size
            kept_h = (now - stat.st_mtime) / 3600
            if bytes_left < 0 and kept_h < settings.JOURNAL_ARCHIVE_HOURS:
                log.warning(
                    "shipped calls are kept for %.1f of %d hours: JOURNAL_ARCHIVE_MIB is too small",
                    kept_h,
                    settings.JOURNAL_ARCHIVE_HOURS,
                )
            if bytes_left < 0 or kept_h > settings.JOURNAL_ARCHIVE_HOURS:
                path.unlink()


def _truncate(path: Path, now: float) -> os.stat_result:
    """Truncate a segment once no second shipper (reload) can be reading it. Returns its new stat."""
    stat = path.stat()
    if stat.st_size == usage_journal.SIZE and now - stat.st_ctime > TRUNCATE_AFTER_S:
        usage_journal.truncate(path)
        os.utime(path, (stat.st_atime, stat.st_mtime))
    return path.stat()


def _written_at(path: Path) -> float:
    """Seconds since 1970; 0 when the file is gone."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0
