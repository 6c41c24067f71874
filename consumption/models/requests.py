"""What comes before a subscription: a request that is being written, and governance's yes to a use above the model's tier."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models.access import OVERSEES, Subscription
from governance.matrix import FINAL_ROLES
from marketplace.accounts.models import User
from marketplace.core.decisions import Decided
from marketplace.core.transitions import state_constraint


class UseReviewState(models.TextChoices):
    OPEN = "open", "Waits for governance"
    APPROVED = "approved", "Approved"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"


class UseReviewSet(models.QuerySet["UseReview"]):
    def visible_to(self, user: User) -> Self:
        """Those of subscriptions that the person may see; all for the roles that decide at its tier."""
        roles = user.roles()
        tiers = [tier for tier, deciders in FINAL_ROLES.items() if roles & set(deciders)]
        if user.has_role(*OVERSEES):
            return self
        return self.filter(
            Q(tier__in=tiers) | Q(subscription__in=Subscription.objects.visible_to(user))
        )

    def open(self) -> Self:
        return self.filter(state=UseReviewState.OPEN)

    def for_list(self) -> Self:
        return self.select_related(
            "subscription__application__team__business_unit",
            "subscription__model__owner_team",
            "subscription__plan",
            "subscription__pinned_version",
            "subscription__requested_by",
            "decided_by",
        )


class UseReview(Decided):
    """Governance's judgement of one use whose risk is above the model's tier (docs/access.md, "A use above the model's tier")."""

    State = UseReviewState
    MOVES = {
        UseReviewState.OPEN: {
            UseReviewState.APPROVED,
            UseReviewState.REFUSED,
            UseReviewState.WITHDRAWN,
        },
    }

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="use_reviews")
    answers = models.JSONField(help_text="Those of the version, with what the consumer answered")
    tier = models.CharField(max_length=12)
    model_tier = models.CharField(max_length=12)
    reasons = models.JSONField(default=list, help_text="Why it is this tier, in sentences")
    state = models.CharField(max_length=10, choices=UseReviewState, default=UseReviewState.OPEN)
    opened_at = models.DateTimeField(default=timezone.now)

    objects = UseReviewSet.as_manager()

    class Meta:
        ordering = ["opened_at"]
        constraints = [
            state_constraint(UseReviewState, "use_review_state"),
            models.UniqueConstraint(
                fields=["subscription"], condition=Q(state="open"), name="use_review_open_once"
            ),
        ]
        indexes = [
            models.Index(fields=["opened_at"], condition=Q(state="open"), name="use_review_waiting")
        ]

    def __str__(self) -> str:
        return f"Use of {self.subscription.model} by {self.subscription.application}"

    def get_absolute_url(self) -> str:
        return reverse("consumption:use_review", args=[self.pk])

    @property
    def roles(self) -> tuple[str, ...]:
        """Who decides: the role that gives the final approval to a model of this tier."""
        roles: tuple[str, ...] = FINAL_ROLES[self.tier]
        return roles


class RequestDraftSet(models.QuerySet["RequestDraft"]):
    def visible_to(self, user: User) -> Self:
        """One's own."""
        return self.filter(person=user)


class RequestDraft(models.Model):
    """A request for access that somebody has begun: what they typed, step by step, as it was typed. Theirs alone."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="+")
    typed: Any = models.JSONField(default=dict, help_text="{step: {field: text}}")
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    objects = RequestDraftSet.as_manager()

    class Meta:
        ordering = ["-changed_at"]
        constraints = [
            models.UniqueConstraint(fields=["person", "model"], name="request_draft_once")
        ]

    def __str__(self) -> str:
        return f"Request for {self.model}"
