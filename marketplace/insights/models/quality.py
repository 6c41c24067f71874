"""Manual quality reviews of published models, and what they found (docs/quality-reviews.md)."""

from datetime import date
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import User
from marketplace.core.field_limits import REASON
from marketplace.core.transitions import state_constraint

READS_REVIEWS = ("curator", "evaluator", "auditor", "admin", "governance_lead")


class QualityReviewState(models.TextChoices):
    OPEN = "open", "Open"
    DONE = "done", "Done"


class QualityReviewReason(models.TextChoices):
    """Why a model is reviewed in a quarter."""

    USED = "used", "Among the ten most used"
    HIGH = "high", "High risk"
    SAMPLE = "sample", "Drawn by lot"


class FindingSeverity(models.TextChoices):
    MINOR = "minor", "Minor"
    MAJOR = "major", "Major"


class QualityFindingState(models.TextChoices):
    OPEN = "open", "Open"
    REPORTED = "reported", "Said to be mended"
    CLOSED = "closed", "Mended"


class QualityReviewSet(models.QuerySet["QualityReview"]):
    def visible_to(self, user: User) -> Self:
        """All for those who review and oversee; those of their own models for publishers."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.has_role(*READS_REVIEWS):
            return self
        return self.filter(model__owner_team__in=user.teams())

    def for_list(self) -> Self:
        """What waits first, by due date."""
        waits = models.Case(models.When(state=QualityReviewState.OPEN, then=0), default=1)
        return (
            self.select_related("model__owner_team", "reviewer", "done_by")
            .prefetch_related("findings")
            .order_by(waits, "due_on", "model__name", "pk")
        )


class QualityReview(models.Model):
    """Twenty minutes with one model in one quarter: a checklist, and findings with a day. `answers`: point → {answer, note}."""

    State = QualityReviewState
    Reason = QualityReviewReason
    MOVES = {QualityReviewState.OPEN: {QualityReviewState.DONE}}

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="quality_reviews")
    quarter = models.CharField(max_length=7, help_text="As 2026-Q4")
    reason = models.CharField(max_length=6, choices=QualityReviewReason)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    due_on = models.DateField()
    state = models.CharField(
        max_length=4, choices=QualityReviewState, default=QualityReviewState.OPEN
    )
    answers: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    note = models.TextField(max_length=REASON, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    done_at = models.DateTimeField(null=True, blank=True)
    planned_at = models.DateTimeField(default=timezone.now)

    objects = QualityReviewSet.as_manager()

    class Meta:
        ordering = ["due_on", "id"]
        constraints = [
            state_constraint(QualityReviewState, "quality_review_state"),
            models.UniqueConstraint(fields=["model", "quarter"], name="quality_review_once"),
            models.CheckConstraint(
                condition=Q(state="open", done_by=None)
                | Q(state="done", done_by__isnull=False, done_at__isnull=False),
                name="quality_review_done_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["quarter", "state"], name="quality_reviews_of_quarter")]

    def __str__(self) -> str:
        return f"Quality review of {self.model}, {self.quarter}"

    def get_absolute_url(self) -> str:
        return reverse("insights:quality_review", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state == QualityReviewState.OPEN


class QualityFindingSet(models.QuerySet["QualityFinding"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(review__in=QualityReview.objects.visible_to(user))

    def overdue_majors(self, today: date | None = None) -> Self:
        """What is serious, not mended, and late: two of them put a model on quality watch."""
        return self.filter(
            severity=FindingSeverity.MAJOR, due_on__lt=today or timezone.localdate()
        ).exclude(state=QualityFindingState.CLOSED)


class QualityFinding(models.Model):
    """What a review found, by when it is to be mended, and whether it was: the publisher says so, a reviewer confirms."""

    State = QualityFindingState
    Severity = FindingSeverity
    MOVES = {
        QualityFindingState.OPEN: {QualityFindingState.REPORTED, QualityFindingState.CLOSED},
        QualityFindingState.REPORTED: {QualityFindingState.OPEN, QualityFindingState.CLOSED},
    }

    review = models.ForeignKey(QualityReview, models.CASCADE, related_name="findings")
    severity = models.CharField(max_length=5, choices=FindingSeverity)
    text = models.TextField(max_length=REASON)
    due_on = models.DateField()
    state = models.CharField(
        max_length=8, choices=QualityFindingState, default=QualityFindingState.OPEN
    )
    mended = models.TextField("what was done", max_length=REASON, blank=True)
    mended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = QualityFindingSet.as_manager()

    class Meta:
        ordering = ["-severity", "due_on", "id"]
        constraints = [
            state_constraint(QualityFindingState, "quality_finding_state"),
            models.CheckConstraint(
                condition=Q(state="closed", closed_by__isnull=False)
                | ~Q(state="closed") & Q(closed_by=None),
                name="quality_finding_closed_by_somebody",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_on"],
                condition=Q(severity="major") & ~Q(state="closed"),
                name="quality_majors_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_severity_display()} finding about {self.review.model}"

    @property
    def is_overdue(self) -> bool:
        return self.state != QualityFindingState.CLOSED and self.due_on < timezone.localdate()
