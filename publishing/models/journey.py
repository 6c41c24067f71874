"""Uploads on their way, and the runs of the execution gates. What they lead to is catalog's and governance's."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog.models import ModelVersion
from marketplace.accounts.models import Team, User
from marketplace.core.transitions import state_constraint


class UploadSet(models.QuerySet["Upload"]):
    def under_way(self) -> Self:
        return self.filter(expires_at__gt=timezone.now())


class Upload(models.Model):
    """An upload on its way: it takes one of the places of its person and team, and its size counts against their quotas.

    The row goes when the upload ends. One that outlived its process goes when the next one starts in its place (`server`), and
    counts no longer after `expires_at`.
    """

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    size = models.BigIntegerField("declared bytes")
    server = models.CharField(
        max_length=255, help_text="Host and run folder of the process that receives it"
    )
    began_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    objects = UploadSet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="upload_expires")]

    def __str__(self) -> str:
        return f"{self.size} bytes by {self.by}"


class GateRunState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    BROKEN = "broken", "Broke off"


class GateRunSet(models.QuerySet["GateRun"]):
    def visible_to(self, user: User) -> Self:
        """Runs of versions that the person may see."""
        return self.filter(version__in=ModelVersion.objects.visible_to(user))

    def for_page(self) -> Self:
        return self.select_related("requested_by", "version__model").order_by("-id")

    def open(self) -> Self:
        return self.filter(state__in=[GateRunState.WAITING, GateRunState.RUNNING])


class GateRun(models.Model):
    """One run of the execution gates on a version, in a limited child: an open row is the queue.

    What it found is governance's evidence (GateResult), one row a gate; `findings` keeps it by the digest of what was run.
    """

    State = GateRunState
    MOVES = {
        GateRunState.WAITING: {GateRunState.RUNNING, GateRunState.BROKEN},
        GateRunState.RUNNING: {GateRunState.DONE, GateRunState.BROKEN},
    }

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="gate_runs")
    state = models.CharField(max_length=8, choices=GateRunState, default=GateRunState.WAITING)
    subject = models.CharField(
        max_length=64, help_text="Digest of package, signature, example and service level"
    )
    manifest_sha256 = models.CharField(max_length=64)
    findings = models.JSONField(default=list)
    summary = models.TextField(blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = GateRunSet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["subject"], name="gate_run_subject")]
        constraints = [
            state_constraint(GateRunState, "gate_run_state"),
            models.UniqueConstraint(
                fields=["version"],
                condition=Q(state__in=["waiting", "running"]),
                name="gate_run_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Checks {self.pk} of {self.version}"

    @property
    def is_open(self) -> bool:
        return self.state in (GateRunState.WAITING, GateRunState.RUNNING)
