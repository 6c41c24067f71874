"""Announced short refusals of a version before its sunset, so that nobody meets its end unprepared (docs/governance.md, "Brownouts").

They stand on the version as [[from, until], …] (ISO 8601, UTC), where the gateway reads them. Source of the idea: what GitHub
and other providers do before they remove something.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from catalog.models import ModelVersion

# (days before the sunset, minutes): each longer than the one before.
SCHEDULE = ((14, 10), (7, 60), (2, 240))
STARTS_AT_HOUR = 10  # UTC, of a working day: somebody is there who notices
FIRST_WORKDAY_AFTER = 5  # Monday is 0
Span = list[str]


@dataclass(frozen=True)
class Brownout:
    """One refusal, for pages."""

    since: datetime
    until: datetime

    @property
    def minutes(self) -> int:
        return round((self.until - self.since).total_seconds() / 60)

    @property
    def is_over(self) -> bool:
        return self.until <= timezone.now()


def before(sunset_at: datetime) -> list[Span]:
    """The spans before a sunset, on working days, oldest first; none that lies in the past."""
    now = timezone.now()
    spans = [_span(sunset_at, days, minutes) for days, minutes in SCHEDULE]
    return [
        [since.isoformat(), until.isoformat()]
        for since, until in spans
        if since > now and until <= sunset_at
    ]


def moved(spans: Sequence[Span], sunset_at: datetime) -> list[Span]:
    """The spans when the sunset becomes later: what has begun stays, the rest moves with it."""
    now = timezone.now()
    begun = [span for span in spans if datetime.fromisoformat(span[0]) <= now]
    return [*begun, *before(sunset_at)]


def of(version: ModelVersion) -> list[Brownout]:
    """Those of a version, oldest first."""
    return [
        Brownout(datetime.fromisoformat(since), datetime.fromisoformat(until))
        for since, until in version.brownouts
    ]


def coming(version: ModelVersion) -> list[Brownout]:
    """Those that are not over."""
    return [brownout for brownout in of(version) if not brownout.is_over]


def shown(spans: Sequence[Span]) -> str:
    """Planned ones in words: "10 minutes on 3 May 2027, 10:00 UTC; …"."""
    return "; ".join(
        f"{minutes} minutes on {datetime.fromisoformat(since):%-d %B %Y, %H:%M} UTC"
        for since, until in spans
        for minutes in [
            Brownout(datetime.fromisoformat(since), datetime.fromisoformat(until)).minutes
        ]
    )


def _span(sunset_at: datetime, days: int, minutes: int) -> tuple[datetime, datetime]:
    day = sunset_at.astimezone(UTC) - timedelta(days=days)
    day -= timedelta(days=max(0, day.weekday() - (FIRST_WORKDAY_AFTER - 1)))
    since = day.replace(hour=STARTS_AT_HOUR, minute=0, second=0, microsecond=0)
    return since, since + timedelta(minutes=minutes)
