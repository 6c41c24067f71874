"""What the pages of a version's end show: the preview of an announcement, the migration guide, the board's extras."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from django.utils import timezone

from catalog import field_mapping
from catalog.field_mapping import MappedField
from catalog.models import ModelVersion
from consumption.affected import DAYS, Affected
from consumption.models import UsageDay
from publishing import brownouts, campaigns
from publishing.brownouts import Brownout
from publishing.campaigns import Step
from publishing.migration_board import Migration, MigrationState

WEEKS = 12
MARKS = {  # reached of three, and their tone
    MigrationState.NOT_STARTED: (1, "bad"),
    MigrationState.TESTING: (2, "warn"),
    MigrationState.MIGRATED: (3, "good"),
    MigrationState.WAIVER: (3, "neutral"),
}
ONE_TO_THREE = (1, 2, 3)
NAMED = 5  # applications in a sentence


@dataclass(frozen=True)
class BlastRadius:
    """Whom the end concerns."""

    rows: Sequence[Affected]

    @property
    def applications(self) -> int:
        return len({row.subscription.application_id for row in self.rows})

    @property
    def teams(self) -> int:
        return len({row.subscription.application.team_id for row in self.rows})

    @property
    def calls_a_day(self) -> int:
        return round(sum(row.calls for row in self.rows) / DAYS)


@dataclass(frozen=True)
class Moment:
    """A date on the line of the campaign. state: done, next, end or ""."""

    at: datetime
    text: str
    state: str = ""


@dataclass(frozen=True)
class Preview:
    """The announcement as it would be made now: headers of each answer, dates, what its approval says."""

    headers: list[tuple[str, str]]
    moments: list[Moment]
    sentence: str
    approval: str


@dataclass(frozen=True)
class BoardRow:
    """A Migration with what its row on the page draws."""

    migration: Migration
    daily: list[int]
    can_write: bool
    may_move: bool

    @property
    def tone(self) -> str:
        return MARKS[self.migration.state][1]

    @property
    def steps(self) -> list[bool]:
        """Three marks: reached or not."""
        reached, _ = MARKS[self.migration.state]
        return [step <= reached for step in ONE_TO_THREE]


@dataclass(frozen=True)
class BoardSummary:
    """The figures above the board."""

    rows: list[Migration]
    days_left: int | None

    @property
    def moved(self) -> int:
        return sum(not row.is_blocking for row in self.rows)

    @property
    def calls(self) -> int:
        return sum(row.calls for row in self.rows)

    @property
    def blocking(self) -> list[Migration]:
        return [row for row in self.rows if row.is_blocking]

    @property
    def blocking_names(self) -> str:
        """The first few of them."""
        names = [str(row.subscription.application) for row in self.blocking]
        return ", ".join(names[:NAMED]) + (" and more" if len(names) > NAMED else "")


def preview(
    version: ModelVersion,
    *,
    sunset_at: datetime,
    successor: ModelVersion | None,
    with_brownouts: bool,
) -> Preview:
    """Nothing is saved: `version` is changed in memory alone."""
    version.deprecated_at, version.sunset_at, version.successor = (
        timezone.now(),
        sunset_at,
        successor,
    )
    version.brownouts = brownouts.before(sunset_at) if with_brownouts else []
    return Preview(
        _headers(version),
        moments(version, version.deprecated_at),
        campaigns.successor_sentence(version),
        approval_note(version, sunset_at),
    )


def mapping(version: ModelVersion, renames: dict[str, str]) -> list[MappedField]:
    """What a caller changes field by field; [] without a successor or where a signature cannot be compared."""
    if version.successor is None:
        return []
    try:
        return field_mapping.mapping(version.signature, version.successor.signature, renames)
    except (AttributeError, KeyError, TypeError, ValueError):
        return []


def moments(version: ModelVersion, announced_at: datetime) -> list[Moment]:
    """The line of dates: announcement, notices, brownouts, end."""
    if version.sunset_at is None:
        return []
    found = [(announced_at, "Announced", "")]
    for step in campaigns.steps(version, announced_at):
        if step.at < version.sunset_at and not step.name.startswith("brownout"):
            found.append((step.at, _short(step), ""))
    found += [(one.since, _brownout(one), "") for one in brownouts.of(version)]
    found.append((version.sunset_at, "Ends", "end"))
    now, dates = timezone.now(), sorted(found)
    ahead = next((at for at, _, _ in dates if at > now), None)
    return [
        Moment(at, text, state or ("done" if at <= now else "next" if at == ahead else ""))
        for at, text, state in dates
    ]


def approval_note(version: ModelVersion, sunset_at: datetime) -> str:
    """Whether the approval holds until the end, in words; "" when it does."""
    until = version.approved_until
    if until is None or until >= sunset_at:
        return ""
    return (
        f"Its approval ends on {_day(until)}, before that day: it is reviewed again by then, at most until its end, or "
        f"the model page says that its review is overdue."
    )


def daily_calls(version: ModelVersion, rows: Sequence[Migration]) -> dict[int, list[int]]:
    """{subscription: calls of the version on each of the last 84 days, oldest first}. One query."""
    days = 7 * WEEKS
    first = timezone.now().astimezone(UTC).date() - timedelta(days=days - 1)
    series = {row.subscription.pk: [0] * days for row in rows}
    found = UsageDay.objects.filter(version=version, subscription__in=series, day__gte=first)
    for subscription, day, calls in found.values_list("subscription", "day", "calls"):
        series[subscription][min((day - first).days, days - 1)] += calls
    return series


def days_left(version: ModelVersion) -> int | None:
    """Whole days until the sunset; None once it has passed."""
    if version.sunset_at is None or version.sunset_at <= timezone.now():
        return None
    return (version.sunset_at - timezone.now()).days


def _headers(version: ModelVersion) -> list[tuple[str, str]]:
    """As the gateway writes them (hosting/gateway/auth/snapshot.py); a test compares the two."""
    successor = version.successor
    assert version.deprecated_at and version.sunset_at
    links = [f'<{campaigns.guide_url(version)}>; rel="deprecation"; type="text/html"']
    links.append('</docs/lifecycle/>; rel="sunset"; type="text/html"')
    if successor is not None:
        address = f"/v2/models/{successor.model.slug}/versions/{successor.number}"
        links.append(f'<{address}>; rel="successor-version"')
    return [
        ("Deprecation", f"@{int(version.deprecated_at.timestamp())}"),
        ("Sunset", format_datetime(version.sunset_at.astimezone(UTC), usegmt=True)),
        ("Link", ", ".join(links)),
    ]


def _short(step: Step) -> str:
    if step.name == "half":
        return "Notice, half-time"
    number = step.name.partition("-")[0]
    return f"Notice, {number} day{'' if number == '1' else 's'}"


def _brownout(brownout: Brownout) -> str:
    minutes = brownout.minutes
    length = f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"
    return f"Brownout, {length} from {brownout.since.astimezone(UTC):%H:%M} UTC"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %B %Y}"
