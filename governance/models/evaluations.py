"""Figures with who measured them, benchmark data, and the runs that measure (docs/evaluation.md)."""

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Count, F, Q
from django.utils import timezone

from catalog.models import Capability, ModelVersion, RegisteredModel
from marketplace.accounts.models import User
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

LARGEST_FIGURE = 1e15  # of a metric; beyond it a 64-bit float no longer holds every whole number


METRIC_LABELS = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "lift_10": "Lift in the top tenth",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "ece": "Calibration error",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "macro_f1": "Macro F1",
    "balanced_accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
    "coverage": "Rows taken",
    "selection_rate": "Selected",
    "selection_rate_ratio": "Lowest selection rate over the highest",
    "true_positive_rate": "Selected among the deserving",
    "equal_opportunity_difference": "Difference among the deserving",
    "roc_auc_gap": "Difference of ROC AUC",
    "too_few_rows": "Too few rows",
    "signed_error": "Average error, of the mean amount",
    "mae_ratio": "Largest mean absolute error over the smallest",
    "turned_under_noise_5": "Answers turned by noise of 5 %",
    "turned_under_noise_20": "Answers turned by noise of 20 %",
    "turned_under_missing_10": "Answers turned by 10 % left out",
    "moved_under_noise_5": "Answers moved by noise of 5 %, in standard deviations",
    "moved_under_noise_20": "Answers moved by noise of 20 %, in standard deviations",
    "moved_under_missing_10": "Answers moved by 10 % left out, in standard deviations",
    "loss_under_noise_5": "Loss of the first metric, noise of 5 %",
    "loss_under_noise_20": "Loss of the first metric, noise of 20 %",
    "loss_under_missing_10": "Loss of the first metric, 10 % left out",
    "turned_by_search": "Answers turned by the worst small step",
    "moved_by_search": "Answers moved by the worst small step, in standard deviations",
    "edges_answered": "Answered with numbers at the ends of ranges",
    "turned_under_spaces": "Answers turned by other spaces in texts",
    "turned_under_case": "Answers turned by other case in texts",
    "turned_under_typos": "Answers turned by a typing slip in each text",
    "moved_under_spaces": "Answers moved by other spaces in texts, in standard deviations",
    "moved_under_case": "Answers moved by other case in texts, in standard deviations",
    "moved_under_typos": "Answers moved by a typing slip in each text, in standard deviations",
    "loss_under_spaces": "Loss of the first metric, other spaces in texts",
    "loss_under_case": "Loss of the first metric, other case in texts",
    "loss_under_typos": "Loss of the first metric, a typing slip in each text",
    "monotone_kept": "Rows in which the answer is monotone as declared",
    "selection_rate_difference": "Selected, less the largest group's",
    "bias": "Distance of the mean error from 0",
    "within_10": "Within 10 % of the truth",
    "far_refused": "Inputs that refuse ten times their largest value",
}


# Figures that pass up to their threshold; others pass from it on.
AT_MOST = {"equal_opportunity_difference", "mae_ratio", "roc_auc_gap", "brier", "log_loss", "ece"}
AT_MOST |= {"mae", "rmse"} | {
    name for name in METRIC_LABELS if name.startswith(("turned_", "moved_", "loss_"))
}


class EvaluationSet(models.QuerySet["Evaluation"]):
    def visible_to(self, user: User) -> Self:
        """Figures about versions that the person may see."""
        return self.filter(version__in=ModelVersion.objects.visible_to(user))

    def for_page(self) -> Self:
        """Measured ones first, then what the team declares; the newest first."""
        return self.select_related("by", "version__model").order_by("-kind", "-id")


