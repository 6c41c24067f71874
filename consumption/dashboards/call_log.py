"""The log of recent calls of one's own teams, by request id: what the journal keeps of each, and why one failed. Never a payload
(docs/dashboards.md, "The log of calls").

Events are many, so a page of the log looks through a bounded number of them: of each subscription the newest by its index,
together at most LOOKED. A page that found fewer rows than fit says how far back it looked, and the next one goes on from there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.dashboards.selection import Selection
from consumption.metering import failures
from consumption.metering.failures import Kind
from consumption.models import ApiKey, Outcome, Subscription
from marketplace.core.errors import UnknownChoice
from marketplace.core.query import whole_number

RECENT = timedelta(days=14)
PAGE, LOOKED = 50, 1_000  # calls
MOST_SUBSCRIPTIONS = 100  # of one page: each costs an index scan
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_COLUMNS = """event_id, at, subscription_id, key_id, version_id, environment, outcome, http_status, duration_us, request_bytes,
    response_bytes, units"""
# The index (subscription_id, at) gives each subscription's newest; of failures alone, the partial one.
_LOG = f"""
WITH looked AS (
  SELECT latest.* FROM unnest(%(subscriptions)s::bigint[]) AS given (id), LATERAL (
    SELECT {_COLUMNS} FROM consumption_usageevent
    WHERE subscription_id = given.id AND at >= %(since)s AND at <= %(before)s AND (at, event_id) < (%(before)s, %(event)s)
      AND outcome <> '{Outcome.REFUSED}' {{only}}
    ORDER BY at DESC, event_id DESC LIMIT %(looked)s
  ) AS latest ORDER BY at DESC, event_id DESC LIMIT %(looked)s
), last AS (SELECT (SELECT count(*) FROM looked) AS n, at, event_id FROM looked ORDER BY at, event_id LIMIT 1)
SELECT looked.*, last.n, last.at, last.event_id FROM last LEFT JOIN LATERAL (
  SELECT * FROM looked WHERE (%(key)s::bigint IS NULL OR key_id = %(key)s::bigint)
    AND (%(version)s::bigint IS NULL OR version_id = %(version)s::bigint)
    AND (%(environment)s::text IS NULL OR environment = %(environment)s::text)
  ORDER BY at DESC, event_id DESC LIMIT %(size)s
) AS looked ON true
"""
_FAILED = f"AND outcome <> '{Outcome.OK}'"
_ONE = f"""
SELECT {_COLUMNS} FROM consumption_usageevent
WHERE event_id = %(event)s AND at >= %(since)s AND outcome <> '{Outcome.REFUSED}'
  AND subscription_id = ANY(%(subscriptions)s::bigint[])
"""


@dataclass(frozen=True)
class Call:
    """One call that reached a model. kind: why it failed, None when it was answered; key: None when it is gone."""

    request_id: UUID
    at: datetime
    subscription: Subscription
    key: ApiKey | None
    version: ModelVersion
    environment: str
    kind: Kind | None
    http_status: int
    duration_us: int
    request_bytes: int
    response_bytes: int
    units: int


@dataclass(frozen=True)
class Question:
    """Which calls. subscriptions: those of the person's own teams that were chosen; the rest None for all."""

    subscriptions: Sequence[int]
    key: int | None = None
    version: int | None = None
    environment: str | None = None
    is_failed: bool = False
    before: str = ""


@dataclass(frozen=True)
class LogPage:
    """Calls, newest first. older: the cursor of the page before, "" when there is none; looked_to: how far back it looked."""

    calls: list[Call]
    older: str = ""
    looked_to: datetime | None = None


def page(question: Question, size: int = PAGE) -> LogPage:
    """A page of the log of the first MOST_SUBSCRIPTIONS of them. Raises UnknownChoice for a cursor that is none."""
    before, event = _cursor(question.before)
    is_narrow = question.key or question.version or question.environment
    values: dict[str, Any] = {
        "subscriptions": list(question.subscriptions[:MOST_SUBSCRIPTIONS]),
        "since": timezone.now() - RECENT,
        "before": before,
        "event": event,
        "looked": LOOKED if is_narrow else size + 1,
        "key": question.key,
        "version": question.version,
        "environment": question.environment,
        "size": size + 1,
    }
    statement = _LOG.format(only=_FAILED if question.is_failed else "")
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found = cursor.fetchall()
    if not found:
        return LogPage([])
    rows = [row[:-3] for row in found if row[0] is not None]
    looked, looked_to, last = found[0][-3:]
    if len(rows) > size:
        return LogPage(list(_calls(rows[:size])), _cursor_of(rows[size - 1][1], rows[size - 1][0]))
    if is_narrow and looked == LOOKED:
        return LogPage(list(_calls(rows)), _cursor_of(looked_to, last), looked_to)
    return LogPage(list(_calls(rows)))


def asked_for(chosen: Selection, address: Mapping[str, str], size: int) -> LogPage:
    """The page of the log that an address asks for: `request` names one call, else `failed` and `before`. Raises UnknownChoice."""
    subscriptions = list(chosen.subscriptions.order_by("-pk").values_list("pk", flat=True))
    if asked := address.get("request", "").strip():
        try:
            return LogPage(one(UUID(hex=asked), subscriptions))
        except ValueError:
            raise UnknownChoice(
                "This is no request id.",
                field="request",
                remedy="Copy it from X-Request-Id of an answer: 32 letters and digits.",
            ) from None
    question = Question(
        subscriptions,
        chosen.key.pk if chosen.key else None,
        chosen.version.pk if chosen.version else None,
        chosen.environment,
        is_of_failures(address),
        address.get("before", ""),
    )
    return page(question, size)


def is_of_failures(address: Mapping[str, str]) -> bool:
    """Are only calls asked for that were not answered?"""
    return address.get("failed") == "1"


def one(request_id: UUID, subscriptions: Sequence[int]) -> list[Call]:
    """The call of that id, if it is one of these subscriptions and recent; else nothing."""
    values: dict[str, Any] = {
        "event": request_id,
        "since": timezone.now() - RECENT,
        "subscriptions": list(subscriptions),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ONE, values)
        return list(_calls(cursor.fetchall()))


def _calls(rows: Sequence[Any]) -> Iterator[Call]:
    """Named by three queries for any number of rows."""
    subscriptions = Subscription.objects.for_list().in_bulk({row[2] for row in rows})
    keys = ApiKey.objects.in_bulk({row[3] for row in rows})
    versions = ModelVersion.objects.select_related("model").in_bulk({row[4] for row in rows})
    for event, at, subscription, key, version, environment, outcome, status, *figures in rows:
        if version not in versions:
            continue
        yield Call(
            event,
            at,
            subscriptions[subscription],
            keys.get(key),
            versions[version],
            environment,
            None if outcome == Outcome.OK else failures.kind_of(outcome, status),
            status,
            *figures,
        )


def _cursor(text: str) -> tuple[datetime, UUID]:
    """Raises UnknownChoice for what is no cursor."""
    if not text:
        return timezone.now() + timedelta(minutes=1), UUID(int=0)
    micros, _, event = text.partition("-")
    at = whole_number(micros)
    try:
        if at is None:
            raise ValueError
        return EPOCH + timedelta(microseconds=at), UUID(hex=event)
    except (ValueError, OverflowError):
        raise UnknownChoice(
            "There is no such page of the log.",
            field="before",
            remedy="Leave `before` out to begin at the newest call.",
        ) from None


def _cursor_of(at: datetime, event: UUID) -> str:
    return f"{(at - EPOCH) // timedelta(microseconds=1)}-{event.hex}"
