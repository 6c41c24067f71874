"""RUNTIME: what should run where, and what was seen running."""

from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.text import capfirst

from catalog.models import ModelVersion
from marketplace.core.transitions import state_constraint


class RuntimeEnvironment(models.Model):
    """A curated, locked set of dependencies that a version names in its manifest."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=60)
    packages = models.JSONField(default=list)

    def __str__(self):
        return self.name


class DeploymentState(models.TextChoices):
    PENDING = "pending", "Pending"
    STARTING = "starting", "Starting"
    READY = "ready", "Ready"
    DEGRADED = "degraded", "Degraded"
    UNHEALTHY = "unhealthy", "Unhealthy"
    RESTARTING = "restarting", "Restarting"
    SCALED_TO_ZERO = "scaled_to_zero", "Scaled to zero"
    STOPPING = "stopping", "Stopping"
    STOPPED = "stopped", "Stopped"
    FAILED = "failed", "Failed"


RUNNING = {
    DeploymentState.READY,
    DeploymentState.DEGRADED,
    DeploymentState.UNHEALTHY,
    DeploymentState.RESTARTING,
    DeploymentState.SCALED_TO_ZERO,
}


class OfVersions(models.QuerySet):
    def visible_to(self, user):
        """Those of versions that the person may see."""
        return self.filter(version__in=ModelVersion.objects.visible_to(user))


class AwakeReason(models.TextChoices):
    """Why a version does not sleep when nobody calls it."""

    NONE = "", "It may sleep"
    TEAM = "team", "Its team keeps a replica running"
    PLAN = "plan", "An always-on plan has subscribers"
    DEADLINE = "deadline", "Its callers wait for less time than a start takes"
    LATENCY = "latency", "A start would break its promised latency"


class Deployment(models.Model):
    """Desired state: this version runs here, with so many replicas. The reconciler makes it true and says how it went."""

    is_external = False  # as hosting.deployments.External, which stands beside it on pages, is
    State = DeploymentState
    MOVES = {
        DeploymentState.PENDING: {
            DeploymentState.STARTING,
            DeploymentState.STOPPING,
            DeploymentState.STOPPED,
            DeploymentState.FAILED,
        },
        DeploymentState.STARTING: RUNNING | {DeploymentState.STOPPING, DeploymentState.FAILED},
        **{
            state: (RUNNING - {state})
            | {DeploymentState.STARTING, DeploymentState.STOPPING, DeploymentState.FAILED}
            for state in RUNNING
        },
        DeploymentState.STOPPING: {
            DeploymentState.STOPPED,
            DeploymentState.PENDING,
            DeploymentState.FAILED,
        },
        DeploymentState.STOPPED: {DeploymentState.PENDING},
        DeploymentState.FAILED: {
            DeploymentState.PENDING,
            DeploymentState.STOPPING,
            DeploymentState.STOPPED,
        },
    }

    version = models.OneToOneField(ModelVersion, models.PROTECT, related_name="deployment")
    environment = models.CharField(max_length=10, default="prod")
    driver = models.CharField(max_length=20, default="ray")
    app_name = models.CharField(max_length=120, unique=True)
    spec_sha256 = models.CharField(max_length=64, blank=True)
    min_replicas = models.PositiveSmallIntegerField(
        default=0, help_text="0: it may sleep when nobody calls it"
    )
    max_replicas = models.PositiveSmallIntegerField(default=2)
    target_ongoing_requests = models.PositiveSmallIntegerField(default=4)
    is_stopped_by_owner = models.BooleanField(default=False)
    state = models.CharField(
        max_length=16, choices=DeploymentState, default=DeploymentState.PENDING
    )
    state_since = models.DateTimeField(default=timezone.now)
    reason = models.TextField(blank=True, help_text="What a publisher can act on")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    restarts = models.PositiveIntegerField(default=0)
    waits_for_slot = models.BooleanField(
        default=False, help_text="It ran and is to run again, and others start first"
    )
    awake_because = models.CharField(
        max_length=10, choices=AwakeReason, blank=True, help_text="Writer: hosting.sleep"
    )
    sleep_due_at = models.DateTimeField(
        db_default=Now(),
        help_text="When `awake_because` is judged again. Writer: hosting.sleep",
    )
    cold_start_s = models.FloatField(
        null=True, help_text="Seconds of the quickest of its last starts, as measured"
    )

    objects = OfVersions.as_manager()

    class Meta:
        ordering = ["app_name"]
        indexes = [
            models.Index(fields=["state"], name="deployment_by_state"),
            models.Index(
                fields=["sleep_due_at"],
                condition=~Q(state=DeploymentState.STOPPED),
                name="deployment_sleep_due",
            ),
        ]
        constraints = [
            state_constraint(DeploymentState, "deployment_state"),
            models.CheckConstraint(
                condition=Q(max_replicas__gte=F("min_replicas"), max_replicas__gt=0),
                name="deployment_replica_bounds",
            ),
        ]

    def __str__(self):
        return f"Deployment of {self.version}"

    @property
    def allowed_replicas(self):
        """How many replicas it may have, in words: "2", or "1 to 4"."""
        lowest, highest = self.min_replicas, self.max_replicas
        return str(highest) if lowest == highest else f"{lowest} to {highest}"


class Replica(models.Model):
    """Observed state: one process that serves a version, from when to when."""

    class State(models.TextChoices):
        STARTING = "starting", "Starting"
        RUNNING = "running", "Running"
        UNHEALTHY = "unhealthy", "Unhealthy"
        GONE = "gone", "Gone"
        CRASHED = "crashed", "Crashed"

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="replicas")
    replica_id = models.CharField(max_length=120)
    node = models.CharField(max_length=80, blank=True)
    pid = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=10, choices=State)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    running_at = models.DateTimeField(null=True, help_text="When it was first seen running")
    left_none = models.BooleanField(
        default=False, help_text="It crashed, and no other one was running"
    )

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "replica_id"], name="replica_once")
        ]
        indexes = [
            models.Index(fields=["deployment"], condition=Q(ended_at=None), name="replica_live"),
            models.Index(fields=["ended_at"], condition=Q(state="crashed"), name="replica_crashed"),
        ]


class Upstream(models.Model):
    """Where the gateway sends the calls of a version."""

    class Kind(models.TextChoices):
        ENGINE = "engine", "Serving engine"
        EXTERNAL = "external", "External endpoint"

    version = models.OneToOneField(ModelVersion, models.CASCADE, related_name="upstream")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.ENGINE)
    base_url = models.URLField(max_length=300)
    credential = models.BinaryField(
        null=True, help_text="AES-GCM, opened only where the endpoint is called"
    )
    is_ready = models.BooleanField(default=False, help_text="The last end-to-end probe succeeded")
    updated_at = models.DateTimeField(auto_now=True)
    probed_at = models.DateTimeField(null=True, help_text="The last end-to-end probe")
    probe_due_at = models.DateTimeField(
        null=True,
        default=timezone.now,
        db_index=True,
        help_text="The next one; empty while nothing has to answer",
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["is_ready", "version"],
                condition=Q(kind="external", probe_due_at__isnull=False),
                name="upstream_elsewhere",
            )
        ]

    def __str__(self):
        return self.base_url


class HealthSample(models.Model):
    """One end-to-end probe of a version."""

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="health_samples")
    at = models.DateTimeField(default=timezone.now)
    is_ok = models.BooleanField()
    latency_ms = models.FloatField(null=True)
    replicas = models.PositiveSmallIntegerField(default=0)
    detail = models.CharField(max_length=300, blank=True)

    objects = OfVersions.as_manager()

    class Meta:
        ordering = ["-at"]
        indexes = [
            models.Index(fields=["version", "-at"]),
            models.Index(fields=["at", "id"], name="healthsample_newest"),
        ]


class Incident(models.Model):
    """A time in which a version was not healthy; opened by three failed probes, closed by recovery."""

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="incidents")
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    summary = models.CharField(max_length=300)

    objects = OfVersions.as_manager()

    class Meta:
        ordering = ["-opened_at"]
        indexes = [models.Index(fields=["opened_at", "id"], name="incident_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=["version"], condition=Q(closed_at=None), name="incident_one_open"
            ),
        ]

    @property
    def description(self):
        """What happened, without the version's name."""
        return capfirst(self.summary.removeprefix(str(self.version)).strip())


class TransactionId(models.Field):
    """Postgres' number of a transaction, which grows with each that writes, never wraps and survives a restart."""

    def db_type(self, connection):
        return "xid8"


class CurrentTransaction(Func):
    """The TransactionId of whoever writes the row."""

    function = "pg_current_xact_id"
    arity = 0
    output_field = TransactionId()


class Change(models.Model):
    """Something that gateways hold in memory has changed. Writers: triggers alone (migration 0006), in the transaction of the change.

    `kind` is model, key, subscription, plan or application; `name` is the row's id, of a key its kid. Gateways read what
    their last look could not see (hosting/gateway/auth/change_feed.py); see docs/gateway.md.
    """

    transaction = TransactionId(db_default=CurrentTransaction(), db_index=True)
    kind = models.CharField(max_length=12)
    name = models.CharField(max_length=20)
    at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self):
        return f"{self.kind} {self.name}"
