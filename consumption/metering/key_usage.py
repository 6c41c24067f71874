"""What calls with one key: the blast radius of its end (docs/access.md, "Keys")."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models import ApiKey, Outcome, UsageEvent

DAYS = 7
MOST = 20_000  # calls of its subscription that are looked at, the newest first: a busy one makes millions in a week


class DayCalls(NamedTuple):
    day: date
    calls: int


class VersionCalls(NamedTuple):
    version: ModelVersion
    calls: int


@dataclass(frozen=True)
class KeyUse:
    """Calls with a key since `since`: by day and by version, how many were answered, the last one. None of them is a refused call.

    is_whole: all of seven days; else what the newest MOST calls of its subscription show, and since when.
    """

    since: datetime
    is_whole: bool
    calls: int
    answered: int
    last_at: datetime | None
    days: list[DayCalls]
    versions: list[VersionCalls]

    @property
    def most_a_day(self) -> int:
        return max((calls for _, calls in self.days), default=0)


def of(key: ApiKey) -> KeyUse:
    """The KeyUse of the last DAYS days. Two queries; looks at no more than MOST rows."""
    now = timezone.now()
    since = now - timedelta(days=DAYS)
    newest = (
        UsageEvent.objects.filter(subscription_id=key.subscription_id, at__gte=since)
        .exclude(outcome=Outcome.REFUSED)
        .order_by("-at")
        .values_list("at", "key_id", "version_id", "outcome")[:MOST]
    )
    rows = list(newest)
    is_whole = len(rows) < MOST
    own = [row for row in rows if row[1] == key.pk]
    first = since if is_whole else rows[-1][0]
    by_day = Counter(at.astimezone(UTC).date() for at, *_ in own)
    by_version = Counter(version for *_, version, _ in own)
    named = ModelVersion.objects.select_related("model").in_bulk(by_version)
    return KeyUse(
        first,
        is_whole,
        len(own),
        sum(outcome == Outcome.OK for *_, outcome in own),
        own[0][0] if own else None,
        [DayCalls(day, calls) for day, calls in sorted(by_day.items())],
        [VersionCalls(named[pk], calls) for pk, calls in by_version.most_common() if pk in named],
    )
