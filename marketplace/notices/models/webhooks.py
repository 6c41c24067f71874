"""Webhooks of teams: where their events go, and each delivery as a row that is the queue (docs/notices.md, "Webhooks")."""

import uuid
from datetime import datetime
from typing import Self
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts.models import Team, User
from marketplace.core import sealing
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

OVERSEES = ("operator", "security_reviewer", "auditor", "admin")
PURPOSE = "marketplace webhook secrets"


class WebhookState(models.TextChoices):
    PENDING = "pending", "Not proven yet"
    ACTIVE = "active", "Active"
    DISABLED = "disabled", "Switched off"
    REMOVED = "removed", "Removed"


class WebhookFormat(models.TextChoices):
    """What is sent: signed CloudEvents, or what a chat program shows."""

    STANDARD = "standard", "Signed CloudEvents"
    SLACK = "slack", "Slack message"
    TEAMS = "teams", "Microsoft Teams card"


class WebhookSet(models.QuerySet["Webhook"]):
    def visible_to(self, user: User) -> Self:
        """Those of one's teams that were not removed; all of them for those who oversee."""
        there = self.exclude(state=WebhookState.REMOVED)
        return there if user.has_role(*OVERSEES) else there.filter(team__in=user.teams())

    def wanting(self, kind: str, application: str, teams: list[int]) -> Self:
        """Active ones of these teams that take this kind of event, of this application or of all."""
        of_kind = Q(kinds=[]) | Q(kinds__contains=[kind])
        return self.filter(
            of_kind,
            Q(application="") | Q(application=application),
            team__in=teams,
            state=WebhookState.ACTIVE,
        )

    def for_list(self) -> Self:
        return self.select_related("team", "created_by")


class Webhook(models.Model):
    """An address of a team that events are posted to, after it has proven that it is the team's.

    application    the slug of the application whose events it gets; "": all of the team. Consumption stands above this app.
    kinds          of notices; empty: all that go to teams.
    secret         sealed; `old_secret` signs too until `old_secret_until`.
    challenge      what the address has to answer, or somebody has to read there, before it is active.
    failing_since  the first failure after which nothing was delivered.
    """

    State, Format = WebhookState, WebhookFormat
    MOVES = {
        WebhookState.PENDING: {WebhookState.ACTIVE, WebhookState.REMOVED},
        WebhookState.ACTIVE: {WebhookState.DISABLED, WebhookState.REMOVED},
        WebhookState.DISABLED: {WebhookState.ACTIVE, WebhookState.REMOVED},
        WebhookState.REMOVED: set(),
    }
    URL_MAX = 500  # characters

    team = models.ForeignKey(Team, models.PROTECT, related_name="webhooks")
    application = models.CharField(max_length=100, blank=True)
    name = LineField(max_length=60)
    url = models.CharField(max_length=URL_MAX)
    format = models.CharField(max_length=10, choices=WebhookFormat, default=WebhookFormat.STANDARD)
    kinds = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    state = models.CharField(max_length=10, choices=WebhookState, default=WebhookState.PENDING)
    secret = models.BinaryField()
    old_secret = models.BinaryField(null=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    challenge = models.CharField(max_length=40, blank=True)
    challenge_at = models.DateTimeField(
        null=True, blank=True, help_text="When the challenge is to be sent; empty: it was"
    )
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    objects = WebhookSet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            state_constraint(WebhookState, "webhook_state"),
            models.CheckConstraint(
                condition=Q(format__in=WebhookFormat.values), name="webhook_format"
            ),
            models.CheckConstraint(
                condition=Q(old_secret=None) | Q(old_secret_until__isnull=False),
                name="webhook_old_secret_ends",
            ),
        ]
        indexes = [
            models.Index(
                fields=["challenge_at"],
                name="webhook_to_challenge",
                condition=Q(challenge_at__isnull=False),
            ),
            models.Index(fields=["team", "state"], name="webhook_of_team"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("consumption:webhook", args=[self.pk])

    @property
    def shown_url(self) -> str:
        """The address without what may be a secret of its receiver: the query, and in a chat's the path."""
        parts = urlsplit(self.url)
        path = parts.path if self.format == WebhookFormat.STANDARD else "/…"
        return f"{parts.scheme}://{parts.netloc}{path}{'?…' if parts.query else ''}"

    def seal(self, text: str) -> bytes:
        return sealing.seal(text, purpose=PURPOSE, bound_to=f"webhook:{self.pk}")

    def secrets_at(self, moment: datetime) -> list[str]:
        """The secrets that sign then, the newest first. Raises sealing.Unreadable."""
        sealed = [self.secret]
        if self.old_secret and self.old_secret_until and self.old_secret_until > moment:
            sealed.append(self.old_secret)
        bound_to = f"webhook:{self.pk}"
        return [
            sealing.open_sealed(bytes(one), purpose=PURPOSE, bound_to=bound_to) for one in sealed
        ]


class WebhookEvent(models.Model):
    """Something that teams with webhooks are told: once for a team and occasion. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=300, blank=True)
    model = models.CharField(max_length=100, blank=True)
    application = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "key"], name="webhook_event_once")]
        indexes = [models.Index(fields=["at"], name="webhook_event_age")]

    def __str__(self) -> str:
        return self.title


class DeliveryState(models.TextChoices):
    PENDING = "pending", "Waiting"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Given up"


class DeliverySet(models.QuerySet["WebhookDelivery"]):
    def visible_to(self, user: User) -> Self:
        """Those of webhooks that the person sees."""
        return self.filter(webhook__in=Webhook.objects.visible_to(user))

    def due(self) -> Self:
        """Those to be sent now, the longest waiting first."""
        return self.filter(
            state=DeliveryState.PENDING,
            try_at__lte=timezone.now(),
            webhook__state=WebhookState.ACTIVE,
        ).order_by("try_at")

    def for_list(self) -> Self:
        return self.select_related("event", "webhook__team")


class WebhookDelivery(models.Model):
    """One event on its way to one webhook. `message_id` is the receiver's key for doing it once: also a replay has it."""

    State = DeliveryState
    MOVES = {
        DeliveryState.PENDING: {DeliveryState.DELIVERED, DeliveryState.FAILED},
        DeliveryState.DELIVERED: {DeliveryState.PENDING},
        DeliveryState.FAILED: {DeliveryState.PENDING},
    }

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(WebhookEvent, models.CASCADE, related_name="deliveries")
    message_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    made_at = models.DateTimeField(default=timezone.now)
    try_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects = DeliverySet.as_manager()

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event"], name="webhook_delivery_once"),
            state_constraint(DeliveryState, "webhook_delivery_state"),
        ]
        indexes = [
            models.Index(
                fields=["try_at"], name="webhook_delivery_due", condition=Q(state="pending")
            ),
            models.Index(fields=["webhook", "-made_at"], name="webhook_delivery_newest"),
        ]

    def __str__(self) -> str:
        return str(self.event)

    def get_absolute_url(self) -> str:
        return reverse("consumption:webhook_delivery", args=[self.pk])

    @property
    def webhook_id_header(self) -> str:
        """The value of the header webhook-id, the same at each try."""
        return f"msg_{self.message_id.hex}"


class WebhookTry(models.Model):
    """One try of a delivery: what came back, at most 1 KiB of it."""

    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, related_name="log")
    at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)
    took_ms = models.PositiveIntegerField()
    problem = models.CharField(max_length=300, blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        ordering = ["-at", "-pk"]

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300
