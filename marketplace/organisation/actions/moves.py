"""Verbs of moves to another business unit: schedule, withdraw, make those that are due (docs/people.md, "Another unit")."""

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import BusinessUnit, RoleGrant, Team, User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify
from marketplace.organisation.models import UnitMove, UnitMoveState
from marketplace.organisation.permissions import can_move_team

FURTHEST = timedelta(days=366)
BATCH = 200  # moves that one run makes
WHO = Refusal(
    "An administrator who is not on the team moves it to another unit.", ask="another administrator"
)


@transaction.atomic
def schedule_move(
    by: User, team: Team, *, unit: BusinessUnit, begins_on: date, reason: str
) -> UnitMove:
    """Have a team belong to another unit from a day on (UTC); from today on it is made at once. Returns the UnitMove.

    What the team used and published before stays in the figures of the unit of before. Raises NotAllowed, Invalid, RuleError.
    """
    require(can_move_team(by, team), *WHO)
    require_reason(reason, "the team and finance read it")
    today = timezone.now().date()
    if not today <= begins_on <= today + FURTHEST:
        raise Invalid(
            f"Choose a day from today on, at most {FURTHEST.days} days ahead.", field="begins_on"
        )
    team = Team.objects.select_for_update().select_related("business_unit").get(pk=team.pk)
    if BusinessUnit.objects.select_for_update().get(pk=unit.pk).archived_at:
        raise Invalid(f"{unit} is archived.", field="unit", remedy="Choose another unit.")
    if team.business_unit_id == unit.pk:
        raise Invalid(f"{team} belongs to {unit} already.", field="unit")
    if waiting := UnitMove.objects.scheduled().filter(team=team).first():
        raise RuleError(
            f"{team} moves on {waiting.begins_on:%-d %B %Y} already.",
            remedy="Withdraw that move first.",
        )
    move = UnitMove.objects.create(
        team=team,
        from_unit=team.business_unit,
        to_unit=unit,
        begins_on=begins_on,
        reason=reason.strip(),
        proposed_by=by,
    )
    record(by, "team.schedule_move", move, reason=move.reason, begins=begins_on.isoformat())
    if begins_on == today:
        return _make(by, move)
    _tell(move, f"{team} belongs to {unit} from {begins_on:%-d %B %Y} on")
    return move


@transaction.atomic
def withdraw_move(by: User, move: UnitMove) -> UnitMove:
    """The team stays where it is. Returns the UnitMove. Raises NotAllowed, RuleError, StaleState."""
    require(can_move_team(by, move.team), *WHO)
    require_state(move, UnitMoveState.SCHEDULED)
    transition(move, UnitMoveState.WITHDRAWN, decided_at=timezone.now())
    record(by, "team.withdraw_move", move)
    _tell(move, f"{move.team} stays in {move.from_unit}")
    return move


def make_due() -> int:
    """The sweep: make the moves whose day has come. Returns how many."""
    due = UnitMove.objects.scheduled().filter(begins_on__lte=timezone.now().date()).for_page()
    made = 0
    for move in due.order_by("pk")[:BATCH]:
        with transaction.atomic():
            locked = UnitMove.objects.for_page().select_for_update(of=("self",)).get(pk=move.pk)
            if locked.state == UnitMoveState.SCHEDULED:
                _make(User.objects.system("organisation"), locked)
                made += 1
    return made


def _make(by: User, move: UnitMove) -> UnitMove:
    team = Team.objects.select_for_update().get(pk=move.team_id)
    team.business_unit = move.to_unit
    team.save(update_fields=["business_unit"])
    transition(move, UnitMoveState.MADE, decided_at=timezone.now())
    record(by, "team.move", move, before=move.from_unit.slug, after=move.to_unit.slug)
    _tell(move, f"{team} belongs to {move.to_unit} now")
    return move


def _tell(move: UnitMove, title: str) -> None:
    """The team, and finance, whose statements follow."""
    people = {*User.objects.on_teams([move.team]), *User.objects.holding(RoleGrant.Role.FINANCE)}
    notify(
        people,
        "team",
        title,
        body=move.reason,
        url=move.team.get_absolute_url(),
        key=f"team-move-{move.state}:{move.pk}",
    )
