"""MACHINES: tokens with which a program acts for a person, at most as far as the token's scopes reach."""

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts.models import Membership, User
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

OVERSEES = ("operator", "security_reviewer", "auditor", "admin")


class Scope(models.TextChoices):
    """What a token may do. Each scope also reads what its person may see."""

    READ = "read", "Read"
    PUBLISH = "publish", "Publish models"
    EVALUATE = "evaluate", "Declare evaluations"
    KEYS = "keys", "Manage API keys"
    TRY = "try", "Try models"
    SUBSCRIBE = "subscribe", "Subscribe applications"


# What a scope brings with it.
REACH = {
    Scope.READ: {Scope.READ},
    Scope.PUBLISH: {Scope.READ, Scope.PUBLISH, Scope.EVALUATE},
    Scope.EVALUATE: {Scope.READ, Scope.EVALUATE},
    Scope.KEYS: {Scope.READ, Scope.KEYS},
    Scope.TRY: {Scope.READ, Scope.TRY},
    Scope.SUBSCRIBE: {Scope.READ, Scope.SUBSCRIBE},
}


class TokenState(models.TextChoices):
    ACTIVE = "active", "Active"
    REVOKED = "revoked", "Revoked"


class ApiTokenSet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: User) -> "ApiTokenSet":
        """One's own and those of one's teams; all for those who oversee."""
        if user.has_role(*OVERSEES):
            return self
        return self.filter(Q(user=user) | Q(membership__team__in=user.teams()))

    def live(self) -> "ApiTokenSet":
        """Those that open something now."""
        return self.filter(
            state=TokenState.ACTIVE,
            expires_at__gt=timezone.now(),
            user__is_active=True,
            membership__left_at=None,
        )

    def orphaned(self) -> "ApiTokenSet":
        """Not revoked yet, although the person was deactivated or left the team."""
        gone = Q(user__is_active=False) | Q(membership__left_at__isnull=False)
        return self.filter(gone, state=TokenState.ACTIVE)

    def ending_within(self, notice: timedelta) -> "ApiTokenSet":
        """Live tokens that expire before `notice` is over."""
        return self.live().filter(expires_at__lte=timezone.now() + notice)

    def for_list(self) -> "ApiTokenSet":
        return self.select_related("user", "membership__team", "revoked_by")


class ApiToken(models.Model):
    """The credential of a program. Only its MAC is kept; the text is shown once.

    membership  of a team token: it reaches this team alone and ends with the membership. None of a personal token, which
                reaches every team that its person is on at the moment of the call.
    """

    State = TokenState
    MOVES = {TokenState.ACTIVE: {TokenState.REVOKED}}

    kid = models.CharField(max_length=8, unique=True)
    mac = models.CharField(max_length=64, help_text="hex HMAC-SHA256(pepper, token)")
    pepper_version = models.PositiveSmallIntegerField(default=1)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="tokens")
    membership = models.ForeignKey(
        Membership, models.PROTECT, null=True, blank=True, related_name="tokens"
    )
    name = LineField(max_length=60)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    state = models.CharField(max_length=10, choices=TokenState, default=TokenState.ACTIVE)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    last_used_at = models.DateTimeField(
        null=True, blank=True, help_text="Coarse: to ten minutes (actions.USED_EVERY)"
    )

    objects = ApiTokenSet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            state_constraint(TokenState, "apitoken_state"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="apitoken_expires_later"
            ),
            models.CheckConstraint(
                condition=Q(scopes__len__gte=1, scopes__contained_by=Scope.values),
                name="apitoken_scopes",
            ),
        ]

    def __str__(self) -> str:
        return f"mkp_{self.kid}…"

    def get_absolute_url(self) -> str:
        return reverse("tokens:tokens")

    @property
    def is_live(self) -> bool:
        """Does it open something now? Needs `user` and `membership`."""
        has_left = self.membership is not None and self.membership.left_at is not None
        return (
            self.state == TokenState.ACTIVE
            and self.expires_at > timezone.now()
            and self.user.is_active
            and not has_left
        )

    @property
    def has_expired(self) -> bool:
        return self.state == TokenState.ACTIVE and self.expires_at <= timezone.now()

    @property
    def scope_labels(self) -> list[str]:
        return [Scope(scope).label for scope in self.scopes]

    def allows(self, scope: str) -> bool:
        """Does one of its scopes bring `scope` with it?"""
        return any(scope in REACH[Scope(own)] for own in self.scopes)

    def acting_user(self) -> User:
        """The person as the token reaches: no marketplace roles, and of a team token one team only."""
        user = self.user
        user.token_kid = self.kid
        user.only_team_id = self.membership.team_id if self.membership else None
        return user
