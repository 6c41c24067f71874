"""Rejected calls: how many calls of a subscription each limit rejected in each hour before they were forwarded, and the last one.

Gateway processes count rejections into files (rejection_counter.py). `RejectionImporter` adds to an hour only what a process
reports beyond its previous report, so a file may be imported twice. A process that starts anew begins at zero, as Prometheus
counters do.
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

from consumption.metering import rejection_counter
from consumption.models import RejectedHour, Subscription

log = logging.getLogger(__name__)
CLOSED_AFTER_S = 600  # no process reports an hour that ended this long ago
RETENTION = timedelta(days=100)  # the pages look back 90 days


@dataclass(frozen=True)
class Limit:
    """A limit that rejects calls: its name, the reason as the end of a sentence, and the remedy for the calling team.

    `leads_to` is where the remedy is found: "plans", "keys" (of the subscription), "owner" (of the model), or "" to wait.
    """

    name: str
    reason: str
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


# Import

# Rows are locked in one order, so that the gateways of two machines never wait for each other.
IMPORT = """
INSERT INTO consumption_rejectedhour AS r (hour, subscription_id, "limit", calls, last_at, reported)
SELECT to_timestamp(%(hour)s), new.subscription, new."limit", new.calls, to_timestamp(new.last_s), jsonb_build_object(%(owner)s::text, new.calls)
FROM unnest(%(subscriptions)s::bigint[], %(limits)s::text[], %(calls)s::bigint[], %(last)s::bigint[]) AS new (subscription, "limit", calls, last_s)
WHERE EXISTS (SELECT 1 FROM consumption_subscription s WHERE s.id = new.subscription)
ORDER BY 2, 3
ON CONFLICT (hour, subscription_id, "limit") DO UPDATE
SET calls = r.calls + greatest(excluded.calls - coalesce((r.reported ->> %(owner)s)::bigint, 0), 0),
    last_at = greatest(r.last_at, excluded.last_at),
    reported = r.reported || jsonb_build_object(%(owner)s::text, greatest(excluded.calls, coalesce((r.reported ->> %(owner)s)::bigint, 0)))
"""


class RejectionImporter:
    """Imports the counters' files of a folder into Postgres. Two importers at once do no harm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._imported: dict[Path, int] = {}  # path: time of its last change, ns

    def run(self) -> None:
        """Import the files that changed since the last run and remove those of closed hours. Raises DatabaseError, OSError."""
        changed_at = {}
        for path in self.folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # a second importer (reload) removed it
                changed_at[path] = path.stat().st_mtime_ns
                if self._imported.get(path) != changed_at[path]:
                    _import(path)
                elif _is_closed(path):
                    path.unlink()
        self._imported = changed_at


def _import(path: Path) -> None:
    hour, _, owner = path.stem.partition("-")
    try:
        columns = [list(column) for column in zip(*json.loads(path.read_text()), strict=True)]
    except ValueError:
        # A power cut broke it off; its process writes it again.
        log.error("%s cannot be read and is skipped", path.name)
        return
    counts = dict(zip(("subscriptions", "limits", "calls", "last"), columns, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            IMPORT, {"hour": int(hour) * rejection_counter.HOUR_S, "owner": owner, **counts}
        )


def _is_closed(path: Path) -> bool:
    return (
        time.time() - (int(path.stem.partition("-")[0]) + 1) * rejection_counter.HOUR_S
        > CLOSED_AFTER_S
    )


def delete_old() -> None:
    """Delete the hours that no page shows any more."""
    RejectedHour.objects.filter(hour__lt=timezone.now() - RETENTION).delete()


# Queries


@dataclass(frozen=True)
class RejectionCount:
    """How many calls of one subscription one limit rejected; `last_at` is the last of them."""

    subscription: Subscription
    limit: Limit
    calls: int
    last_at: datetime
    slug: str


def of(subscriptions, since):
    """[RejectionCount] from the hour of `since` (datetime) on, most first. Two queries for any number of subscriptions."""
    hours = RejectedHour.objects.filter(
        subscription__in=subscriptions, hour__gte=since.replace(minute=0, second=0, microsecond=0)
    )
    sums = (
        hours.values("subscription", "limit")
        .annotate(total=Sum("calls"), last=Max("last_at"))
        .order_by("-total")
    )
    rows = [row for row in sums if row["limit"] in LIMITS]
    by_id = Subscription.objects.for_list().in_bulk({row["subscription"] for row in rows})
    return [
        RejectionCount(
            by_id[row["subscription"]],
            LIMITS[row["limit"]],
            row["total"],
            row["last"],
            row["limit"],
        )
        for row in rows
    ]


def beginning(window):
    """The start of a usage.Window as a datetime (UTC)."""
    first = window.starts()[0]
    return (
        first
        if isinstance(first, datetime)
        else datetime(first.year, first.month, first.day, tzinfo=UTC)
    )
