"""Who wants to be named on the contribution board (docs/adoption.md, "Contribution board")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from marketplace.accounts.models import User


class NamedContributorSet(models.QuerySet["NamedContributor"]):
    def visible_to(self, user: User) -> Self:
        """One's own."""
        return self.filter(person=user)


class NamedContributor(models.Model):
    """A person who wants to be named. Without a row nobody is: points are the teams'."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="named_contributor"
    )
    since = models.DateTimeField(default=timezone.now)

    objects = NamedContributorSet.as_manager()

    def __str__(self) -> str:
        return f"{self.person_id} is named"
