"""Conditions of an approval: who does what by when, and who confirms it (docs/governance.md, "Conditions")."""

from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from governance.models.reviews import Decision, Review, ReviewState
from marketplace.accounts.models import User
from marketplace.core.field_limits import REASON
from marketplace.core.transitions import state_constraint


class ConditionState(models.TextChoices):
    OPEN = "open", "To do"
    FULFILLED = "fulfilled", "To be confirmed"
    CONFIRMED = "confirmed", "Confirmed"


class ConditionSet(models.QuerySet["Condition"]):
    def visible_to(self, user: User) -> Self:
        """Conditions of reviews that the person may see."""
        return self.filter(decision__review__in=Review.objects.visible_to(user))

    def binding(self) -> Self:
        """Of approvals that hold, about versions that are approved or in use, and not yet confirmed."""
        return self.filter(
            decision__review__state=ReviewState.APPROVED,
            version__state__in=[ModelVersion.State.APPROVED, *ModelVersion.LIVE],
        ).exclude(state=ConditionState.CONFIRMED)

    def overdue(self, today: date | None = None) -> Self:
        """Binding ones whose day has passed; evidence that waits for its confirmation is in time."""
        return self.binding().filter(
            state=ConditionState.OPEN, due_on__lt=today or timezone.localdate()
        )

    def to_confirm(self, user: User) -> Self:
        """Fulfilled ones that this person's roles confirm, those of the person's own teams left out."""
        return self.filter(
            state=ConditionState.FULFILLED,
            decision__review__in=Review.objects.judged_by(user.roles()),
        ).exclude(version__model__owner_team__in=user.team_ids())

    def for_page(self) -> Self:
        return self.select_related(
            "version__model__owner_team__business_unit",
            "decision__review__version__model__owner_team__business_unit",
            "decision__by",
            "owner",
            "fulfilled_by",
            "confirmed_by",
        ).order_by("due_on", "pk")


class Condition(models.Model):
    """What somebody of the owner team must do by a day, set with an approval."""

    State = ConditionState
    MOVES = {
        ConditionState.OPEN: {ConditionState.FULFILLED},
        ConditionState.FULFILLED: {ConditionState.CONFIRMED, ConditionState.OPEN},
    }

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="conditions")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="conditions")
    text = models.TextField(max_length=REASON)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    due_on = models.DateField()
    state = models.CharField(max_length=10, choices=ConditionState, default=ConditionState.OPEN)
    evidence = models.TextField(max_length=REASON, blank=True)
    fulfilled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    fulfilled_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    returned = models.TextField(
        max_length=REASON, blank=True, help_text="Why the evidence was not enough, the last time"
    )
    suspended_at = models.DateTimeField(
        null=True, blank=True, help_text="When its version was stopped because of it"
    )

    objects = ConditionSet.as_manager()

    class Meta:
        ordering = ["due_on", "id"]
        indexes = [
            models.Index(
                fields=["due_on"], condition=Q(state=ConditionState.OPEN), name="condition_due"
            )
        ]
        constraints = [
            state_constraint(ConditionState, "condition_state"),
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=models.F("fulfilled_by")),
                name="condition_confirmed_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"Condition of {self.version}"

    def get_absolute_url(self) -> str:
        return reverse("governance:condition", args=[self.pk])

    @property
    def is_overdue(self) -> bool:
        return self.state == ConditionState.OPEN and self.due_on < timezone.localdate()

    @property
    def review(self) -> Review:
        """The review whose approval set it, and whose kind of reviewer confirms it."""
        return self.decision.review
