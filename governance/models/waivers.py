"""Waivers: a blocking gate that a named role opens for a time (docs/governance.md, "Waivers")."""

from datetime import date
from typing import Self

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import REVIEWS, SEES_EVERYTHING, ModelVersion
from governance import gates
from governance.matrix import JUSTIFICATION_ROLES, JUSTIFIED, WAIVER_ROLES, waiver_roles
from marketplace.accounts.models import User
from marketplace.core.decisions import Decided, Proposal
from marketplace.core.field_limits import REASON
from marketplace.core.transitions import state_constraint


class WaiverState(models.TextChoices):
    OPEN = "open", "Asked for"
    GRANTED = "granted", "In force"
    REFUSED = "refused", "Refused"
    ENDED = "ended", "Ended"


class TimedWaiver(Proposal, Decided):
    """What governance lets go until a day: of a check, or of consumers that a version would have to wait for."""

    State = WaiverState
    MOVES = {
        WaiverState.OPEN: {WaiverState.GRANTED, WaiverState.REFUSED},
        WaiverState.GRANTED: {WaiverState.ENDED},
    }

    ends_on = models.DateField(help_text="The last day on which it holds")
    state = models.CharField(max_length=8, choices=WaiverState, default=WaiverState.OPEN)

    class Meta:
        abstract = True


class WaiverSet(models.QuerySet["Waiver"]):
    def visible_to(self, user: User) -> Self:
        """Waivers of versions that the person may see, for the owner team and those who judge or oversee."""
        seen = self.filter(version__in=ModelVersion.objects.visible_to(user))
        if user.has_role(*REVIEWS, *SEES_EVERYTHING):
            return seen
        return seen.filter(version__model__owner_team__in=user.teams())

    def in_force(self, version: ModelVersion, today: date | None = None) -> Self:
        """Granted ones about the version's present bytes whose last day has not passed."""
        return self.filter(
            version=version,
            manifest_sha256=version.manifest_sha256,
            state=WaiverState.GRANTED,
            ends_on__gte=today or timezone.localdate(),
        )

    def to_decide(self, user: User) -> Self:
        """Open ones that this person's roles decide, those of the person's own teams left out."""
        roles = user.roles()
        tiers = [tier for tier, deciders in WAIVER_ROLES.items() if roles & set(deciders)]
        theirs = Q(version__risk_tier__in=tiers) & ~Q(gate=JUSTIFIED)
        if roles & set(JUSTIFICATION_ROLES):
            theirs |= Q(gate=JUSTIFIED)
        return (
            self.filter(theirs, state=WaiverState.OPEN)
            .exclude(version__model__owner_team__in=user.team_ids())
            .exclude(proposed_by=user)
        )

    def for_page(self) -> Self:
        return self.select_related(
            "version__model__owner_team__business_unit", "proposed_by", "decided_by"
        ).order_by("ends_on", "pk")


class Waiver(TimedWaiver):
    """Why a version goes on although a gate blocks, what is done instead, who answers for it, and until when."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="waivers")
    gate = models.CharField(max_length=40)
    manifest_sha256 = models.CharField(max_length=64)
    instead = models.TextField(
        "what is done instead", max_length=REASON, help_text="The compensating control"
    )
    alternatives = models.TextField(
        "which less unequal alternatives were tried",
        max_length=REASON,
        blank=True,
        help_text="Of a justification of a failed fairness check",
    )

    objects = WaiverSet.as_manager()

    class Meta:
        ordering = ["ends_on", "id"]
        constraints = [
            state_constraint(WaiverState, "waiver_state"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=models.F("proposed_by")),
                name="waiver_decided_by_another",
            ),
            models.UniqueConstraint(
                fields=["version", "gate", "manifest_sha256"],
                condition=Q(state__in=["open", "granted"]),
                name="waiver_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Waiver of {self.label.lower()} for {self.version}"

    def get_absolute_url(self) -> str:
        return reverse("governance:waiver", args=[self.pk])

    @property
    def label(self) -> str:
        return gates.BY_NAME[self.gate].label

    @property
    def is_justification(self) -> bool:
        """Of a failed fairness check, by the reviewer and never by the team."""
        return self.gate == JUSTIFIED

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of which one decides about it."""
        return tuple(waiver_roles(self.gate, self.version.risk_tier))
