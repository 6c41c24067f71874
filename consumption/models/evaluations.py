"""Batch evaluations: a team's own rows, the versions that answer them, and what was found (docs/batch-evaluation.md).

Only the team reads them: no role of the marketplace does. The rows lie encrypted on disk (consumption.evaluations.files); a row
of these tables holds counts and figures, never a cell of the data.
"""

import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models.access import DataClass
from marketplace.accounts.models import Team, User
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint


class BatchState(models.TextChoices):
    RECEIVED = "received", "Reading the file"
    MAPPING = "mapping", "Waits for its columns"
    CHECKING = "checking", "Checking the rows"
    READY = "ready", "Ready to run"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class BatchEvaluationSet(models.QuerySet["BatchEvaluation"]):
    def visible_to(self, user: User) -> Self:
        """Those of one's teams. No role sees more: the data is the team's alone."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        return self.filter(team__in=user.teams())

    def for_list(self) -> Self:
        return self.select_related("team", "created_by").prefetch_related(
            models.Prefetch(
                "entries", EvaluatedVersion.objects.select_related("version__model").order_by("id")
            )
        )

    def in_work(self) -> Self:
        """Those that a worker should be at."""
        return self.filter(state__in=BatchEvaluation.IN_WORK)

    def with_rows(self) -> Self:
        return self.filter(rows_deleted_at=None)


class BatchEvaluation(models.Model):
    """One file of a team, evaluated with one to five versions. An open row is the queue.

    reading   how the file is read: {"kind", "encoding", "delimiter", "decimal"}
    columns   what it has: [{"name", "kind", "personal": [label]}]
    mapping   {"inputs": {input: column}, "label", "groups", "weight", "task", "positive", "outputs": {version: output}}
    report    counts of the validation, by version and input
    results   figures over many rows; groups of fewer than ten rows are left out
    """

    State = BatchState
    MOVES = {
        BatchState.RECEIVED: {BatchState.MAPPING, BatchState.FAILED, BatchState.CANCELLED},
        BatchState.MAPPING: {
            BatchState.RECEIVED,
            BatchState.CHECKING,
            BatchState.FAILED,
            BatchState.CANCELLED,
        },
        BatchState.CHECKING: {BatchState.READY, BatchState.FAILED, BatchState.CANCELLED},
        BatchState.READY: {
            BatchState.RECEIVED,
            BatchState.CHECKING,
            BatchState.QUEUED,
            BatchState.FAILED,
            BatchState.CANCELLED,
        },
        BatchState.QUEUED: {BatchState.RUNNING, BatchState.FAILED, BatchState.CANCELLED},
        BatchState.RUNNING: {BatchState.SUCCEEDED, BatchState.FAILED, BatchState.CANCELLED},
    }
    IN_WORK = (BatchState.RECEIVED, BatchState.CHECKING, BatchState.QUEUED, BatchState.RUNNING)
    OPEN = (*IN_WORK, BatchState.MAPPING, BatchState.READY)

    team = models.ForeignKey(Team, models.PROTECT, related_name="batch_evaluations")
    name = LineField(max_length=80)
    data_class = models.CharField(max_length=12, choices=DataClass)
    keep_days = models.PositiveSmallIntegerField(help_text="0: until the run has ended")
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.RECEIVED)
    state_since = models.DateTimeField(default=timezone.now)
    folder = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    file_name = LineField(max_length=120)
    file_bytes = models.PositiveIntegerField()
    reading = models.JSONField(default=dict)
    columns = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    results = models.JSONField(default=dict)
    rows = models.PositiveIntegerField(default=0)
    answers_done = models.PositiveIntegerField(default=0, help_text="Rows × versions")
    worked_s = models.FloatField(default=0, help_text="Seconds of the run, without pauses")
    problem = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    delete_rows_at = models.DateTimeField()
    rows_deleted_at = models.DateTimeField(null=True, blank=True)
    shared_at = models.DateTimeField(
        null=True, blank=True, help_text="When its figures were put beside the versions' others"
    )
    versions = models.ManyToManyField(ModelVersion, through="EvaluatedVersion", related_name="+")

    objects = BatchEvaluationSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(BatchState, "batch_evaluation_state"),
            models.CheckConstraint(
                condition=~Q(data_class=DataClass.SPECIAL), name="batch_evaluation_not_special"
            ),
            models.CheckConstraint(
                condition=Q(keep_days__lte=30), name="batch_evaluation_kept_at_most"
            ),
        ]
        indexes = [
            models.Index(
                fields=["state_since"],
                condition=Q(state__in=["received", "checking", "queued", "running"]),
                name="batch_evaluation_in_work",
            ),
            models.Index(
                fields=["delete_rows_at"],
                condition=Q(rows_deleted_at=None),
                name="batch_evaluation_to_delete",
            ),
            models.Index(
                fields=["finished_at"],
                condition=~Q(results={}),
                name="batch_evaluation_figures",
            ),
            models.Index(fields=["team", "-id"], name="batch_evaluation_of_team"),
        ]

    def __str__(self) -> str:
        """Without its name, which the record does not need to know."""
        return f"Batch evaluation {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("consumption:evaluation", args=[self.pk])

    @property
    def has_rows(self) -> bool:
        return self.rows_deleted_at is None

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def is_in_work(self) -> bool:
        return self.state in self.IN_WORK

    @property
    def took_s(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    def evaluated(self) -> list[ModelVersion]:
        """Its versions in the order in which they were chosen; the first is what the others are compared with."""
        entries: Any = self.entries.all()
        return [entry.version for entry in entries]


class EvaluatedVersion(models.Model):
    """One of the versions that answer the rows."""

    evaluation = models.ForeignKey(BatchEvaluation, models.CASCADE, related_name="entries")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="batch_entries")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["evaluation", "version"], name="evaluated_version_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} in {self.evaluation_id}"


class EvaluationKey(models.Model):
    """The data key of one evaluation, wrapped with a key derived from the platform's secret. Without it nobody reads the rows."""

    evaluation = models.OneToOneField(BatchEvaluation, models.CASCADE, related_name="key")
    wrapped = models.BinaryField()

    def __str__(self) -> str:
        return f"Key of {self.evaluation_id}"


class DeletionReceipt(models.Model):
    """That the rows of an evaluation and its answers are gone: what was there, what is left, and that the key is destroyed."""

    class Reason(models.TextChoices):
        ASKED = "asked", "A member of the team deleted them"
        AFTER_RUN = "after_run", "The run had ended"
        RETENTION = "retention", "Their time was over"

    evaluation = models.OneToOneField(BatchEvaluation, models.PROTECT, related_name="receipt")
    reason = models.CharField(max_length=10, choices=Reason)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    key_destroyed_at = models.DateTimeField(null=True, blank=True)
    files = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes")
    rows = models.PositiveIntegerField(default=0)
    rows_left = models.PositiveIntegerField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["asked_at"], condition=Q(done_at=None), name="deletion_receipt_open"
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(done_at=None) | Q(rows_left=0, key_destroyed_at__isnull=False),
                name="deletion_receipt_of_nothing_left",
            )
        ]

    def __str__(self) -> str:
        return f"Receipt {self.pk}"
