"""What consumers and publishers say to each other about a model: bugs, requests, observations (docs/feedback.md, "Discussions")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Prefetch, Q, When
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

MESSAGE_MAX = 4_000  # characters
PAYLOAD_MAX = 20_000  # characters


class DiscussionState(models.TextChoices):
    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    ANSWERED = "answered", "Answered"
    FIXED = "fixed", "Fixed"
    DECLINED = "declined", "Declined"
    CLOSED = "closed", "Closed"


RESPONSES = (DiscussionState.ANSWERED, DiscussionState.FIXED, DiscussionState.DECLINED)
AFTER_RESPONSE = {DiscussionState.OPEN, DiscussionState.CLOSED, *RESPONSES}


class DiscussionSet(models.QuerySet["Discussion"]):
    def visible_to(self, user: User) -> Self:
        """Those about models that the person may see."""
        return self.filter(model__in=RegisteredModel.objects.visible_to(user))

    def waiting(self) -> Self:
        """The publisher has not answered yet."""
        return self.filter(state__in=Discussion.WAITING)

    def for_list(self) -> Self:
        """What waits for the publisher first; the newest first."""
        waits = Case(When(state__in=Discussion.WAITING, then=0), default=1)
        return (
            self.select_related("model__owner_team", "version", "team", "opened_by", "fixed_in")
            .annotate(place=waits, answers=models.Count("messages"))
            .order_by("place", "-pk")
        )

    def for_page(self) -> Self:
        said = DiscussionMessage.objects.select_related("by")
        return self.for_list().prefetch_related(Prefetch("messages", said))


class Discussion(models.Model):
    """A bug, a request or an observation about a model, with what both sides say to it."""

    class Kind(models.TextChoices):
        BUG = "bug", "Bug"
        REQUEST = "request", "Request"
        OBSERVATION = "observation", "Observation"

    State = DiscussionState
    WAITING = (DiscussionState.OPEN, DiscussionState.ACKNOWLEDGED)
    RESPONSES = RESPONSES
    MOVES = {
        DiscussionState.OPEN: {
            DiscussionState.ACKNOWLEDGED,
            *RESPONSES,
            DiscussionState.CLOSED,
        },
        DiscussionState.ACKNOWLEDGED: {*RESPONSES, DiscussionState.CLOSED},
        **{response: AFTER_RESPONSE - {response} for response in RESPONSES},
    }

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="discussions")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind)
    title = LineField(max_length=120)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    request_id = models.UUIDField(null=True, blank=True, help_text="Of a call of the team")
    payload = models.TextField(
        "example", max_length=PAYLOAD_MAX, blank=True, help_text="For the two sides only"
    )
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=12, choices=DiscussionState, default=DiscussionState.OPEN)
    state_since = models.DateTimeField(default=timezone.now)
    fixed_in = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = DiscussionSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(DiscussionState, "discussion_state"),
            models.CheckConstraint(
                condition=~Q(state=DiscussionState.FIXED) | Q(fixed_in__isnull=False),
                name="discussion_fixed_in_a_version",
            ),
        ]
        indexes = [
            models.Index(fields=["model", "-id"], name="discussions_of_model"),
            models.Index(fields=["team", "-id"], name="discussions_of_team"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("consumption:discussion", args=[self.pk])

    @property
    def is_closed(self) -> bool:
        return self.state == DiscussionState.CLOSED


class DiscussionMessage(models.Model):
    """What somebody said. Immutable."""

    discussion = models.ForeignKey(Discussion, models.PROTECT, related_name="messages")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    is_publisher = models.BooleanField(help_text="Said for the owner team")
    text = models.TextField(max_length=MESSAGE_MAX)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"Message of {self.by}"
