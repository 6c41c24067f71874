"""What people tried: calls in the sandbox, which are nobody's use, and how many a person has had in an hour.

Nothing here holds a value that was sent or answered (docs/playground.md, "What is kept").
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models.usage import Outcome
from marketplace.accounts.models import User
from marketplace.core.transitions import state_constraint


class SandboxCall(models.Model):
    """One call that somebody made to try a version. Only metering writes it, as it writes UsageEvent, and for the same reason
    without foreign keys. `outcome` says whether the input fitted the signature; what it was is not known here."""

    event_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    user_id = models.BigIntegerField()
    model_id = models.BigIntegerField()
    version_id = models.BigIntegerField()
    outcome = models.CharField(max_length=16, choices=Outcome)
    http_status = models.IntegerField()
    duration_us = models.BigIntegerField()
    request_bytes = models.BigIntegerField()
    response_bytes = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["model_id", "user_id"], name="sandboxcall_who_tried")]

    def __str__(self) -> str:
        return f"Sandbox call {self.event_id}"


class SandboxHour(models.Model):
    """How many calls of one person the portal has sent in one hour (UTC). Writer: consumption.playground.allowance."""

    MOST_CALLS = 60

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    hour = models.DateTimeField(db_index=True)
    calls = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "hour"], name="sandboxhour_once"),
            models.CheckConstraint(condition=Q(calls__lte=60), name="sandboxhour_within_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.hour:%Y-%m-%d %H}"


class LatencyState(models.TextChoices):
    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Measured"
    FAILED = "failed", "Failed"


class LatencyRunSet(models.QuerySet["LatencyRun"]):
    def visible_to(self, user: User) -> "LatencyRunSet":
        """One's own alone."""
        return self.filter(user=user)

    def open(self) -> "LatencyRunSet":
        return self.filter(state__in=LatencyRun.OPEN)


class LatencyRun(models.Model):
    """How fast a version answered in the sandbox, measured by the worker when a person asked for it (docs/playground.md, "Benchmark").

    stages  one for each concurrency: consumption.playground.latency.Stage as a dict.
    """

    State = LatencyState
    OPEN = (LatencyState.QUEUED, LatencyState.RUNNING)
    MOVES = {
        LatencyState.QUEUED: {LatencyState.RUNNING, LatencyState.FAILED},
        LatencyState.RUNNING: {LatencyState.DONE, LatencyState.FAILED},
    }

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+")
    rows = models.PositiveSmallIntegerField(help_text="In each call")
    expected_calls = models.BigIntegerField(null=True, blank=True, help_text="A month")
    state = models.CharField(max_length=10, choices=LatencyState, default=LatencyState.QUEUED)
    state_since = models.DateTimeField(default=timezone.now)
    requested_at = models.DateTimeField(default=timezone.now)
    stages = models.JSONField(default=list)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it failed")

    objects = LatencyRunSet.as_manager()

    class Meta:
        ordering = ["-requested_at"]
        indexes = [models.Index(fields=["user", "-requested_at"], name="latencyrun_of_person")]
        constraints = [
            state_constraint(LatencyState, "latencyrun_state"),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(state__in=["queued", "running"]),
                name="latencyrun_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"Benchmark {self.pk}"
