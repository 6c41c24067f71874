"""Demand: what teams need and no model does yet, and who else needs it (docs/search-before-build.md, "Needs")."""

from typing import Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from catalog.models.entries import RegisteredModel
from catalog.models.terms import Capability
from marketplace.accounts.models import Team, User
from marketplace.core.decisions import Decided
from marketplace.core.field_limits import REASON
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

VALUE_MAX = 10**9  # USD a year
TEXT_MAX = 2_000  # characters
WORDS = SearchVector("title", "text", config="english")  # its index finds needs by words


class NeedState(models.TextChoices):
    OPEN = "open", "Open"
    COMMISSIONED = "commissioned", "Commissioned"
    MATCHED = "matched", "Met by a model"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Withdrawn"


class NeedStage(models.TextChoices):
    """The columns of the demand board: what follows from a need's state and from what is known of it."""

    NEW = "new", "New"
    TRIAGED = "triaged", "Triaged"
    COMMISSIONED = "commissioned", "Commissioned"
    IN_BUILD = "in_build", "In build"
    PUBLISHED = "published", "Published"
    DECLINED = "declined", "Declined"


class NeedSet(models.QuerySet["Need"]):
    def visible_to(self, user: User) -> Self:
        """Everybody who is signed in: demand is there to be joined. One that was taken back is its team's and the curators'."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.has_role("curator", "auditor", "admin"):
            return self
        return self.filter(~Q(state=NeedState.WITHDRAWN) | Q(team__in=user.teams()))

    def with_demand(self) -> Self:
        """Each with how many teams have joined (`teams`) and what they expect of it in USD a year (`value`)."""
        joined = Q(supports__left_at=None)
        return self.annotate(
            teams=Count("supports", joined),
            value=Coalesce(Sum("supports__value_a_year", filter=joined), 0),
        )

    def for_list(self) -> Self:
        """The largest demand first."""
        return (
            self.with_demand()
            .select_related(
                "team__business_unit", "capability", "model", "opened_by", "commissioned_team"
            )
            .order_by("-teams", "-value", "-pk")
        )


class Need(Decided):
    """Something that no model does yet, in a team's own words. Other teams join; who may meet it is linked or commissioned."""

    State = NeedState
    MOVES = {
        NeedState.OPEN: {
            NeedState.COMMISSIONED,
            NeedState.MATCHED,
            NeedState.DECLINED,
            NeedState.WITHDRAWN,
        },
        NeedState.COMMISSIONED: {NeedState.MATCHED, NeedState.DECLINED},
        NeedState.DECLINED: {NeedState.OPEN},
    }
    Stage = NeedStage
    WAITING = (NeedState.OPEN, NeedState.COMMISSIONED)

    title = LineField(max_length=120)
    text = models.TextField(max_length=TEXT_MAX)
    capability = models.ForeignKey(
        Capability, models.PROTECT, null=True, blank=True, related_name="needs"
    )
    team = models.ForeignKey(Team, models.PROTECT, related_name="needs")
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=14, choices=NeedState, default=NeedState.OPEN)
    triaged_at = models.DateTimeField(null=True, blank=True)
    triaged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    commissioned_team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, related_name="+"
    )
    budget = models.PositiveBigIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(VALUE_MAX)], help_text="USD"
    )
    ready_by = models.DateField(
        null=True, blank=True, help_text="By when the commissioned team publishes"
    )
    model = models.ForeignKey(
        RegisteredModel,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="needs",
        help_text="What is to meet it; the need is met when the model is published",
    )

    objects = NeedSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(NeedState, "need_state"),
            models.CheckConstraint(
                condition=~Q(state=NeedState.MATCHED) | Q(model__isnull=False),
                name="need_matched_by_a_model",
            ),
            models.CheckConstraint(
                condition=Q(budget=None) | Q(budget__lte=VALUE_MAX), name="need_budget_bounded"
            ),
            models.CheckConstraint(
                condition=~Q(state=NeedState.COMMISSIONED) | Q(commissioned_team__isnull=False),
                name="need_commissioned_from_a_team",
            ),
        ]
        indexes = [
            models.Index(fields=["state"], name="needs_by_state"),
            GinIndex(WORDS, name="needs_by_words"),
        ]

    def __str__(self) -> str:
        return f"NEED-{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("catalog:need", args=[self.pk])

    @property
    def is_waiting(self) -> bool:
        """May somebody still join it?"""
        return self.state in self.WAITING

    @property
    def stage(self) -> "NeedStage":
        """Where it stands on the board."""
        if self.state == NeedState.OPEN:
            return NeedStage.TRIAGED if self.triaged_at else NeedStage.NEW
        if self.state == NeedState.COMMISSIONED:
            return NeedStage.IN_BUILD if self.model_id else NeedStage.COMMISSIONED
        ends = {NeedState.MATCHED: NeedStage.PUBLISHED}
        return ends.get(NeedState(self.state), NeedStage.DECLINED)


class NeedSupport(models.Model):
    """A team that needs it, too, and what a year of it would be worth to them."""

    need = models.ForeignKey(Need, models.PROTECT, related_name="supports")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    value_a_year = models.PositiveBigIntegerField(
        "value a year", null=True, blank=True, validators=[MaxValueValidator(VALUE_MAX)]
    )
    note = models.TextField(max_length=REASON, blank=True)
    joined_at = models.DateTimeField(default=timezone.now)
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = [F("value_a_year").desc(nulls_last=True), "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["need", "team"], condition=Q(left_at=None), name="need_joined_once"
            ),
            models.CheckConstraint(
                condition=Q(value_a_year=None) | Q(value_a_year__lte=VALUE_MAX),
                name="need_value_within_bounds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team} needs {self.need_id}"


class NeedInterest(models.Model):
    """A team that searched for it, or built for want of it, before it was a need: told what becomes of it, not counted as joined."""

    need = models.ForeignKey(Need, models.CASCADE, related_name="interests")
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["need", "team"], name="need_interest_once")]

    def __str__(self) -> str:
        return f"{self.team} asked for {self.need_id}"
