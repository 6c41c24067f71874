"""Spotlights: models that a rule proposes and a marketplace manager shows on the start page (docs/adoption.md, "Spotlight")."""

from datetime import date
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import User
from marketplace.core.decisions import Decided
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint


class SpotlightState(models.TextChoices):
    PROPOSED = "proposed", "Proposed"
    SHOWN = "shown", "Shown"
    DISMISSED = "dismissed", "Dismissed"
    ENDED = "ended", "Ended"


class SpotlightRule(models.TextChoices):
    NEW = "new", "New, and of high quality"
    REUSE = "reuse", "First reuse across units"
    SAVING = "saving", "Biggest saving that finance signed"


class SpotlightSet(models.QuerySet["Spotlight"]):
    def visible_to(self, user: User) -> Self:
        """Marketplace managers and who oversees."""
        return self if user.has_role("curator", "auditor", "admin") else self.none()

    def for_home(self, user: User, today: date) -> Self:
        """Those that are shown today about models that the person sees and that are not on quality watch."""
        seen = RegisteredModel.objects.visible_to(user).published().filter(quality_watch_since=None)
        rows = self.filter(
            state=SpotlightState.SHOWN, until__gte=today, model__in=seen.order_by().values("pk")
        )
        return rows.select_related("model__owner_team").order_by("-decided_at", "-pk")

    def for_list(self) -> Self:
        return self.select_related("model__owner_team", "decided_by")


class Spotlight(Decided):
    """A model that deserves to be seen, and why in a sentence without amounts of money. key: the occasion, proposed once."""

    State = SpotlightState
    Rule = SpotlightRule
    MOVES = {
        SpotlightState.PROPOSED: {SpotlightState.SHOWN, SpotlightState.DISMISSED},
        SpotlightState.SHOWN: {SpotlightState.ENDED},
    }

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="spotlights")
    rule = models.CharField(max_length=10, choices=SpotlightRule)
    key = models.CharField(max_length=60, unique=True)
    why = LineField(max_length=200)
    proposed_at = models.DateTimeField(default=timezone.now)
    until = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=SpotlightState, default=SpotlightState.PROPOSED)

    objects = SpotlightSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(SpotlightState, "spotlight_state"),
            models.CheckConstraint(
                condition=~Q(state="shown") | Q(until__isnull=False), name="spotlight_shown_until"
            ),
            models.CheckConstraint(
                condition=Q(rule__in=SpotlightRule.values), name="spotlight_rule"
            ),
        ]
        indexes = [
            models.Index(fields=["until"], name="spotlights_shown", condition=Q(state="shown"))
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.get_rule_display().lower()}"
