"""What a person might use: from past use, the unit, the team's own models, the role; and what others took up lately.

Every recommendation says why. Each source asks one question of bounded answer, and what the person may not see is dropped before
anything is shown (docs/recommendations.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, QuerySet
from django.utils import timezone

from catalog.models import Neighbour, RegisteredModel
from consumption.models import Subscription
from marketplace.accounts.models import Team, User
from marketplace.core.templatetags.formatting import quantity

SHOWN = 4
LOOKED_AT = 24  # candidates of one source: some of them may be hidden from the person
LATELY = timedelta(days=30)
SPREAD = ("finance", "curator", "auditor", "admin")  # they look at what spreads through the company
WATCHED = (  # they look at what carries risk
    "evaluator",
    "fairness_reviewer",
    "security_reviewer",
    "legal_reviewer",
    "model_risk_officer",
    "governance_lead",
)
Candidate = tuple[int, str]  # a model's id, and why


@dataclass(frozen=True)
class Recommended:
    """A model, and why it is shown to this person."""

    model: RegisteredModel
    why: str


def for_person(user: User, roles: set[str], models: QuerySet[RegisteredModel]) -> list[Recommended]:
    """At most SHOWN of `models` (what the person may see), the best reason first; never what the person's teams own or hold."""
    teams = list(user.teams().select_related("business_unit"))
    held = list(
        Subscription.objects.held_by(user).open().values_list("model", "model__name")[:LOOKED_AT]
    )
    sources = [
        like_what_is_used(held),
        used_in_the_unit(teams),
        beside_what_the_team_builds(teams, models),
        by_role(roles, models),
        most_teams(models),
    ]
    own = [team.pk for team in teams]
    return _first(sources, models.exclude(owner_team__in=own), {pk for pk, _ in held})


def trending(
    models: QuerySet[RegisteredModel], besides: Iterable[Recommended] = ()
) -> list[Recommended]:
    """What most teams took up in LATELY; not calls, which one team can make alone. Without what is shown `besides`."""
    begun = Subscription.objects.granted().filter(
        requested_at__gte=timezone.now() - LATELY, application__environment="prod"
    )
    counted = (
        begun.order_by()
        .values_list("model")
        .annotate(teams=Count("application__team", distinct=True))
    )
    rows = counted.order_by("-teams", "-model")[:LOOKED_AT]
    candidates = (
        (model, f"{quantity(teams, 'team,teams')} began in the last 30 days")
        for model, teams in rows
    )
    return _first([candidates], models, {one.model.pk for one in besides})


def like_what_is_used(held: Sequence[tuple[int, str]]) -> Iterator[Candidate]:
    """Neighbours of what the person's teams hold."""
    names = dict(held)
    if names:
        near = Neighbour.objects.filter(model__in=list(names)).exclude(other__in=list(names))
        for other, model in near.order_by("-score").values_list("other", "model")[:LOOKED_AT]:
            yield other, f"Like {names[model]}, which your team uses"


def used_in_the_unit(teams: Sequence[Team]) -> Iterator[Candidate]:
    """What other teams of the person's business units use."""
    units = {team.business_unit_id: team.business_unit.name for team in teams}
    if units:
        others = Subscription.objects.granted().filter(
            application__team__business_unit__in=list(units)
        )
        others = others.exclude(application__team__in=[team.pk for team in teams])
        unit = F("application__team__business_unit")
        counted = others.order_by().values_list("model", unit)
        counted = counted.annotate(teams=Count("application__team", distinct=True))
        for model, of_unit, number in counted.order_by("-teams", "model")[:LOOKED_AT]:
            said = "Another team" if number == 1 else f"{number} other teams"
            verb = "uses" if number == 1 else "use"
            yield model, f"{said} of {units[of_unit]} {verb} it"


def beside_what_the_team_builds(
    teams: Sequence[Team], models: QuerySet[RegisteredModel]
) -> Iterator[Candidate]:
    """For who publishes: models of others that do the same task."""
    builders = [team.pk for team in teams if team.is_ai_team]
    if builders:
        own = RegisteredModel.objects.published().filter(owner_team__in=builders)
        tasks = dict(own.order_by("pk").values_list("capability", "capability__name")[:LOOKED_AT])
        found = models.filter(capability__in=list(tasks)).exclude(owner_team__in=builders)
        rows = found.order_by("-consumer_teams", "pk").values_list("pk", "capability")
        for pk, task in rows[:LOOKED_AT]:
            yield pk, f"Your team builds for {tasks[task].lower()} too"


def by_role(roles: set[str], models: QuerySet[RegisteredModel]) -> Iterator[Candidate]:
    """For who watches over risk, or over what spreads."""
    if roles & set(WATCHED):
        risky = models.filter(risk_tier="high").order_by("-consumer_teams", "pk")
        for pk in risky.values_list("pk", flat=True)[:LOOKED_AT]:
            yield pk, "High risk, and in use"
    elif roles & set(SPREAD):
        rows = models.filter(consumer_teams__gt=1).order_by("-consumer_teams", "-calls_30d", "pk")
        for pk, teams in rows.values_list("pk", "consumer_teams")[:LOOKED_AT]:
            yield pk, f"Spreads: {quantity(teams, 'team,teams')} called it in 30 days"


def most_teams(models: QuerySet[RegisteredModel]) -> Iterator[Candidate]:
    """For whoever has no history: what most teams rely on."""
    used = models.filter(consumer_teams__gt=0).order_by("-consumer_teams", "-calls_30d", "id")
    for pk, teams in used.values_list("pk", "consumer_teams")[:LOOKED_AT]:
        yield pk, f"{quantity(teams, 'team,teams')} called it in 30 days"


def _first(
    sources: Sequence[Iterator[Candidate]], models: QuerySet[RegisteredModel], without: set[int]
) -> list[Recommended]:
    """SHOWN candidates that are among `models` and not on quality watch, one after the other from each source while they last, each once."""
    reasons: dict[int, str] = {}
    for source in sources:
        for pk, why in source:
            if pk not in without:
                reasons.setdefault(pk, why)
    visible: Any = models.filter(pk__in=list(reasons), quality_watch_since=None)
    by_pk = {model.pk: model for model in visible.for_list().order_by()}
    return [Recommended(by_pk[pk], why) for pk, why in reasons.items() if pk in by_pk][:SHOWN]
