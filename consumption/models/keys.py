"""Keys of subscriptions, and reports that one has leaked."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils import timezone

from consumption.models.access import OVERSEES, Subscription
from marketplace.accounts.models import User
from marketplace.core.transitions import state_constraint


class KeyState(models.TextChoices):
    ACTIVE = "active", "Active"
    ROTATING = "rotating", "Ending (replaced)"
    PAUSED = "paused", "Paused: not used"
    REVOKED = "revoked", "Revoked"


class ApiKeySet(models.QuerySet["ApiKey"]):
    def visible_to(self, user: User) -> "ApiKeySet":
        """The keys of one's own teams; all for those who oversee. Publishers see no keys."""
        if user.has_role(*OVERSEES, "operator"):
            return self
        return self.filter(subscription__application__team__in=user.teams())

    def live(self) -> "ApiKeySet":
        """Those that open something now."""
        return self.filter(
            state__in=[KeyState.ACTIVE, KeyState.ROTATING], expires_at__gt=timezone.now()
        )

    def unused_since(self, moment: datetime) -> "ApiKeySet":
        """Active ones that were last used, made and resumed before `moment`; `last_use` is the last of the three."""
        return (
            self.filter(state=KeyState.ACTIVE, expires_at__gt=timezone.now())
            .alias(last_use=Greatest("created_at", "last_used_at", "resumed_at"))
            .filter(last_use__lt=moment)
        )

    def for_list(self) -> "ApiKeySet":
        return self.select_related(
            "subscription__application__team", "subscription__model", "created_by"
        )


class ApiKey(models.Model):
    """The credential of one subscription. Only its MAC is kept; the text is shown once."""

    State = KeyState
    MOVES = {
        KeyState.ACTIVE: {KeyState.ROTATING, KeyState.PAUSED, KeyState.REVOKED},
        KeyState.ROTATING: {KeyState.REVOKED},
        KeyState.PAUSED: {KeyState.ACTIVE, KeyState.REVOKED},
    }

    kid = models.CharField(max_length=8, unique=True)
    mac = models.CharField(max_length=64, help_text="hex HMAC-SHA256(pepper, key)")
    pepper_version = models.PositiveSmallIntegerField(default=1)
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="keys")
    name = models.CharField(max_length=60, default="Key")
    state = models.CharField(max_length=10, choices=KeyState, default=KeyState.ACTIVE)
    epoch = models.BigIntegerField(
        default=0, help_text="grows with each change; a loader refuses an older one"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    last_used_at = models.DateTimeField(
        null=True, blank=True, help_text="Of its last call or report. Writer: metering"
    )
    unused_told_at = models.DateTimeField(
        null=True, blank=True, help_text="When its team was told that it will be paused"
    )
    resumed_at = models.DateTimeField(null=True, blank=True)
    networks = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="CIDR texts that it works from; none: anywhere",
    )

    objects = ApiKeySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            state_constraint(KeyState, "apikey_state"),
            models.UniqueConstraint(
                fields=["subscription", "name"],
                condition=Q(state="active"),
                name="apikey_one_active_a_name",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="apikey_expires_later"
            ),
        ]
        indexes = [
            models.Index(
                Greatest("created_at", "last_used_at", "resumed_at"),
                condition=Q(state="active"),
                name="apikey_longest_unused",
            )
        ]

    def __str__(self) -> str:
        return f"mkc_{self.kid}…"

    @property
    def is_live(self) -> bool:
        return (
            self.state in (KeyState.ACTIVE, KeyState.ROTATING) and self.expires_at > timezone.now()
        )

    @property
    def is_paused(self) -> bool:
        """Resting, and its day has not come: one act has it work again."""
        return self.state == KeyState.PAUSED and self.expires_at > timezone.now()

    @property
    def used_at(self) -> datetime:
        """When it was last used, made or resumed: the time without a use counts from there."""
        moments = (self.created_at, self.last_used_at, self.resumed_at)
        return max(moment for moment in moments if moment is not None)

    @property
    def life(self) -> timedelta:
        """How long it was made for, to the second."""
        return timedelta(seconds=round((self.expires_at - self.created_at).total_seconds()))


class LeakReport(models.Model):
    """Somebody told of leaked keys: a person, or a scanner, whose delivery counts once. What they sent is not kept."""

    source = models.CharField(max_length=40, help_text="The scanner's name; empty: a person")
    delivery = models.CharField(max_length=100, null=True, help_text="The scanner's id for it")
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "delivery"], name="leak_delivery_once")
        ]
        indexes = [models.Index(fields=["reporter", "at"], name="leak_reports_of_person")]

    def __str__(self) -> str:
        return f"Leak report {self.pk}"
