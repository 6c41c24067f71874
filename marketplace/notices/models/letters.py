"""Mail to people: each letter is a row, and the row is the queue (docs/notices.md, "Mail")."""

import uuid
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.core.transitions import state_constraint

LATE_TRIES = 3  # then it is no hiccup: about four minutes


class LetterState(models.TextChoices):
    QUEUED = "queued", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Not delivered"


class LetterSet(models.QuerySet["Letter"]):
    def visible_to(self, user: User) -> Self:
        """One's own."""
        return self.filter(recipient=user)

    def due(self) -> Self:
        """Those to be sent now, the longest waiting first."""
        return self.filter(state=LetterState.QUEUED, try_at__lte=timezone.now()).order_by("try_at")

    def late(self) -> Self:
        """Those that still wait after some tries, the oldest first."""
        return self.filter(state=LetterState.QUEUED, tries__gte=LATE_TRIES).order_by("made_at")


class Letter(models.Model):
    """One mail with one or more notices. `message_id` makes a second copy recognisable, should one be sent.

    kinds   of the notices in it: what its unsubscribe link switches off.
    try_at  when it is to be sent, or tried again; while somebody sends it, when that try is given up.
    """

    State = LetterState
    MOVES = {LetterState.QUEUED: {LetterState.SENT, LetterState.FAILED}}

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="letters")
    message_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    address = models.EmailField()
    subject = models.CharField(max_length=220)
    text = models.TextField()
    html = models.TextField()
    kinds = ArrayField(models.CharField(max_length=40))
    is_digest = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=LetterState, default=LetterState.QUEUED)
    made_at = models.DateTimeField(default=timezone.now)
    try_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)

    objects = LetterSet.as_manager()

    class Meta:
        ordering = ["-made_at"]
        constraints = [state_constraint(LetterState, "letter_state")]
        indexes = [
            models.Index(fields=["recipient", "-made_at"], name="letter_newest"),
            models.Index(
                fields=["try_at"], name="letter_to_send", condition=models.Q(state="queued")
            ),
            models.Index(fields=["made_at"], name="letter_made"),
        ]

    def __str__(self) -> str:
        return self.subject

    def get_absolute_url(self) -> str:
        return reverse("notices:letter", args=[self.pk])
