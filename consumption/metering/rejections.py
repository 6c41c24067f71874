"""Calls that were turned away before a model was asked: whose, by which limit, how many in each hour, when last.

The gateway's processes count them into files (tally.py). `Ledger` adds to an hour what a process tells beyond what it told
before, so files may be booked twice, and a process that starts anew begins at nothing as Prometheus' counters do.
"""

import contextlib
import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import connection
from django.db.models import Max, Sum
from django.utils import timezone

from consumption.metering.rejection_counter import HOUR_S
from consumption.models import RefusedHour, Subscription

log = logging.getLogger(__name__)
SETTLED_S = 600  # an hour that ended so long ago is told by nobody any more
KEPT = timedelta(days=100)  # the pages look back 90 days


@dataclass(frozen=True)
class Limit:
    """What may turn a call away: its name, how a sentence about others goes on, what the caller's team can do and where.

    `leads_to`: the plans, the subscription's keys, or the model's owner; "" where waiting is all there is.
    """

    name: str
    words: str
    remedy: str
    leads_to: str = ""


LIMITS = {
    "rate": Limit(
        "Rate",
        "by their plan's rate",
        "Spread the calls over time, or send several rows in one call. If that is not enough, ask for a larger plan.",
        "plans",
    ),
    "quota": Limit(
        "Monthly quota",
        "by their plan's monthly quota",
        "No call is answered before the next month begins (UTC). Ask for a larger plan.",
        "plans",
    ),
    "concurrency": Limit(
        "Calls at once",
        "by their plan's calls at once",
        "Send fewer calls in parallel, or ask for a larger plan.",
        "plans",
    ),
    "upstream": Limit(
        "Model full",
        "because the model was full",
        "Send it again after the seconds in Retry-After. If it lasts, ask for more replicas.",
        "owner",
    ),
    "load": Limit(
        "Gateway busy",
        "because the gateway was too busy",
        "Send it again after the seconds in Retry-After. The operators are told too.",
    ),
    "key": Limit(
        "Ended key",
        "because their key was revoked or has expired",
        "Something still uses a key that was revoked or has expired. Create a key and use it instead.",
        "keys",
    ),
    "network": Limit(
        "Caller's network",
        "because their key does not work from there",
        "The key works from some networks only. Call from one of them, or create a key for the other one.",
        "keys",
    ),
}


# Booking

# In one order for all, so that two gateways' machines never wait for each other.
BOOK = """
INSERT INTO consumption_refusedhour AS r (hour, subscription_id, "limit", calls, last_at, told)
SELECT to_timestamp(%(hour)s), new.subscription, new."limit", new.calls, to_timestamp(new.last_s), jsonb_build_object(%(holder)s::text, new.calls)
FROM unnest(%(subscriptions)s::bigint[], %(limits)s::text[], %(calls)s::bigint[], %(last)s::bigint[]) AS new (subscription, "limit", calls, last_s)
WHERE EXISTS (SELECT 1 FROM consumption_subscription s WHERE s.id = new.subscription)
ORDER BY 2, 3
ON CONFLICT (hour, subscription_id, "limit") DO UPDATE
SET calls = r.calls + greatest(excluded.calls - coalesce((r.told ->> %(holder)s)::bigint, 0), 0),
    last_at = greatest(r.last_at, excluded.last_at),
    told = r.told || jsonb_build_object(%(holder)s::text, greatest(excluded.calls, coalesce((r.told ->> %(holder)s)::bigint, 0)))
"""


class Ledger:
    """Brings the files of a folder to Postgres. Two at once do no harm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._booked: dict[Path, int] = {}  # by the time of its last change, ns

    def book(self) -> None:
        """Book what changed since the last time, and remove files of hours that are over. Raises DatabaseError, OSError."""
        found = {}
        for path in self.folder.glob("*.json"):
            with contextlib.suppress(
                FileNotFoundError
            ):  # another one that books, as during a reload, removed it
                found[path] = path.stat().st_mtime_ns
                if self._booked.get(path) != found[path]:
                    _book(path)
                elif _is_settled(path):
                    path.unlink()
        self._booked = found


def _book(path: Path) -> None:
    hour, _, holder = path.stem.partition("-")
    try:
        columns = [list(column) for column in zip(*json.loads(path.read_text()), strict=True)]
    except ValueError:
        log.error(
            "%s cannot be read and is passed over", path.name
        )  # a power cut; the process writes it anew
        return
    told = dict(zip(("subscriptions", "limits", "calls", "last"), columns, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(BOOK, {"hour": int(hour) * HOUR_S, "holder": holder, **told})


def _is_settled(path: Path) -> bool:
    return time.time() - (int(path.stem.partition("-")[0]) + 1) * HOUR_S > SETTLED_S


def forget_old() -> None:
    """Hours that no page shows any more."""
    RefusedHour.objects.filter(hour__lt=timezone.now() - KEPT).delete()


# Telling


@dataclass(frozen=True)
class Refused:
    """What one limit turned away of one subscription: `calls`, the last at `last_at`."""

    subscription: Subscription
    limit: Limit
    calls: int
    last_at: datetime


def of(subscriptions, since):
    """[Refused] from the hour of `since` (datetime) on, most first. Two queries for any number of subscriptions."""
    hours = RefusedHour.objects.filter(
        subscription__in=subscriptions, hour__gte=since.replace(minute=0, second=0, microsecond=0)
    )
    sums = (
        hours.values("subscription", "limit")
        .annotate(total=Sum("calls"), last=Max("last_at"))
        .order_by("-total")
    )
    rows = [row for row in sums if row["limit"] in LIMITS]
    held = Subscription.objects.for_list().in_bulk({row["subscription"] for row in rows})
    return [
        Refused(held[row["subscription"]], LIMITS[row["limit"]], row["total"], row["last"])
        for row in rows
    ]


def beginning(window):
    """The first moment of a usage.Window as a datetime, UTC."""
    first = window.starts()[0]
    return (
        first
        if isinstance(first, datetime)
        else datetime(first.year, first.month, first.day, tzinfo=UTC)
    )
