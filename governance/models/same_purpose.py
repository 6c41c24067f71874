"""Two models that may serve one purpose, what speaks for it, and what a curator decided (docs/governance.md, "Models for one purpose")."""

from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import User
from marketplace.core.decisions import Decided
from marketplace.core.transitions import state_constraint

CANDIDATE, PROBABLE = 0.55, 0.75  # of the likeness
SEES_CASES = ("curator", "auditor", "admin", "governance_lead")


class CaseState(models.TextChoices):
    OPEN = "open", "Open"
    GONE = "gone", "No longer alike"
    PRIMARY_CHOSEN = "primary_chosen", "One is recommended"
    SEGMENTED = "segmented", "Each for its own cases"
    MERGED = "merged", "To become one"
    COEXIST = "coexist", "Both stay"


DECISIONS = (CaseState.PRIMARY_CHOSEN, CaseState.SEGMENTED, CaseState.MERGED, CaseState.COEXIST)


class SamePurposeCaseSet(models.QuerySet["SamePurposeCase"]):
    def visible_to(self, user: User) -> Self:
        """For those who oversee the catalog, and for a team of one of the two; nobody sees more than both models allow."""
        visible = RegisteredModel.objects.visible_to(user).values("pk")
        both = self.filter(first__in=visible, second__in=visible)
        if user.has_role(*SEES_CASES):
            return both
        teams = user.teams()
        return both.filter(Q(first__owner_team__in=teams) | Q(second__owner_team__in=teams))

    def decided_about(self, model: RegisteredModel) -> Self:
        """What was decided about a model and others; whoever shows it leaves out the others that a reader may not see."""
        about = self.filter(Q(first=model) | Q(second=model), state__in=DECISIONS)
        return about.select_related("first", "second", "primary__capability").order_by("-likeness")

    def for_page(self) -> Self:
        """Open ones first, the most alike first."""
        return self.select_related(
            "first__owner_team", "second__owner_team", "primary", "decided_by"
        ).order_by(
            models.Case(models.When(state=CaseState.OPEN, then=0), default=1), "-likeness", "-pk"
        )


class SamePurposeCase(Decided):
    """A pair of models that are alike, found by the marketplace. A curator decides; the decision is looked at again on a day."""

    State = CaseState
    MOVES = {
        CaseState.OPEN: {CaseState.GONE, *DECISIONS},
        CaseState.GONE: {CaseState.OPEN},
        **{decision: {CaseState.OPEN, *DECISIONS} for decision in DECISIONS},
    }

    first = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="+")
    second = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="+")
    state = models.CharField(max_length=14, choices=CaseState, default=CaseState.OPEN)
    likeness = models.FloatField(help_text="0..1, the weighted sum of the parts")
    parts: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, help_text="text, inputs, task, consumers: each 0..1"
    )
    evidence: "models.JSONField[Any, Any]" = models.JSONField(
        default=list, help_text="Sentences that were true when it was decided"
    )
    primary = models.ForeignKey(
        RegisteredModel, models.PROTECT, null=True, blank=True, related_name="+"
    )
    review_on = models.DateField(null=True, blank=True)
    found_at = models.DateTimeField(default=timezone.now)
    compared_at = models.DateTimeField(default=timezone.now)

    objects = SamePurposeCaseSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(CaseState, "case_state"),
            models.UniqueConstraint(fields=["first", "second"], name="case_once_a_pair"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="case_pair_in_order"),
            models.CheckConstraint(
                condition=Q(state=CaseState.PRIMARY_CHOSEN, primary__isnull=False)
                | ~Q(state=CaseState.PRIMARY_CHOSEN) & Q(primary=None),
                name="case_primary_where_chosen",
            ),
        ]
        indexes = [
            models.Index(fields=["second"], name="cases_of_second"),
            models.Index(
                fields=["review_on"], condition=Q(review_on__isnull=False), name="cases_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first} and {self.second}"

    def get_absolute_url(self) -> str:
        return reverse("governance:same_purpose_case", args=[self.pk])

    @property
    def is_probable(self) -> bool:
        return self.likeness >= PROBABLE

    @property
    def is_open(self) -> bool:
        return self.state == CaseState.OPEN
