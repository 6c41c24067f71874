"""When a reviewer is away: nothing is given to them, and what they have goes to others (docs/governance.md, "Assignment")."""

from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from marketplace.accounts.models import User


class AbsenceSet(models.QuerySet["Absence"]):
    def visible_to(self, user: User) -> Self:
        """The own ones; who has a review instead shows in the queue."""
        return self.filter(user=user)

    def on(self, day: date) -> Self:
        """Absences that hold on a day."""
        return self.filter(starts_on__lte=day, ends_on__gte=day, cancelled_at=None)

    def for_page(self) -> Self:
        return self.filter(cancelled_at=None, ends_on__gte=timezone.localdate()).order_by(
            "starts_on", "pk"
        )


class Absence(models.Model):
    """The days on which a reviewer is away, first and last included."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="absences")
    starts_on = models.DateField()
    ends_on = models.DateField()
    cancelled_at = models.DateTimeField(null=True, blank=True)

    objects = AbsenceSet.as_manager()

    class Meta:
        ordering = ["starts_on", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_on__gte=models.F("starts_on")), name="absence_in_order"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} is away from {self.starts_on} to {self.ends_on}"
