"""What keeps the catalog alive: findings about models, runs that made them, marks and scores (docs/curation.md)."""

from datetime import date
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import User
from marketplace.core.decisions import Decided
from marketplace.core.field_limits import REASON
from marketplace.core.transitions import state_constraint

READS_ALL = ("curator", "auditor", "admin", "governance_lead")
SUBJECT_MAX = 40  # characters


class FindingKind(models.TextChoices):
    """What was found about a model."""

    OWNER = "owner", "Owner left"
    REVIEW = "review", "Re-review overdue"
    SERVICE = "service", "Service level missed"
    UNUSED = "unused", "No consumers"
    STALE = "stale", "Not updated"
    DOCUMENTATION = "documentation", "Card below the gate"
    RATING = "rating", "Rated low"
    ISSUE = "issue", "Issue unanswered"
    CONFLICT = "conflict", "Same purpose"
    QUALITY = "quality", "Quality finding overdue"


class CurationState(models.TextChoices):
    OPEN = "open", "Open"
    DISMISSED = "dismissed", "Dismissed"
    SETTLED = "settled", "Settled"
    GONE = "gone", "No longer so"


class PublisherAnswer(models.TextChoices):
    """What a publisher says to a finding about their model."""

    KEEP = "keep", "Keep it as it is"
    MEND = "mend", "Mend it by a day"
    PROMOTE = "promote", "Promote it"
    DEPRECATE = "deprecate", "Deprecate it"


class CurationItemSet(models.QuerySet["CurationItem"]):
    def visible_to(self, user: User) -> Self:
        """All for those who oversee the catalog; those about their own team's models for publishers."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.has_role(*READS_ALL):
            return self
        return self.filter(model__owner_team__in=user.teams())

    def open(self) -> Self:
        return self.filter(state=CurationState.OPEN)

    def for_list(self) -> Self:
        """With what a row shows; the earliest due first."""
        joined = self.select_related(
            "model__owner_team__business_unit", "model__owner", "owner", "decided_by", "answered_by"
        )
        return joined.order_by("due_on", "model__name", "pk")


class CurationItem(Decided):
    """One thing about a model that is to be looked at, found by the nightly sweep. Its evidence are facts, not sentences.

    subject  what it is about within the model, as "discussion:31"; "" for the model as a whole.
    step     how far it has gone, in days where the kind has steps (docs/curation.md, "What is found").
    since    the day from which on it was so.
    """

    Kind = FindingKind
    State = CurationState
    Answer = PublisherAnswer
    CLOSED = (CurationState.DISMISSED, CurationState.SETTLED, CurationState.GONE)
    MOVES = {
        CurationState.OPEN: set(CLOSED),
        CurationState.DISMISSED: {CurationState.OPEN, CurationState.GONE},
        CurationState.SETTLED: {CurationState.OPEN, CurationState.GONE},
    }

    kind = models.CharField(max_length=14, choices=FindingKind)
    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="curation_items")
    subject = models.CharField(max_length=SUBJECT_MAX, blank=True)
    step = models.PositiveSmallIntegerField(default=0)
    since = models.DateField()
    evidence: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    found_at = models.DateTimeField(default=timezone.now)
    due_on = models.DateField()
    state = models.CharField(max_length=10, choices=CurationState, default=CurationState.OPEN)
    closed_at = models.DateTimeField(null=True, blank=True)
    look_again_on = models.DateField(null=True, blank=True)
    told_step = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The step that the publisher was told of"
    )
    asked_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    answer = models.CharField(max_length=10, choices=PublisherAnswer, blank=True)
    answer_reason = models.TextField(max_length=REASON, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    promised_on = models.DateField(null=True, blank=True)

    objects = CurationItemSet.as_manager()

    class Meta:
        ordering = ["due_on", "id"]
        constraints = [
            state_constraint(CurationState, "curation_item_state"),
            models.UniqueConstraint(
                fields=["kind", "model", "subject"],
                condition=~Q(state="gone"),
                name="curation_item_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "gone"]) | Q(look_again_on__isnull=False),
                name="curation_item_rests_until_a_day",
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None)
                | ~Q(state="open") & Q(closed_at__isnull=False),
                name="curation_item_closed_when_not_open",
            ),
            models.CheckConstraint(
                condition=Q(answer="", answered_by=None)
                | ~Q(answer="") & Q(answered_by__isnull=False),
                name="curation_item_answered_by_somebody",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_on", "id"], condition=Q(state="open"), name="curation_items_due"
            ),
            models.Index(fields=["-closed_at"], name="curation_items_closed"),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.get_kind_display().lower()}"

    def get_absolute_url(self) -> str:
        return reverse("insights:curation_item", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state == CurationState.OPEN

    @property
    def waits_for_publisher(self) -> bool:
        """Was the publisher asked, without having answered?"""
        return self.is_open and self.asked_at is not None and not self.answer

    @property
    def days_left(self) -> int:
        """Whole days until it is due; negative when it is late."""
        return (self.due_on - timezone.localdate()).days

    @property
    def age_days(self) -> int:
        return (timezone.now() - self.found_at).days


class CurationRun(models.Model):
    """One run of the nightly sweep. `problem` is empty when it ended well; `waiting` findings had no room in its night."""

    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    found = models.PositiveIntegerField(default=0)
    waiting = models.PositiveIntegerField(default=0, db_default=0)
    closed = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Sweep of {self.started_at:%-d %b %H:%M}"

    @property
    def went_well(self) -> bool:
        return self.ended_at is not None and not self.problem


class StrategicMark(models.Model):
    """A model that is kept although nobody uses it, until a day, with the reason. Never longer than a year."""

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="strategic_marks")
    until = models.DateField(help_text="Its last day")
    reason = models.TextField(max_length=REASON)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-until"]
        indexes = [models.Index(fields=["model", "-until"], name="strategic_marks_of_model")]

    def __str__(self) -> str:
        return f"{self.model} is strategic until {self.until}"


class HealthScore(models.Model):
    """How healthy a published model is, 0..100, with its parts. Writer: the nightly sweep (docs/curation.md, "Health").

    parts  [{"name", "points", "of", "facts": [sentence]}]; score is the sum of the points, None with less than 30 days of data.
    """

    model = models.OneToOneField(
        RegisteredModel, models.CASCADE, primary_key=True, related_name="health"
    )
    score = models.PositiveSmallIntegerField(null=True)
    parts: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    card_key = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Of what the card's score follows from",
    )
    card_score = models.PositiveSmallIntegerField(help_text="Percent, by the rules in force")
    card_needed = models.PositiveSmallIntegerField()
    card_passes = models.BooleanField()
    known_from = models.DateField(help_text="The score is shown from this day on")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(score=None) | Q(score__lte=100), name="health_score_of_100"
            )
        ]

    def __str__(self) -> str:
        return f"Health of {self.model_id}: {self.score}"

    @property
    def score_text(self) -> str:
        return f"{self.score} of 100"

    def is_shown(self, today: date | None = None) -> bool:
        return self.score is not None and self.known_from <= (today or timezone.localdate())