class Evaluation(models.Model):
    """One measured figure of a version, with who measured it on what. Immutable: a new measurement adds a row."""

    class Kind(models.TextChoices):
        DECLARED = "declared", "Declared by the team"
        INDEPENDENT = "independent", "Measured by the marketplace"
        CONSUMER = "consumer", "Measured by a consumer"

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="evaluations")
    kind = models.CharField(max_length=12, choices=Kind)
    suite = models.CharField(max_length=80, help_text="What was run, with its version")
    metric = models.CharField(max_length=60)
    slice = models.CharField(max_length=120, blank=True, help_text="Empty: all rows")
    value = models.FloatField()
    low = models.FloatField(null=True, blank=True, help_text="95 % interval, lower end")
    high = models.FloatField(null=True, blank=True, help_text="95 % interval, upper end")
    n = models.PositiveIntegerField(null=True, blank=True, help_text="Rows it was computed over")
    threshold = models.FloatField(null=True, blank=True)
    baseline = models.FloatField(null=True, blank=True, help_text="What a naive model reaches")
    data = models.CharField(max_length=200, help_text="The data set, in words")
    data_sha256 = models.CharField(max_length=64, blank=True)
    artifact_sha256 = models.CharField(
        max_length=64, help_text="Of the version's graph, or of its address"
    )
    environment = models.CharField(max_length=200, blank=True, help_text="Versions of the tools")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    objects = EvaluationSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["declared", "independent", "consumer"]),
                name="evaluation_kind",
            ),
            # Postgres sorts NaN above every number, so the upper bound refuses it too.
            models.CheckConstraint(
                condition=Q(value__gte=-LARGEST_FIGURE, value__lte=LARGEST_FIGURE),
                name="evaluation_value_is_a_number",
            ),
            models.CheckConstraint(
                condition=Q(low=None, high=None) | Q(low__lte=F("high")),
                name="evaluation_interval_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.version}"

    @property
    def label(self) -> str:
        """The metric's usual name; a team's own word where there is none."""
        return METRIC_LABELS.get(self.metric, self.metric)

    @property
    def passes(self) -> str:
        """The threshold in words, as "from 0.8"; "" without one."""
        if self.threshold is None:
            return ""
        return f"{'up to' if self.metric in AT_MOST else 'from'} {self.threshold:g}"

    @property
    def column(self) -> str:
        """Of an independent figure about groups: the column that they come from."""
        return self.slice.partition(": ")[0]

    @property
    def group(self) -> str:
        """Of an independent figure about one group: which."""
        return self.slice.partition(": ")[2]


class Task(models.TextChoices):
    BINARY = "binary", "Binary classification"
    MULTICLASS = "multiclass", "Classification into several classes"
    REGRESSION = "regression", "Regression"


# Hidden data wears out: each score tells a little of it.
MOST_SCORES, LONGEST_USE = 200, timedelta(days=548)


class RunState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    SCORED = "scored", "Scored"
    BROKEN = "broken", "Could not run"


class BenchmarkDatasetSet(models.QuerySet["BenchmarkDataset"]):
    def visible_to(self, user: User) -> Self:
        """What a data set is about is for everybody; its rows are in BenchmarkRows, which nothing shows."""
        return self.all() if user.is_authenticated else self.none()

    def for_page(self) -> Self:
        return self.select_related("capability", "model", "uploaded_by").order_by("-id")

    def with_scores(self) -> Self:
        """Each with `scores`: how many runs were scored on it."""
        scored = Count("runs", filter=Q(runs__state=RunState.SCORED))
        return self.annotate(scores=scored)

    def about(self, version: ModelVersion) -> Self:
        """Those of its model, or else those of its capability. What somebody uploaded who was ever on its team is none."""
        found = self.filter(
            Q(model=version.model) | Q(model=None, capability=version.model.capability)
        )
        found = found.exclude(uploaded_by__memberships__team=version.model.owner_team)
        own = found.filter(model=version.model)
        return own if own.exists() else found


class BenchmarkDataset(models.Model):
    """What may be known about benchmark data that governance owns. Immutable; a newer one replaces it."""

    name = LineField(max_length=80, unique=True)
    capability = models.ForeignKey(Capability, models.PROTECT, related_name="benchmarks")
    model = models.ForeignKey(
        RegisteredModel,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="benchmarks",
        help_text="Empty: for all models of the capability",
    )
    task = models.CharField(max_length=12, choices=Task)
    label = LineField(max_length=100, help_text="The column with the truth")
    positive = LineField(
        max_length=60, blank=True, help_text="Binary: the label's value that the score is about"
    )
    positive_is_favourable = models.BooleanField(
        default=True, help_text="Whether the positive answer is good for the person"
    )
    cutoff = models.FloatField(default=0.5, help_text="Scores from here on count as positive")
    floor = models.FloatField(null=True, blank=True, help_text="What the primary metric must reach")
    output = LineField(
        max_length=100, blank=True, help_text="The version's output; empty: its first"
    )
    groups = models.JSONField(default=list, help_text="Columns that say who belongs to which group")
    may_leave = models.BooleanField(
        "its inputs may be sent to endpoints hosted outside",
        default=False,
        db_default=False,
        help_text="Only where nobody is told anything by them. Labels and groups are never sent",
    )
    columns = models.JSONField(default=list)
    rows = models.PositiveIntegerField()
    size = models.PositiveIntegerField(help_text="Bytes")
    sha256 = models.CharField(max_length=64)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now)

    scores: int  # of with_scores

    objects = BenchmarkDatasetSet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_worn_out(self) -> bool:
        """Was it scored so often, or is it so old, that it is hidden no more? Of a row of with_scores."""
        return self.scores >= MOST_SCORES or self.uploaded_at <= timezone.now() - LONGEST_USE


class BenchmarkRows(models.Model):
    """The rows of a data set, as CSV. Read by the runner alone: no page, API, log or record has them."""

    dataset = models.OneToOneField(BenchmarkDataset, models.CASCADE, related_name="content")
    csv = models.BinaryField()

    class Meta:
        verbose_name_plural = "benchmark rows"

    def __str__(self) -> str:
        return f"Rows of {self.dataset_id}"


class EvaluationRunSet(models.QuerySet["EvaluationRun"]):
    def visible_to(self, user: User) -> Self:
        """Runs of versions that the person may see."""
        return self.filter(version__in=ModelVersion.objects.visible_to(user))

    def for_page(self) -> Self:
        return self.select_related("dataset", "requested_by", "version__model").order_by("-id")


class EvaluationRun(models.Model):
    """One independent evaluation of a version on a benchmark: an open row is the queue."""

    State = RunState
    MOVES = {
        RunState.WAITING: {RunState.RUNNING, RunState.BROKEN},
        RunState.RUNNING: {RunState.SCORED, RunState.BROKEN},
    }

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="evaluation_runs")
    dataset = models.ForeignKey(BenchmarkDataset, models.PROTECT, related_name="runs")
    state = models.CharField(max_length=8, choices=RunState, default=RunState.WAITING)
    manifest_sha256 = models.CharField(max_length=64)
    seed = models.PositiveIntegerField(default=0)
    summary = models.TextField(blank=True)
    record = models.JSONField(default=dict, help_text="What a replay needs to get the same figures")
    metrics_sha256 = models.CharField(max_length=64, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = EvaluationRunSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(RunState, "evaluation_run_state"),
            models.UniqueConstraint(
                fields=["version", "dataset"],
                condition=Q(state__in=["waiting", "running"]),
                name="evaluation_run_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Evaluation {self.pk} of {self.version}"
