"""The board of a quarter: teams with their points, term by term (docs/adoption.md, "Contribution board")."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Avg

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.core.errors import UnknownChoice
from marketplace.insights.contributions.terms import FORMULA, Contribution, Term
from marketplace.insights.models import HealthScore, NamedContributor
from marketplace.insights.quarters import Quarter

MODEL_CAP = 60  # points that one model earns in a quarter, before what it loses
SHOWN_QUARTERS = 8


@dataclass
class TeamPoints:
    """A team of the board. by_term: {name of the term: points}; lost: what is above MODEL_CAP, a number of points below 0 or 0."""

    team: Team
    by_term: dict[str, int]
    lost: int
    health: float
    rows: list[Contribution] = field(default_factory=list)

    @property
    def points(self) -> int:
        return sum(self.by_term.values()) + self.lost

    @property
    def cells(self) -> list[tuple[str, int]]:
        """(name of the term, points) in the order of FORMULA."""
        return [(term.name, self.by_term.get(term.name, 0)) for term in FORMULA]


@dataclass(frozen=True)
class PersonPoints:
    """A person who wants to be named: issues that were fixed, and evaluations."""

    person: User
    points: int


@dataclass(frozen=True)
class Board:
    """The teams with points in a quarter, most points first; the same points: healthier models first."""

    quarter: Quarter
    teams: list[TeamPoints]
    people: list[PersonPoints]
    formula: tuple[Term, ...] = FORMULA
    model_cap: int = MODEL_CAP


def board(user: User, quarter: Quarter) -> Board:
    """The Board over the models that the person sees."""
    seen = RegisteredModel.objects.visible_to(user)
    rows = [row for term in FORMULA for row in term.rows(seen, quarter)]
    by_team: dict[int, list[Contribution]] = defaultdict(list)
    for row in rows:
        by_team[row.team].append(row)
    health = _health(by_team, user)
    teams = [
        _points(team, by_team[team.pk], health.get(team.pk, 0.0))
        for team in Team.objects.filter(pk__in=by_team).select_related("business_unit")
    ]
    teams.sort(key=lambda one: (-one.points, -one.health, one.team.name))
    return Board(quarter, teams, _people(rows))


def quarter_of(text: str, today_is_in: Quarter) -> Quarter:
    """The quarter that an address names (2026-Q3); the running one for "". Raises UnknownChoice."""
    for quarter in quarters(today_is_in):
        if text.upper() in ("", name_of(quarter)):
            return quarter
    raise UnknownChoice(
        f"There is no quarter “{text[:20]}”.", field="quarter", remedy="Write it as 2026-Q3."
    )


def quarters(last: Quarter) -> list[Quarter]:
    """The quarters that are shown, the newest first."""
    shown = [last]
    while len(shown) < SHOWN_QUARTERS:
        shown.append(shown[-1].previous)
    return shown


def name_of(quarter: Quarter) -> str:
    """2026-Q3, as addresses have it."""
    return f"{quarter.year}-Q{quarter.number}"


def _points(team: Team, rows: list[Contribution], health: float) -> TeamPoints:
    by_term: dict[str, int] = defaultdict(int)
    earned: dict[int, int] = defaultdict(int)
    for row in rows:
        by_term[row.term] += row.points
        is_own = row.term in ("new", "teams", "moves")
        if is_own and row.model is not None:
            earned[row.model] += row.points
    lost = sum(min(MODEL_CAP - points, 0) for points in earned.values())
    return TeamPoints(team, dict(by_term), lost, health, rows)


def _health(teams: Iterable[int], user: User) -> dict[int, float]:
    """{team: mean health of its models that the person sees}."""
    seen = RegisteredModel.objects.visible_to(user).order_by().values("pk")
    scores = HealthScore.objects.filter(model__in=seen, model__owner_team__in=list(teams))
    means = scores.values_list("model__owner_team").annotate(mean=Avg("score")).order_by()
    return {team: mean or 0.0 for team, mean in means}


def _people(rows: list[Contribution]) -> list[PersonPoints]:
    points: dict[int, int] = defaultdict(int)
    for row in rows:
        if row.person is not None:
            points[row.person] += row.points
    named = NamedContributor.objects.filter(person__in=points, person__is_active=True)
    people = [
        PersonPoints(one.person, points[one.person_id]) for one in named.select_related("person")
    ]
    return sorted(people, key=lambda one: (-one.points, one.person.username))
