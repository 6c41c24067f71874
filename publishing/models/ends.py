"""The end of a version: how its consumers move, when they are told, and for whom it need not wait (docs/governance.md, "Retirement")."""

from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import REVIEWS, SEES_EVERYTHING, ModelVersion
from consumption.models import Subscription
from governance.matrix import WAIVER_ROLES, waiver_roles
from governance.models import TimedWaiver, WaiverState
from marketplace.accounts.models import User
from marketplace.core.field_limits import PROSE, REASON
from marketplace.core.transitions import state_constraint


class MigrationGuideSet(models.QuerySet["MigrationGuide"]):
    def visible_to(self, user: User) -> Self:
        """From the announcement of the end on whoever sees the version; before it the owner team and those who oversee."""
        seen = self.filter(version__in=ModelVersion.objects.visible_to(user))
        if user.has_role(*SEES_EVERYTHING):
            return seen
        announced = Q(version__state__in=ModelVersion.ENDING)
        return seen.filter(announced | Q(version__model__owner_team__in=user.team_ids()))


class MigrationGuide(models.Model):
    """What consumers of a version read to move to its successor. Field mapping and timeline are generated beside it.

    `renames`: what became of a field that the successor does not have, {"inputs.products": "inputs.product_count"}.
    """

    version = models.OneToOneField(
        ModelVersion, models.PROTECT, related_name="migration_guide", primary_key=True
    )
    what_changes = models.TextField(max_length=PROSE)
    steps = models.TextField("how to move", max_length=PROSE)
    checks = models.TextField("how to know that it works", max_length=PROSE)
    renames = models.JSONField(default=dict, blank=True)
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    written_at = models.DateTimeField(default=timezone.now)

    objects = MigrationGuideSet.as_manager()

    def __str__(self) -> str:
        return f"Migration guide of {self.version}"


class Campaign(models.Model):
    """The notices of one announced end: which have gone out, and when the next one is due. An open row is the queue."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="campaigns")
    announced_at = models.DateTimeField()
    reached_at = models.DateTimeField(help_text="Notices that were due until then have gone out")
    next_at = models.DateTimeField(help_text="When the next notice is due")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version"], condition=Q(ended_at=None), name="campaign_open_once"
            )
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(ended_at=None), name="campaign_due")
        ]

    def __str__(self) -> str:
        return f"Notices of the end of {self.version}"


class RetirementWaiverSet(models.QuerySet["RetirementWaiver"]):
    def visible_to(self, user: User) -> Self:
        """The owner team, the team that has not moved, and those who judge or oversee."""
        seen = self.filter(version__in=ModelVersion.objects.visible_to(user))
        if user.has_role(*REVIEWS, *SEES_EVERYTHING):
            return seen
        teams = user.team_ids()
        owned, theirs = (
            Q(version__model__owner_team__in=teams),
            Q(subscription__application__team__in=teams),
        )
        return seen.filter(owned | theirs)

    def in_force(self, today: date | None = None) -> Self:
        """Granted ones whose last day has not passed."""
        return self.filter(state=WaiverState.GRANTED, ends_on__gte=today or timezone.localdate())

    def to_decide(self, user: User) -> Self:
        """Open ones that this person's roles decide, those of the person's own teams left out."""
        roles, teams = user.roles(), user.team_ids()
        tiers = [tier for tier, deciders in WAIVER_ROLES.items() if roles & set(deciders)]
        theirs = Q(version__risk_tier__in=tiers)
        if "low" in tiers:
            theirs |= Q(version__risk_tier="")
        return (
            self.filter(theirs, state=WaiverState.OPEN)
            .exclude(version__model__owner_team__in=teams)
            .exclude(subscription__application__team__in=teams)
            .exclude(proposed_by=user)
        )

    def for_page(self) -> Self:
        return self.select_related(
            "version__model__owner_team__business_unit",
            "subscription__application__team",
            "subscription__model",
            "proposed_by",
            "decided_by",
        ).order_by("ends_on", "pk")


class RetirementWaiver(TimedWaiver):
    """A version may retire though one subscription has not moved: why, what its team does instead, and until when this holds."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="retirement_waivers")
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="retirement_waivers"
    )
    instead = models.TextField("what the consumer does instead", max_length=REASON)

    objects = RetirementWaiverSet.as_manager()

    class Meta:
        ordering = ["ends_on", "id"]
        constraints = [
            state_constraint(WaiverState, "retirementwaiver_state"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")),
                name="retirementwaiver_decided_by_another",
            ),
            models.UniqueConstraint(
                fields=["version", "subscription"],
                condition=Q(state__in=["open", "granted"]),
                name="retirementwaiver_once_at_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["ends_on"], condition=Q(state="granted"), name="retirementwaiver_ends"
            )
        ]

    def __str__(self) -> str:
        return f"Waiver for {self.subscription.application}: end of {self.version}"

    def get_absolute_url(self) -> str:
        return reverse("publishing:retirement_waiver", args=[self.pk])

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of which one decides about it."""
        return tuple(waiver_roles("", self.version.risk_tier or "low"))


class MigrationMessage(models.Model):
    """What the owner team writes to a team that has not moved, or what that team says keeps it. Never changed."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="migration_messages")
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="migration_messages"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    is_from_owner = models.BooleanField()
    text = models.TextField(max_length=REASON)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["version", "subscription", "-at"], name="migrationmessage")]

    def __str__(self) -> str:
        return f"{self.by} about {self.subscription}"
