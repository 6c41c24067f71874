"""Announcements: what marketplace managers tell an audience from a moment until another (docs/adoption.md, "Announcements")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import Collection, Domain
from marketplace.accounts.models import BusinessUnit, RoleGrant, User
from marketplace.core.field_limits import REASON
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint
from marketplace.insights.models.following import Follow

TITLE_MAX = 120
WRITES = (RoleGrant.Role.CURATOR, RoleGrant.Role.ADMIN)
OVERSEES = (*WRITES, RoleGrant.Role.AUDITOR)


class AnnouncementState(models.TextChoices):
    DRAFT = "draft", "Draft"
    SCHEDULED = "scheduled", "Scheduled"
    SHOWN = "shown", "Shown"
    ENDED = "ended", "Ended"


class Audience(models.TextChoices):
    EVERYBODY = "everybody", "Everybody"
    UNIT = "unit", "A business unit"
    ROLE = "role", "A role"
    DOMAIN = "domain", "Followers of a domain"
    COLLECTION = "collection", "Followers of a collection"


class AnnouncementSet(models.QuerySet["Announcement"]):
    def visible_to(self, user: User) -> Self:
        """Those that were shown to the person's audience; all of them for those who write or oversee."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.has_role(*OVERSEES):
            return self
        return self.exclude(
            state__in=[AnnouncementState.DRAFT, AnnouncementState.SCHEDULED]
        ).addressed_to(user)

    def addressed_to(self, user: User) -> Self:
        """Those whose audience the person belongs to now."""
        follows = Follow.objects.filter(person=user).order_by()
        return self.filter(
            Q(audience=Audience.EVERYBODY)
            | Q(audience=Audience.UNIT, unit__in=user.teams().order_by().values("business_unit"))
            | Q(audience=Audience.ROLE, role__in=user.roles())
            | Q(audience=Audience.DOMAIN, domain__in=follows.values("domain"))
            | Q(audience=Audience.COLLECTION, collection__in=follows.values("collection"))
        )

    def for_home(self, user: User) -> Self:
        """Those that are shown to the person now, the newest first."""
        shown = self.filter(state=AnnouncementState.SHOWN).addressed_to(user)
        return shown.order_by("-shown_from", "-pk")

    def for_list(self) -> Self:
        return self.select_related("written_by", "unit", "domain", "collection")


class Announcement(models.Model):
    """A text for an audience. It appears on home and as a notice at `shown_from`, and leaves home at `shown_until`."""

    State = AnnouncementState
    MOVES = {
        AnnouncementState.DRAFT: {AnnouncementState.SCHEDULED, AnnouncementState.ENDED},
        AnnouncementState.SCHEDULED: {AnnouncementState.SHOWN, AnnouncementState.DRAFT},
        AnnouncementState.SHOWN: {AnnouncementState.ENDED},
    }

    title = LineField(max_length=TITLE_MAX)
    text = models.TextField(max_length=REASON)
    audience = models.CharField(max_length=10, choices=Audience, default=Audience.EVERYBODY)
    unit = models.ForeignKey(BusinessUnit, models.PROTECT, null=True, blank=True, related_name="+")
    role = models.CharField(max_length=30, choices=RoleGrant.Role, blank=True)
    domain = models.ForeignKey(Domain, models.PROTECT, null=True, blank=True, related_name="+")
    collection = models.ForeignKey(
        Collection, models.PROTECT, null=True, blank=True, related_name="+"
    )
    shown_from = models.DateTimeField()
    shown_until = models.DateTimeField()
    state = models.CharField(
        max_length=10, choices=AnnouncementState, default=AnnouncementState.DRAFT
    )
    state_since = models.DateTimeField(default=timezone.now)
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    written_at = models.DateTimeField(default=timezone.now)

    objects = AnnouncementSet.as_manager()

    class Meta:
        ordering = ["-shown_from", "-id"]
        constraints = [
            state_constraint(AnnouncementState, "announcement_state"),
            models.CheckConstraint(
                condition=Q(shown_until__gt=F("shown_from")), name="announcement_ends_later"
            ),
            models.CheckConstraint(
                condition=Q(audience=Audience.EVERYBODY)
                | Q(audience=Audience.UNIT, unit__isnull=False)
                | (Q(audience=Audience.ROLE) & ~Q(role=""))
                | Q(audience=Audience.DOMAIN, domain__isnull=False)
                | Q(audience=Audience.COLLECTION, collection__isnull=False),
                name="announcement_has_an_audience",
            ),
        ]
        indexes = [
            models.Index(
                fields=["shown_from"],
                name="announcements_to_show",
                condition=Q(state="scheduled"),
            ),
            models.Index(
                fields=["shown_until"], name="announcements_to_end", condition=Q(state="shown")
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("insights:announcement", args=[self.pk])

    @property
    def audience_label(self) -> str:
        """To whom it goes, in words."""
        if self.audience == Audience.ROLE:
            return f"Role: {self.get_role_display()}"
        named = {
            Audience.UNIT: self.unit,
            Audience.DOMAIN: self.domain,
            Audience.COLLECTION: self.collection,
        }.get(Audience(self.audience))
        return f"{self.get_audience_display()}: {named}" if named else self.get_audience_display()
