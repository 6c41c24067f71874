"""Searches that people keep, to be told when a new model fits (docs/search.md, "Saved searches")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.core.fields import LineField


class SavedSearchSet(models.QuerySet["SavedSearch"]):
    def visible_to(self, user: User) -> Self:
        """One's own: what somebody looks for is nobody else's business."""
        return self.filter(person=user)


class SavedSearch(models.Model):
    """What a person looks for: the query of the catalog's page. Who saved it is told once of each newly published model that fits."""

    NAME_MAX = 120  # characters
    QUERY_MAX = 2_000

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_searches"
    )
    name = LineField(max_length=NAME_MAX)
    query = models.CharField(
        max_length=QUERY_MAX, help_text="As in the address, without page, sort and view"
    )
    created_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(
        default=timezone.now, help_text="What was published up to then is known"
    )

    objects = SavedSearchSet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["person", "query"], name="saved_search_once")
        ]
        indexes = [models.Index(fields=["checked_at"], name="saved_search_longest_ago")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{reverse('catalog:models')}?{self.query}"
