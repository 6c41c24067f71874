"""Moves: a live subscription goes to another version or plan of its model, and its keys stay (docs/moves.md)."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models.access import Plan, Subscription
from marketplace.accounts.models import User
from marketplace.core.decisions import Decided
from marketplace.core.field_limits import REASON
from marketplace.core.transitions import state_constraint


class MoveState(models.TextChoices):
    REQUESTED = "requested", "Waits for the owner"
    SCHEDULED = "scheduled", "Scheduled"
    DONE = "done", "Done"
    UNDONE = "undone", "Undone"
    CANCELLED = "cancelled", "Cancelled"
    DENIED = "denied", "Denied"
    FAILED = "failed", "Could not be made"


class MoveSet(models.QuerySet["Move"]):
    def visible_to(self, user: User) -> Self:
        """Whoever sees the subscription: its team, the model's owners, and those who oversee."""
        return self.filter(subscription__in=Subscription.objects.visible_to(user))

    def for_list(self) -> Self:
        return self.select_related(
            "subscription__application__team__business_unit",
            "subscription__model__owner_team",
            "subscription__plan",
            "subscription__pinned_version",
            "from_version",
            "to_version__model__owner_team",
            "from_plan",
            "to_plan",
            "from_pinned",
            "asked_by",
            "decided_by",
        )

    def open(self) -> Self:
        """Those that are still to come."""
        return self.filter(state__in=Move.OPEN)


class Move(Decided):
    """One subscription's move to another version or to another plan, at once or at a set time.

    from_version  what answered its calls when it was moved (until then: when it was asked for).
    from_pinned, from_policy  what an undo brings back.
    note          why it could not be made, or why it was undone.
    """

    State = MoveState
    MOVES = {
        MoveState.REQUESTED: {MoveState.SCHEDULED, MoveState.DENIED, MoveState.CANCELLED},
        MoveState.SCHEDULED: {MoveState.DONE, MoveState.CANCELLED, MoveState.FAILED},
        MoveState.DONE: {MoveState.UNDONE},
    }
    OPEN = (MoveState.REQUESTED, MoveState.SCHEDULED)

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="moves")
    from_version = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="+"
    )
    to_version = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="+"
    )
    from_plan = models.ForeignKey(Plan, models.PROTECT, null=True, blank=True, related_name="+")
    to_plan = models.ForeignKey(Plan, models.PROTECT, null=True, blank=True, related_name="+")
    from_pinned = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="+"
    )
    from_policy = models.CharField(max_length=12, choices=Subscription.Policy, blank=True)
    version_policy = models.CharField(
        max_length=12, choices=Subscription.Policy, blank=True, help_text="From then on"
    )
    state = models.CharField(max_length=10, choices=MoveState, default=MoveState.SCHEDULED)
    effective_at = models.DateTimeField(help_text="When it is made, or was")
    undo_until = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(
        max_length=REASON, blank=True, help_text="Of a plan that the owner approves: what for"
    )
    note = models.TextField(max_length=REASON, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)

    objects = MoveSet.as_manager()

    class Meta:
        ordering = ["-asked_at"]
        indexes = [
            models.Index(fields=["effective_at"], condition=Q(state="scheduled"), name="move_due"),
            models.Index(fields=["subscription", "-asked_at"], name="move_of_subscription"),
        ]
        constraints = [
            state_constraint(MoveState, "move_state"),
            models.CheckConstraint(
                condition=Q(to_version=None, to_plan__isnull=False)
                | Q(to_version__isnull=False, to_plan=None),
                name="move_to_a_version_or_a_plan",
            ),
            models.UniqueConstraint(
                fields=["subscription"],
                condition=Q(state__in=["requested", "scheduled"], to_plan=None),
                name="move_one_version_open",
            ),
            models.UniqueConstraint(
                fields=["subscription"],
                condition=Q(state__in=["requested", "scheduled"], to_version=None),
                name="move_one_plan_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription.application}: {self.subscription.model} to {self.target}"

    def get_absolute_url(self) -> str:
        name = "consumption:change_plan" if self.to_plan_id else "consumption:move"
        return reverse(name, args=[self.subscription_id])

    @property
    def target(self) -> str:
        """Where it goes, in words: "2.0.0", "the Production plan"."""
        return self.to_version.number if self.to_version else f"the {self.to_plan} plan"

    @property
    def origin(self) -> str:
        """Where it came from, in words."""
        if self.to_version:
            return self.from_version.number if self.from_version else ""
        return f"the {self.from_plan} plan"

    def may_be_undone_at(self, now: datetime) -> bool:
        return (
            self.state == MoveState.DONE and self.undo_until is not None and now < self.undo_until
        )
