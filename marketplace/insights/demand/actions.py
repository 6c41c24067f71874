"""Verbs of gaps: make one a need, let it join one, say that it is none (docs/demand.md, "From a search to a model")."""

from django.db import transaction

from catalog import need_actions
from catalog.models import Capability, Need
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import transition
from marketplace.insights.demand.permissions import can_take_up
from marketplace.insights.models import DemandGap

MANAGERS = Refusal("Marketplace managers look after demand.", ask="the marketplace managers")
State = DemandGap.State


@transaction.atomic
def take_up(
    by: User, gap: DemandGap, *, title: str, text: str, capability: Capability | None = None
) -> Need:
    """Make a need of a gap; the teams that searched are told, and may join. Raises NotAllowed, Invalid, RuleError."""
    require(can_take_up(by), *MANAGERS)
    gap = _locked(gap)
    teams = _teams(gap)
    if not teams:
        raise RuleError(
            "Nobody on a team searched for it.",
            remedy="Let it join a need, or say that it is none.",
        )
    need = need_actions.open_for_teams(
        by, title=title, text=text, teams=teams, capability=capability
    )
    _taken(by, gap, need)
    return need


@transaction.atomic
def join(by: User, gap: DemandGap, need: Need) -> Need:
    """Say that a gap is what a need is about. Raises NotAllowed, Invalid, RuleError."""
    require(can_take_up(by), *MANAGERS)
    gap = _locked(gap)
    need = Need.objects.select_for_update(of=("self",)).get(pk=need.pk)
    if not need.is_waiting:
        raise Invalid(f"{need} is {need.get_state_display().lower()}.", field="need")
    _taken(by, gap, need)
    need_actions.note_interest(need, gap.team_ids)
    return need


@transaction.atomic
def dismiss(by: User, gap: DemandGap, reason: str) -> DemandGap:
    """Say that it is no gap: nonsense, or something that is there. Raises NotAllowed, Invalid, RuleError."""
    require(can_take_up(by), *MANAGERS)
    gap = _locked(gap)
    require_reason(reason, "other managers read it")
    transition(gap, State.DISMISSED, **DemandGap.decision(by, reason))
    record(by, "gap.dismiss", gap, reason=reason.strip())
    return gap


def _taken(by: User, gap: DemandGap, need: Need) -> None:
    transition(gap, State.TAKEN_UP, need=need, **DemandGap.decision(by, ""))
    record(by, "gap.take_up", gap, need=str(need))


def _teams(gap: DemandGap) -> list[Team]:
    return list(Team.objects.filter(pk__in=gap.team_ids).order_by("pk"))


def _locked(gap: DemandGap) -> DemandGap:
    found = DemandGap.objects.select_for_update(of=("self",)).filter(pk=gap.pk).first()
    if found is None or found.state == State.TAKEN_UP:
        raise RuleError("It is a need already.", remedy="Reload the page.")
    return found
