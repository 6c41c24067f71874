"""The terms of the board's formula: what earns points, and the rows of a quarter (docs/adoption.md, "Contribution board").

Each function yields a Contribution for each thing that happened in the quarter, about models of `seen`. Use of a team's own
models never counts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import Application, Discussion, Move, UsageDay
from governance.models import Decision, Review
from hosting.models import Incident
from marketplace.accounts.models import Membership
from marketplace.insights.quarters import Quarter
from publishing.models import MigrationMessage

TEAMS_CAP = 10  # active teams that one model earns points for
ACTIVE_DAYS = 3  # with an answered production call
SEVERE = timedelta(minutes=30)  # an incident that lasts as long is severe
KEPT_S = 600  # usage of a quarter, in this process


@dataclass(frozen=True)
class Contribution:
    """One thing that happened. team: whose it is; person: whose name may stand there, None for a team's work as a whole."""

    term: str
    team: int
    points: int
    label: str
    url: str
    model: int | None = None
    person: int | None = None


@dataclass(frozen=True)
class Term:
    """A part of the formula: `points` for each row that `rows` yields."""

    name: str
    label: str
    points: int
    rows: Callable[["QuerySet[RegisteredModel]", Quarter], Iterator[Contribution]]


def new_models(seen: "QuerySet[RegisteredModel]", quarter: Quarter) -> Iterator[Contribution]:
    """Models whose first version was published in the quarter, at a risk tier of medium or high."""
    first = ModelVersion.objects.filter(model__in=_ids(seen), published_at__isnull=False)
    firsts = first.values("model").annotate(at=Min("published_at")).order_by()
    born = firsts.filter(at__gte=quarter.begins_at, at__lt=quarter.ends_at)
    for version in (
        ModelVersion.objects.filter(
            model__in=born.values("model"),
            published_at__gte=quarter.begins_at,
            published_at__lt=quarter.ends_at,
        )
        .select_related("model")
        .order_by("model_id", "published_at")
        .distinct("model_id")
    ):
        if version.risk_tier in ("medium", "high"):
            yield _of_model("new", 10, version.model, f"{version}, {version.risk_tier} risk")


def active_teams(seen: "QuerySet[RegisteredModel]", quarter: Quarter) -> Iterator[Contribution]:
    """Other teams with answered production calls on ACTIVE_DAYS days or more, at most TEAMS_CAP for a model."""
    key = f"insights:active-teams:{quarter.start}"
    used: list[tuple[int, str]] = cache.get_or_set(key, lambda: _used(quarter), KEPT_S) or []
    shown = seen.filter(pk__in={pk for pk, _ in used}).only("slug", "name", "owner_team")
    models = {model.pk: model for model in shown}
    counted: dict[int, int] = {}
    for pk, team in used:
        counted[pk] = counted.get(pk, 0) + 1
        if pk in models and counted[pk] <= TEAMS_CAP:
            yield _of_model("teams", 5, models[pk], f"{models[pk]}: {team} calls it")


def _used(quarter: Quarter) -> list[tuple[int, str]]:
    """(model id, name of a team that was active on it) of all models; a quarter of usage, so kept for KEPT_S."""
    days = UsageDay.objects.filter(
        day__gte=quarter.start,
        day__lt=quarter.end,
        ok__gt=0,
        subscription__application__environment=Application.Environment.PROD,
    ).exclude(team=F("version__model__owner_team"))
    pairs = days.order_by().values_list("version__model", "team__name")
    active = pairs.annotate(days=Count("day", distinct=True)).filter(days__gte=ACTIVE_DAYS)
    return sorted((model, team) for model, team, _ in active)


def supported_moves(seen: "QuerySet[RegisteredModel]", quarter: Quarter) -> Iterator[Contribution]:
    """Subscriptions of other teams that left a version of the team's model after it had written to them about the move."""
    written = MigrationMessage.objects.filter(
        version=OuterRef("from_version"),
        subscription=OuterRef("subscription"),
        is_from_owner=True,
        at__lte=OuterRef("effective_at"),
    )
    moves = Move.objects.filter(
        Exists(written),
        state=Move.State.DONE,
        effective_at__gte=quarter.begins_at,
        effective_at__lt=quarter.ends_at,
        subscription__model__in=_ids(seen),
        to_version__isnull=False,
    ).exclude(subscription__application__team=F("subscription__model__owner_team"))
    for move in moves.select_related("subscription__model", "subscription__application"):
        model = move.subscription.model
        yield _of_model("moves", 3, model, f"{model}: {move.subscription.application} moved")


