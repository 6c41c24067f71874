"""How an automatic minor update spreads: announced, a share first, then everybody, or back (docs/updates.md)."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models.access import OVERSEES, Subscription
from marketplace.accounts.models import User
from marketplace.core.field_limits import REASON
from marketplace.core.transitions import state_constraint


class RolloutState(models.TextChoices):
    ANNOUNCED = "announced", "Announced"
    CANARY = "canary", "With the first applications"
    COMPLETED = "completed", "Complete"
    ROLLED_BACK = "rolled_back", "Rolled back"
    STOPPED = "stopped", "Stopped"


class RolloutSet(models.QuerySet["Rollout"]):
    def visible_to(self, user: User) -> Self:
        """Of the models of one's teams, of the subscriptions of one's teams, and all for those who oversee."""
        if user.has_role(*OVERSEES):
            return self
        teams = user.team_ids()
        concerned = RolloutMember.objects.filter(subscription__application__team__in=teams)
        return self.filter(
            Q(version__model__owner_team__in=teams) | Q(pk__in=concerned.values("rollout"))
        )

    def for_list(self) -> Self:
        return self.select_related("version__model__owner_team", "stopped_by")

    def open(self) -> Self:
        """Those that are still to spread."""
        return self.filter(state__in=Rollout.OPEN)

    def due(self, now: datetime) -> Self:
        """Open ones whose notice has run, or with a version of their model that answers no more."""
        silent = ModelVersion.objects.filter(
            Q(suspended_at__isnull=False) | Q(sunset_at__lte=now), state__in=ModelVersion.LISTED
        )
        return self.open().filter(
            Q(starts_at__lte=now) | Q(version__model__in=silent.values("model"))
        )


class Rollout(models.Model):
    """A minor version on its way to the subscriptions that follow minor versions by themselves.

    steps      the rules when it was announced: governance.periods.STEP for each step before everybody has it.
    step       where it is: a place in steps; step_at: since when, None before anybody has it.
    needs_yes  high risk: it reaches those only whose team said yes.
    figures    what the guard counted last: consumption.rollouts.guard.Evidence as data.
    reason     why it was rolled back or stopped.
    """

    State = RolloutState
    MOVES = {
        RolloutState.ANNOUNCED: {RolloutState.CANARY, RolloutState.COMPLETED, RolloutState.STOPPED},
        RolloutState.CANARY: {
            RolloutState.COMPLETED,
            RolloutState.ROLLED_BACK,
            RolloutState.STOPPED,
        },
    }
    OPEN = (RolloutState.ANNOUNCED, RolloutState.CANARY)
    GIVEN_UP = (RolloutState.ROLLED_BACK, RolloutState.STOPPED)

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="rollouts")
    state = models.CharField(max_length=12, choices=RolloutState, default=RolloutState.ANNOUNCED)
    announced_at = models.DateTimeField(default=timezone.now)
    starts_at = models.DateTimeField(help_text="Nobody gets it earlier")
    canary_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    steps: Any = models.JSONField()
    step = models.PositiveSmallIntegerField(default=0)
    step_at = models.DateTimeField(null=True, blank=True)
    needs_yes = models.BooleanField(default=False)
    figures: Any = models.JSONField(default=dict, blank=True)
    reason = models.TextField(max_length=REASON, blank=True)
    stopped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = RolloutSet.as_manager()

    class Meta:
        ordering = ["-announced_at"]
        constraints = [
            state_constraint(RolloutState, "rollout_state"),
            models.UniqueConstraint(
                fields=["version"],
                condition=Q(state__in=["announced", "canary"]),
                name="rollout_open_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["starts_at"],
                condition=Q(state__in=["announced", "canary"]),
                name="rollout_open",
            )
        ]

    def __str__(self) -> str:
        return f"Update to {self.version}"

    def get_absolute_url(self) -> str:
        return reverse("consumption:rollout", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def is_given_up(self) -> bool:
        return self.state in self.GIVEN_UP

    @property
    def rule(self) -> dict[str, int]:
        """Of the step where it is: percent, hours, calls, days."""
        rule: dict[str, int] = self.steps[self.step]
        return rule

    @property
    def is_last_step(self) -> bool:
        """After it, everybody has the version."""
        return self.step == len(self.steps) - 1

    @property
    def follows_at(self) -> datetime | None:
        """The next step begins at the earliest then; None before anybody has it."""
        return self.step_at + timedelta(hours=self.rule["hours"]) if self.step_at else None

    @property
    def given_up_at(self) -> datetime | None:
        """It is given up then, where too few calls were made; None before anybody has it."""
        return self.step_at + timedelta(days=self.rule["days"]) if self.step_at else None


class RolloutMember(models.Model):
    """A subscription that a rollout concerns.

    from_version  what answers it until then.
    got_at        since when it has the version, before everybody does; None: it is not among the first.
    """

    rollout = models.ForeignKey(Rollout, models.CASCADE, related_name="members")
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="+")
    from_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    got_at = models.DateTimeField(null=True, blank=True)
    agreed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    agreed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = [F("got_at").asc(nulls_last=True), "pk"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "subscription"], name="rollout_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.subscription} in {self.rollout}"

    @property
    def is_canary(self) -> bool:
        """Is it among those that have the version before everybody does?"""
        return self.got_at is not None
