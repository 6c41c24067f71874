"""What the organisation waits for: requests to join a team, moves of teams to another business unit."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts.models import BusinessUnit, Membership, RoleGrant, Team, User
from marketplace.core.decisions import Decided, Proposal
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

SEES_PEOPLE = (RoleGrant.Role.ADMIN, RoleGrant.Role.AUDITOR)
SEES_MOVES = (*SEES_PEOPLE, RoleGrant.Role.FINANCE)


class JoinRequestState(models.TextChoices):
    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Withdrawn"


class JoinRequestSet(models.QuerySet["JoinRequest"]):
    def visible_to(self, user: User) -> Self:
        """One's own; of the teams that one leads; all for those who administer and audit."""
        if user.has_role(*SEES_PEOPLE):
            return self
        led = Membership.objects.filter(user=user, left_at=None, role=Membership.Role.LEAD)
        reach = user.only_team_id
        led = led if reach is None else led.filter(team=reach)
        return self.filter(Q(person=user) | Q(team__in=led.values("team")))

    def open(self) -> Self:
        return self.filter(state=JoinRequestState.OPEN)

    def for_page(self) -> Self:
        return self.select_related("person", "team", "decided_by").order_by("-pk")

    def for_locked(self) -> Self:
        """Alone with the row until the transaction ends."""
        return self.select_related("person", "team").select_for_update(of=("self",))


class JoinRequest(Decided):
    """Somebody wants to be on a team; its leads answer."""

    State = JoinRequestState
    MOVES = {
        JoinRequestState.OPEN: {
            JoinRequestState.ACCEPTED,
            JoinRequestState.DECLINED,
            JoinRequestState.WITHDRAWN,
        }
    }

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="join_requests"
    )
    team = models.ForeignKey(Team, models.PROTECT, related_name="join_requests")
    words = LineField(max_length=200, blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=9, choices=JoinRequestState, default=JoinRequestState.OPEN)

    objects = JoinRequestSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(JoinRequestState, "join_request_state"),
            models.UniqueConstraint(
                fields=["person", "team"],
                condition=Q(state="open"),
                name="join_request_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(decided_by=F("person")), name="join_request_decided_by_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} asks to join {self.team}"

    def get_absolute_url(self) -> str:
        return reverse("organisation:join_request", args=[self.pk])


class UnitMoveState(models.TextChoices):
    SCHEDULED = "scheduled", "Scheduled"
    MADE = "made", "Made"
    WITHDRAWN = "withdrawn", "Withdrawn"


class UnitMoveSet(models.QuerySet["UnitMove"]):
    def visible_to(self, user: User) -> Self:
        """Of one's own teams; all for those who administer, audit and keep the books."""
        return self if user.has_role(*SEES_MOVES) else self.filter(team__in=user.teams())

    def scheduled(self) -> Self:
        return self.filter(state=UnitMoveState.SCHEDULED)

    def for_page(self) -> Self:
        return self.select_related("team", "from_unit", "to_unit", "proposed_by").order_by("-pk")


class UnitMove(Proposal):
    """A team goes to another business unit on a day (UTC). Figures of before stay with the unit of before (accounts.TeamUnit)."""

    State = UnitMoveState
    MOVES = {UnitMoveState.SCHEDULED: {UnitMoveState.MADE, UnitMoveState.WITHDRAWN}}

    team = models.ForeignKey(Team, models.PROTECT, related_name="unit_moves")
    from_unit = models.ForeignKey(BusinessUnit, models.PROTECT, related_name="+")
    to_unit = models.ForeignKey(BusinessUnit, models.PROTECT, related_name="moves_to_it")
    begins_on = models.DateField()
    state = models.CharField(max_length=9, choices=UnitMoveState, default=UnitMoveState.SCHEDULED)

    objects = UnitMoveSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(UnitMoveState, "unit_move_state"),
            models.UniqueConstraint(
                fields=["team"],
                condition=Q(state="scheduled"),
                name="unit_move_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(from_unit=F("to_unit")), name="unit_move_goes_elsewhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team} to {self.to_unit}"
