"""NOTICES: messages to people, and whether they were read."""

from django.conf import settings
from django.db import models


class NoticeSet(models.QuerySet):
    def visible_to(self, user):
        """One's own."""
        return self.filter(recipient=user)


class Notice(models.Model):
    """One message to one person. `key` makes sending idempotent: one notice for one occasion."""

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=300, blank=True)
    key = models.CharField(max_length=120)
    at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeSet.as_manager()

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(fields=["recipient", "key"], name="notice_told_once")
        ]
        indexes = [
            models.Index(fields=["recipient", "read_at"]),
            models.Index(fields=["key"], name="notice_of_occasion"),
        ]

    def __str__(self):
        return self.title
