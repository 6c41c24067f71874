"""Verbs of ownership: name a successor, agree or refuse, take back (docs/curation.md, "When an owner leaves")."""

from django.db import transaction

from catalog.actions import hand_over
from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.insights.models import CurationItem, Succession
from marketplace.insights.ownership.permissions import can_name, reasons_against_agreeing
from marketplace.notices.actions import notify, resolve

NAMERS = (
    "The model's team, who leads a team of its unit, and marketplace managers name a successor."
)
State = Succession.State


@transaction.atomic
def name_successor(
    by: User,
    model: RegisteredModel,
    *,
    team: Team,
    owner: User,
    support_contact: str,
    reason: str,
) -> Succession:
    """Propose who keeps a model from now on. Raises NotAllowed, Invalid, RuleError.

    owner  on `team`, and active. support_contact  whom consumers ask then.
    """
    require(can_name(by, model), NAMERS, ask=str(model.owner_team))
    require_reason(reason, "the second person, and auditors, read it")
    require_fields(Succession, support_contact=support_contact, reason=reason)
    if not support_contact.strip():
        raise Invalid("Say whom consumers ask.", field="support_contact")
    if not owner.is_active or not owner.is_on(team):
        raise Invalid(f"{owner} is not an active person on {team}.", field="owner")
    model = RegisteredModel.objects.select_for_update(of=("self",)).get(pk=model.pk)
    if (model.owner_id, model.owner_team_id) == (owner.pk, team.pk):
        raise Invalid(f"{owner} is the owner already.", field="owner")
    if Succession.objects.filter(model=model, state=State.OPEN).exists():
        raise RuleError("A successor waits for a second person already.", remedy="Reload the page.")
    succession = Succession.objects.create(
        model=model,
        team=team,
        owner=owner,
        support_contact=support_contact.strip(),
        reason=reason.strip(),
        proposed_by=by,
    )
    record(by, "succession.propose", succession, reason=reason.strip(), owner=owner.username)
    people = User.objects.on_teams([team, model.owner_team]).exclude(pk=by.pk)
    notify(
        people,
        "finding",
        f"To agree: {succession}",
        body=f"{by}: {succession.reason}",
        url=succession.get_absolute_url(),
        key=f"finding-succession:{succession.pk}",
        teams=[team],
    )
    return succession


@transaction.atomic
def decide_succession(by: User, succession: Succession, outcome: str, reason: str) -> Succession:
    """Agree, which changes owner, team and contact at once, or refuse. Raises NotAllowed, Invalid, RuleError."""
    succession = _locked(succession)
    refusal = reasons_against_agreeing(by, succession)
    require(not refusal, refusal, ask="the marketplace managers")
    require_state(succession, State.OPEN)
    if outcome not in (State.AGREED, State.REFUSED):
        raise Invalid("Choose agreed or refused.", field="outcome")
    require_reason(reason, "both teams, and auditors, read it")
    transition(succession, outcome, **Succession.decision(by, reason))
    record(by, f"succession.{outcome}", succession, reason=reason.strip())
    resolve(f"finding-succession:{succession.pk}")
    if outcome == State.AGREED:
        _take_over(by, succession)
    _tell(succession)
    return succession


@transaction.atomic
def take_back(by: User, succession: Succession) -> Succession:
    """Whoever named the successor thinks better of it. Raises NotAllowed, RuleError."""
    succession = _locked(succession)
    require(
        succession.proposed_by_id == by.pk,
        f"{succession.proposed_by} named the successor.",
        ask=str(succession.proposed_by),
    )
    require_state(succession, State.OPEN)
    transition(succession, State.WITHDRAWN)
    record(by, "succession.withdraw", succession)
    resolve(f"finding-succession:{succession.pk}")
    return succession


def _take_over(by: User, succession: Succession) -> None:
    if not succession.owner.is_active or not succession.owner.is_on(succession.team):
        raise RuleError(
            f"{succession.owner} is not on {succession.team} any more.",
            remedy="Name another successor.",
        )
    hand_over(
        by,
        succession.model,
        owner_team=succession.team,
        owner=succession.owner,
        support_contact=succession.support_contact,
    )


def _tell(succession: Succession) -> None:
    """Who named the successor, the successor, and the managers who have the finding."""
    people = {succession.proposed_by, succession.owner}
    items = CurationItem.objects.open().filter(
        model=succession.model, kind=CurationItem.Kind.OWNER, owner__isnull=False
    )
    people |= {item.owner for item in items.select_related("owner") if item.owner}
    notify(
        people,
        "finding",
        f"{succession}: {succession.get_state_display().lower()}",
        body=succession.decision_reason,
        url=succession.get_absolute_url(),
        key=f"finding-succeeded:{succession.pk}",
    )


def _locked(succession: Succession) -> Succession:
    rows = Succession.objects.select_for_update(of=("self",)).select_related(
        "model__owner_team", "team", "owner", "proposed_by"
    )
    return rows.get(pk=succession.pk)
