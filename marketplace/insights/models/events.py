"""Events: demo days and the like, with sign-up (docs/adoption.md, "Events")."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Count, F, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import Domain
from marketplace.accounts.models import User
from marketplace.core.field_limits import REASON
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

TITLE_MAX, PLACE_MAX, LINK_MAX = 120, 200, 300
CAPACITY_MAX = 10_000


class EventState(models.TextChoices):
    OPEN = "open", "Planned"
    OVER = "over", "Over"
    CANCELLED = "cancelled", "Cancelled"


class CompanyEventSet(models.QuerySet["CompanyEvent"]):
    def visible_to(self, user: User) -> Self:
        """Everybody who is signed in."""
        return self if user.is_authenticated and user.is_active else self.none()

    def coming(self, now: datetime) -> Self:
        """Planned ones that are not over, the next first."""
        return self.filter(state=EventState.OPEN, ends_at__gt=now).order_by("starts_at", "pk")

    def for_list(self) -> Self:
        """Each with how many people are signed up (`taken`)."""
        return self.select_related("organised_by", "domain").annotate(
            taken=Count("sign_ups", Q(sign_ups__withdrawn_at=None))
        )


class CompanyEvent(models.Model):
    """Something that takes place at a time, at a place or at a link. capacity: most people; None: as many as come."""

    State = EventState
    MOVES = {EventState.OPEN: {EventState.OVER, EventState.CANCELLED}}

    title = LineField(max_length=TITLE_MAX)
    text = models.TextField(max_length=REASON)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    place = LineField(max_length=PLACE_MAX, blank=True)
    link = models.URLField(max_length=LINK_MAX, blank=True)
    capacity = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(CAPACITY_MAX)]
    )
    domain = models.ForeignKey(
        Domain,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Its followers read of it in their digest; none: all who follow something",
    )
    organised_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    planned_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=EventState, default=EventState.OPEN)
    state_since = models.DateTimeField(default=timezone.now)
    changes = models.PositiveIntegerField(default=0)

    objects = CompanyEventSet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            state_constraint(EventState, "company_event_state"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="company_event_ends_later"
            ),
        ]
        indexes = [
            models.Index(
                fields=["starts_at"], name="company_events_coming", condition=Q(state="open")
            )
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("insights:event", args=[self.pk])


class SignUp(models.Model):
    """A person comes to an event, until they withdraw. attended: what an organiser wrote down; None: nothing yet."""

    event = models.ForeignKey(CompanyEvent, models.PROTECT, related_name="sign_ups")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    attended = models.BooleanField(null=True, blank=True)

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(
                fields=["event", "person"],
                condition=Q(withdrawn_at=None),
                name="sign_up_once_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} at {self.event}"
