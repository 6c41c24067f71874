"""What people tried: calls in the sandbox, which are nobody's use, and how many a person has had in an hour.

Nothing here holds a value that was sent or answered (docs/playground.md, "What is kept").
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from consumption.models.usage import Outcome


class SandboxCall(models.Model):
    """One call that somebody made to try a version. Only metering writes it, as it writes UsageEvent, and for the same reason
    without foreign keys. `outcome` says whether the input fitted the signature; what it was is not known here."""

    event_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    user_id = models.BigIntegerField()
    model_id = models.BigIntegerField()
    version_id = models.BigIntegerField()
    outcome = models.CharField(max_length=16, choices=Outcome)
    http_status = models.IntegerField()
    duration_us = models.BigIntegerField()
    request_bytes = models.BigIntegerField()
    response_bytes = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["model_id", "user_id"], name="sandboxcall_who_tried")]

    def __str__(self) -> str:
        return f"Sandbox call {self.event_id}"


class SandboxHour(models.Model):
    """How many calls of one person the portal has sent in one hour (UTC). Writer: consumption.playground.allowance."""

    MOST_CALLS = 60

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    hour = models.DateTimeField(db_index=True)
    calls = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "hour"], name="sandboxhour_once"),
            models.CheckConstraint(condition=Q(calls__lte=60), name="sandboxhour_within_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.hour:%Y-%m-%d %H}"
