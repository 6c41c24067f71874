"""Who proposed that a person gets a marketplace role, and who agreed (docs/governance.md, "Roles")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from catalog.models import REVIEWS, SEES_EVERYTHING
from marketplace.accounts.models import RoleGrant, User
from marketplace.core.decisions import Decided, Proposal
from marketplace.core.transitions import state_constraint

Role = RoleGrant.Role
# What one person may give alone; every other role judges, oversees or administers, and needs a second person.
GIVEN_BY_ONE = (Role.OPERATOR, Role.FINANCE, Role.EXECUTIVE)
GIVES_ROLES = (Role.ADMIN, Role.GOVERNANCE_LEAD)
SEES_ROLES = (*REVIEWS, *SEES_EVERYTHING)


class RoleChangeState(models.TextChoices):
    OPEN = "open", "Waits for a second person"
    GRANTED = "granted", "Granted"
    REFUSED = "refused", "Refused"


class RoleChangeSet(models.QuerySet["RoleChange"]):
    def visible_to(self, user: User) -> Self:
        """Those who judge and those who oversee see all; others what is about themselves."""
        return self if user.has_role(*SEES_ROLES) else self.filter(user=user)

    def open(self) -> Self:
        return self.filter(state=RoleChangeState.OPEN)

    def for_page(self) -> Self:
        return self.select_related("user", "proposed_by", "decided_by").order_by("-pk")


class RoleChange(Proposal, Decided):
    """A role that one person asks for another, and what a second person said."""

    State = RoleChangeState
    MOVES = {RoleChangeState.OPEN: {RoleChangeState.GRANTED, RoleChangeState.REFUSED}}

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="role_changes")
    role = models.CharField(max_length=30, choices=Role)
    state = models.CharField(max_length=8, choices=RoleChangeState, default=RoleChangeState.OPEN)
    grant = models.OneToOneField(
        RoleGrant, models.PROTECT, null=True, blank=True, related_name="change"
    )

    objects = RoleChangeSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(RoleChangeState, "role_change_state"),
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=Q(state="open"),
                name="role_change_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(proposed_by=models.F("user")), name="role_change_not_for_oneself"
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | ~Q(decided_by=models.F("proposed_by")) & ~Q(decided_by=models.F("user")),
                name="role_change_decided_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(state="granted")
                | Q(role__in=["operator", "finance", "executive"])
                | Q(decided_by__isnull=False),
                name="role_change_of_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} for {self.user}"

    def get_absolute_url(self) -> str:
        return reverse("governance:role_change", args=[self.pk])
