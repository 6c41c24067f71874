"""What people look for and do not find: clustered searches, with what came of them (docs/demand.md)."""

from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import Need
from marketplace.accounts.models import User
from marketplace.core.decisions import Decided
from marketplace.core.transitions import state_constraint

READS_GAPS = ("curator", "auditor", "admin")


class GapState(models.TextChoices):
    NEW = "new", "New"
    TAKEN_UP = "taken_up", "A need"
    DISMISSED = "dismissed", "No gap"


class DemandGapSet(models.QuerySet["DemandGap"]):
    def visible_to(self, user: User) -> Self:
        """What others searched for is for those who look after demand; a need is public, its searches are not."""
        if not user.is_authenticated or not user.is_active or not user.has_role(*READS_GAPS):
            return self.none()
        return self

    def for_list(self) -> Self:
        """The largest first."""
        return self.select_related("need", "decided_by").order_by("-score", "pk")


class DemandGap(Decided):
    """Searches in vain that mean one thing, with the need that they became, if they did. Writer of the numbers: the nightly sweep.

    title    the words that were searched for most.
    words    stems of the words that tell something, sorted: what decides whether another search is the same.
    queries  the texts, most frequent first; at most ten.
    teams, searches, votes, refusals  counted as they are, without decay; score has it (docs/demand.md, "The number").
    team_ids  who searched or refused: who is told.
    """

    State = GapState
    MOVES = {
        GapState.NEW: {GapState.TAKEN_UP, GapState.DISMISSED},
        GapState.TAKEN_UP: {GapState.NEW},
        GapState.DISMISSED: {GapState.TAKEN_UP},
    }

    title = models.CharField(max_length=200)
    words: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    queries: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    team_ids: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    teams = models.PositiveIntegerField(default=0)
    searches = models.PositiveIntegerField(default=0)
    votes = models.PositiveIntegerField(default=0)
    refusals = models.PositiveIntegerField(default=0)
    score = models.FloatField(default=0)
    first_on = models.DateField()
    last_on = models.DateField()
    state = models.CharField(max_length=10, choices=GapState, default=GapState.NEW)
    need = models.ForeignKey(
        Need, models.CASCADE, null=True, blank=True, related_name="demand_gaps"
    )
    counted_at = models.DateTimeField(default=timezone.now)

    objects = DemandGapSet.as_manager()

    class Meta:
        ordering = ["-score", "id"]
        constraints = [
            state_constraint(GapState, "demand_gap_state"),
            models.CheckConstraint(
                condition=Q(state="taken_up", need__isnull=False)
                | ~Q(state="taken_up") & Q(need=None),
                name="demand_gap_need_when_taken_up",
            ),
        ]
        indexes = [models.Index(fields=["state", "-score"], name="demand_gaps_by_score")]

    def __str__(self) -> str:
        return f"Gap “{self.title}”"

    def get_absolute_url(self) -> str:
        return reverse("insights:gap", args=[self.pk])
