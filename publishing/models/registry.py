"""Connections to a team's MLflow model registry, what it sent, and what came of each version there (docs/pipeline.md, "MLflow")."""

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.core import sealing
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

OVERSEES = ("operator", "security_reviewer", "auditor", "admin")
PURPOSE = "model registry secrets"


class RegistryState(models.TextChoices):
    ACTIVE = "active", "Active"
    REMOVED = "removed", "Removed"


class RegistryTrigger(models.TextChoices):
    """Which event of the registry publishes a version."""

    CREATED = "created", "Each new version"
    ALIAS = "alias", "A version that gets this alias"
    TAG = "tag", "A version that gets this tag"


class RegistryConnectionSet(models.QuerySet["RegistryConnection"]):
    def visible_to(self, user: User) -> Self:
        """Those of one's teams that were not removed; all of them for those who oversee."""
        there = self.exclude(state=RegistryState.REMOVED)
        return there if user.has_role(*OVERSEES) else there.filter(team__in=user.teams())

    def for_list(self) -> Self:
        return self.select_related("team", "acts_for")


class RegistryConnection(models.Model):
    """An MLflow tracking server whose registry tells us of versions of a team's models.

    key       stands in the address that the server posts to; it opens nothing by itself.
    marker    the alias, or the tag as name=value, that publishes; "" when each new version does.
    acts_for  the person for whom listings and drafts are written; must be on the team at that moment.
    secret    sealed; `old_secret` verifies too until `old_secret_until`.
    credential  sealed: what the tracking server asks for, "user:password" or a bearer token; None: nothing.
    """

    State, Trigger = RegistryState, RegistryTrigger
    MOVES = {RegistryState.ACTIVE: {RegistryState.REMOVED}, RegistryState.REMOVED: set[str]()}
    URL_MAX = 300  # characters

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="registry_connections")
    name = LineField(max_length=60)
    tracking_url = models.CharField(max_length=URL_MAX)
    trigger = models.CharField(
        max_length=10, choices=RegistryTrigger, default=RegistryTrigger.ALIAS
    )
    marker = LineField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=RegistryState, default=RegistryState.ACTIVE)
    acts_for = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    secret = models.BinaryField()
    old_secret = models.BinaryField(null=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    credential = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = RegistryConnectionSet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            state_constraint(RegistryState, "registry_connection_state"),
            models.CheckConstraint(
                condition=Q(trigger__in=RegistryTrigger.values), name="registry_trigger"
            ),
            models.CheckConstraint(
                condition=Q(old_secret=None) | Q(old_secret_until__isnull=False),
                name="registry_old_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("publishing:registry", args=[self.key])

    @property
    def events_url(self) -> str:
        """What the tracking server posts to."""
        address = reverse("publishing:registry_events", args=[self.key])
        return settings.PORTAL_URL.rstrip("/") + address

    @property
    def publishes_when(self) -> str:
        """What publishes a version, in words."""
        words = {
            RegistryTrigger.CREATED: "each new version",
            RegistryTrigger.ALIAS: f"the alias {self.marker}",
            RegistryTrigger.TAG: f"the tag {self.marker}",
        }
        return words[RegistryTrigger(self.trigger)]

    def seal(self, text: str) -> bytes:
        return sealing.seal(text, purpose=PURPOSE, bound_to=f"registry:{self.key}")

    def secrets_at(self, moment: datetime) -> list[str]:
        """The secrets that verify then, the newest first. Raises sealing.Unreadable."""
        sealed = [self.secret]
        if self.old_secret and self.old_secret_until and self.old_secret_until > moment:
            sealed.append(self.old_secret)
        return [self._opened(one) for one in sealed]

    def credential_text(self) -> str:
        """What is sent to the tracking server, or "". Raises sealing.Unreadable."""
        return self._opened(self.credential) if self.credential else ""

    def _opened(self, sealed: bytes | memoryview) -> str:
        return sealing.open_sealed(bytes(sealed), purpose=PURPOSE, bound_to=f"registry:{self.key}")


class ImportState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Being read"
    SUBMITTED = "submitted", "Submitted"
    INCOMPLETE = "incomplete", "Incomplete"
    FAILED = "failed", "Failed"


class RegistryImportSet(models.QuerySet["RegistryImport"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(connection__in=RegistryConnection.objects.visible_to(user))

    def for_list(self) -> Self:
        return self.select_related("connection__team", "version__model")


class RegistryImport(models.Model):
    """A version of the registry on its way into the catalog. A waiting row is the queue.

    number    of the version here, once it is known: the next events of the same version are about it.
    said      one sentence about how it ended.
    problems  what is missing, as {"field", "message", "page"}.
    """

    State = ImportState
    MOVES = {
        ImportState.WAITING: {ImportState.RUNNING},
        ImportState.RUNNING: {
            ImportState.WAITING,
            ImportState.SUBMITTED,
            ImportState.INCOMPLETE,
            ImportState.FAILED,
        },
        ImportState.INCOMPLETE: {ImportState.WAITING},
        ImportState.FAILED: {ImportState.WAITING},
        ImportState.SUBMITTED: set[str](),
    }

    connection = models.ForeignKey(RegistryConnection, models.PROTECT, related_name="imports")
    registered_model = models.CharField(max_length=256, help_text="Its name in the registry")
    registered_version = models.CharField(max_length=20, help_text="Its number in the registry")
    model = models.ForeignKey(
        RegisteredModel, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    version = models.ForeignKey(
        ModelVersion, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    number = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=10, choices=ImportState, default=ImportState.WAITING)
    state_since = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    said = models.TextField(blank=True)
    problems = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = RegistryImportSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(ImportState, "registry_import_state"),
            models.UniqueConstraint(
                fields=["connection", "registered_model", "registered_version"],
                name="registry_import_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["state_since"],
                name="registry_import_open",
                condition=Q(state__in=["waiting", "running"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.registered_model} {self.registered_version}"


class RegistryDelivery(models.Model):
    """A signed event that came, once for each delivery id. Never changed.

    imported  the import that it led to; None: it publishes nothing.
    """

    connection = models.ForeignKey(RegistryConnection, models.PROTECT, related_name="deliveries")
    delivery_id = models.CharField(max_length=100)
    event = models.CharField(
        max_length=80, help_text="entity.action, such as model_version.created"
    )
    registered_model = models.CharField(max_length=256, blank=True)
    registered_version = models.CharField(max_length=20, blank=True)
    imported = models.ForeignKey(
        RegistryImport, models.SET_NULL, null=True, blank=True, related_name="deliveries"
    )
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "delivery_id"], name="registry_delivery_once"
            )
        ]

    def __str__(self) -> str:
        return self.delivery_id
