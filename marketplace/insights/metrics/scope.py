"""What a metric is counted over: a quarter up to a moment, and the models that count (docs/metrics.md, "Who sees which figures")."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from django.db.models import F, Min, Q, QuerySet

from catalog.models import ModelVersion, RegisteredModel, sees_everything
from consumption.models import Application, KeyDay
from marketplace.accounts.models import BusinessUnit, Team, TeamUnit, User
from marketplace.insights.quarters import Quarter

COMPANY, OPEN = "company", "open"
SIGHTS = {
    COMPANY: "All models",
    OPEN: "Models that everyone in the company may see",
}
LISTED_AFTER = timedelta(days=1)  # a model counts when it was published a day before


def sight_of(user: User) -> str:
    """Which figures a person reads: those over all models, or those over what everybody may see."""
    return COMPANY if sees_everything(user) else OPEN


@dataclass(frozen=True)
class Place:
    """A team and the business unit that it belonged to at the end of the scope."""

    team: str
    unit: str


@dataclass(frozen=True)
class Scope:
    """A quarter as it was known at `now`; nothing after its end counts."""

    quarter: Quarter
    now: datetime
    sight: str = COMPANY

    @property
    def until(self) -> datetime:
        """The moment that states are read at: the quarter's end, or now while it runs."""
        return min(self.quarter.ends_at, self.now)

    @property
    def last_day(self) -> date:
        """The last day (UTC) that counts."""
        return min(self.quarter.end - timedelta(days=1), self.now.date())

    @property
    def is_over(self) -> bool:
        return self.quarter.ends_at <= self.now

    @property
    def before(self) -> "Scope":
        """The whole quarter before."""
        return Scope(self.quarter.previous, self.now, self.sight)

    def models(self) -> "QuerySet[RegisteredModel]":
        """The models that count."""
        found: QuerySet[RegisteredModel] = RegisteredModel.objects.order_by()
        if self.sight == COMPANY:
            return found
        return found.filter(visibility=RegisteredModel.Visibility.ENTERPRISE).exclude(
            state=RegisteredModel.State.DRAFT
        )

    def live(self) -> "QuerySet[ModelVersion]":
        """The versions that were published or deprecated at the end, for a day or longer."""
        begun = Q(published_at__lte=self.until - LISTED_AFTER)
        return self.versions().filter(begun, not_before(self.until, "retired_at"))

    def versions(self) -> "QuerySet[ModelVersion]":
        """All versions of the models that count."""
        found: QuerySet[ModelVersion] = ModelVersion.objects.order_by()
        return found if self.sight == COMPANY else found.filter(model__in=self.models())

    def calls(self) -> "QuerySet[KeyDay]":
        """Days with answered production calls of the quarter, those of the model's own team left out."""
        return self.calls_so_far().filter(day__gte=self.quarter.start)

    def calls_so_far(self) -> "QuerySet[KeyDay]":
        """The same days from the beginning of the marketplace on."""
        days: QuerySet[KeyDay] = KeyDay.objects.filter(
            environment=Application.Environment.PROD, ok__gt=0, day__lte=self.last_day
        ).exclude(team=F("version__model__owner_team"))
        return days if self.sight == COMPANY else days.filter(version__model__in=self.models())

    @cached_property
    def launched_on(self) -> date | None:
        """The day of the first publication of all."""
        first: datetime | None = ModelVersion.objects.aggregate(at=Min("published_at"))["at"]
        return first.date() if first else None

    @cached_property
    def places(self) -> dict[int, Place]:
        """{team id: its Place} of all teams."""
        units = dict(BusinessUnit.objects.values_list("pk", "name"))
        moved = TeamUnit.objects.filter(since__lte=self.until).order_by("since")
        then = dict(moved.values_list("team_id", "business_unit_id"))
        teams = Team.objects.order_by("name").values_list("pk", "name", "business_unit_id")
        return {pk: Place(name, units[then.get(pk, now)]) for pk, name, now in teams}


def not_before(moment: datetime, field: str) -> Q:
    """It had not happened at the moment."""
    return Q(**{field: None}) | Q(**{f"{field}__gt": moment})


def not_deprecated(scope: Scope) -> Q:
    """Versions that were published and not deprecated at the end of the scope."""
    return not_before(scope.until, "deprecated_at")
