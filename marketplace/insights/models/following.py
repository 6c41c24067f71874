"""What people follow beyond single models: domains and collections (docs/adoption.md, "Following")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog.models import Collection, Domain
from marketplace.accounts.models import User


class FollowSet(models.QuerySet["Follow"]):
    def visible_to(self, user: User) -> Self:
        """One's own."""
        return self.filter(person=user)

    def for_list(self) -> Self:
        return self.select_related("domain", "collection")


class Follow(models.Model):
    """A person wants to hear once a week what is new in a domain or a collection."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="follows")
    domain = models.ForeignKey(
        Domain, models.CASCADE, null=True, blank=True, related_name="followers"
    )
    collection = models.ForeignKey(
        Collection, models.CASCADE, null=True, blank=True, related_name="followers"
    )
    since = models.DateTimeField(default=timezone.now)

    objects = FollowSet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(domain__isnull=False, collection__isnull=True)
                | Q(domain__isnull=True, collection__isnull=False),
                name="follow_of_one_thing",
            ),
            models.UniqueConstraint(
                fields=["person", "domain"],
                condition=Q(domain__isnull=False),
                name="follow_domain_once",
            ),
            models.UniqueConstraint(
                fields=["person", "collection"],
                condition=Q(collection__isnull=False),
                name="follow_collection_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.domain or self.collection)
