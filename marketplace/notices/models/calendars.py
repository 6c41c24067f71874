"""The address at which a calendar program reads a person's deadlines (docs/notices.md, "Calendar")."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from marketplace.accounts.models import User


class CalendarAddressSet(models.QuerySet["CalendarAddress"]):
    def visible_to(self, user: User) -> "CalendarAddressSet":
        """One's own."""
        return self.filter(person=user)


class CalendarAddress(models.Model):
    """A person's calendar address. It is signed and holds `nonce`: another nonce, or no row, and the old address is dead."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="calendar_address"
    )
    nonce = models.UUIDField(default=uuid.uuid4)
    made_at = models.DateTimeField(default=timezone.now)

    objects = CalendarAddressSet.as_manager()

    def __str__(self) -> str:
        return f"calendar of {self.person_id}"