def accepted_issues(seen: "QuerySet[RegisteredModel]", quarter: Quarter) -> Iterator[Contribution]:
    """Bugs and requests of a team about another team's model that were fixed in the quarter."""
    fixed = Discussion.objects.filter(
        state=Discussion.State.FIXED,
        kind__in=[Discussion.Kind.BUG, Discussion.Kind.REQUEST],
        state_since__gte=quarter.begins_at,
        state_since__lt=quarter.ends_at,
        team__isnull=False,
        model__in=_ids(seen),
    ).exclude(team=F("model__owner_team"))
    for discussion in fixed.select_related("model"):
        yield Contribution(
            "issues",
            discussion.team_id or 0,
            2,
            f"{discussion.model}: {discussion.title}",
            discussion.get_absolute_url(),
            discussion.model_id,
            discussion.opened_by_id,
        )


def evaluations(seen: "QuerySet[RegisteredModel]", quarter: Quarter) -> Iterator[Contribution]:
    """Independent evaluations of another team's version that a member decided; the team that the member had been on longest."""
    decided = Decision.objects.filter(
        at__gte=quarter.begins_at,
        at__lt=quarter.ends_at,
        review__kind=Review.Kind.EVALUATION,
        review__version__model__in=_ids(seen),
        by__is_system=False,
    ).select_related("review__version__model")
    decided_rows: list[Any] = list(decided)
    teams = _teams_of({decision.by_id for decision in decided_rows})
    for decision in decided_rows:
        version = decision.review.version
        team = _team_then(teams.get(decision.by_id, []), decision.at)
        if team is not None and team != version.model.owner_team_id:
            url = reverse("governance:evidence", args=[version.model.slug])
            label = f"{version}: independent evaluation"
            yield Contribution("evaluations", team, 2, label, url, version.model_id, decision.by_id)


def severe_incidents(seen: "QuerySet[RegisteredModel]", quarter: Quarter) -> Iterator[Contribution]:
    """Incidents that began in the quarter and lasted SEVERE or longer."""
    now = timezone.now()
    began = Incident.objects.filter(
        Q(closed_at__gte=F("opened_at") + SEVERE) | Q(closed_at=None, opened_at__lte=now - SEVERE),
        opened_at__gte=quarter.begins_at,
        opened_at__lt=quarter.ends_at,
        version__model__in=_ids(seen),
    ).select_related("version__model")
    for incident in began:
        version = incident.version
        label = f"{version}: {incident.description or 'it did not answer'}"
        yield _of_model("incidents", -5, version.model, label)


FORMULA = (
    Term("new", "Model newly published, medium or high risk", 10, new_models),
    Term("teams", "Other team that uses a model, at most 10 a model", 5, active_teams),
    Term("moves", "Consumer's move that the owner supported", 3, supported_moves),
    Term("issues", "Bug or request of the team that was fixed", 2, accepted_issues),
    Term("evaluations", "Independent evaluation by a member", 2, evaluations),
    Term("incidents", "Severe incident of its model", -5, severe_incidents),
)


def _of_model(term: str, points: int, model: RegisteredModel, label: str) -> Contribution:
    url = model.get_absolute_url()
    return Contribution(term, model.owner_team_id, points, label, url, model.pk)


def _ids(seen: "QuerySet[RegisteredModel]") -> Any:
    return seen.order_by().values("pk")


def _teams_of(people: set[int]) -> dict[int, list[Membership]]:
    """{person: their memberships, the oldest first}."""
    found: dict[int, list[Membership]] = {}
    for membership in Membership.objects.filter(user__in=people).order_by("joined_at", "pk"):
        found.setdefault(membership.user_id, []).append(membership)
    return found


def _team_then(memberships: list[Membership], at: Any) -> int | None:
    """The team of the oldest membership that held at a moment."""
    held = (
        one.team_id
        for one in memberships
        if one.joined_at <= at and (one.left_at is None or one.left_at > at)
    )
    return next(held, None)
