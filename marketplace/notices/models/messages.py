"""Messages to people, and whether they were read."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.notices import kinds
from marketplace.notices.models.letters import Letter
from marketplace.notices.models.preferences import Preference


class NoticeSet(models.QuerySet["Notice"]):
    def visible_to(self, user: User) -> Self:
        """One's own."""
        return self.filter(recipient=user)

    def on_page(self, user: User) -> Self:
        """One's own, without the kinds that the person does not want on the page."""
        unwanted = Preference.objects.filter(
            person=OuterRef("recipient"), kind=OuterRef("kind"), page=False
        )
        return self.visible_to(user).filter(~Exists(unwanted))

    def unread(self) -> Self:
        return self.filter(read_at=None)


class Notice(models.Model):
    """One message to one person. `key` makes sending idempotent: one notice for one occasion.

    model, application  the slugs of what it is about, or "": the catalog and consumption stand above this app.
    mail_at             when it is to be mailed; None: never, or it was.
    """

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=300, blank=True)
    key = models.CharField(max_length=120)
    model = models.CharField(max_length=100, blank=True)
    application = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)
    mail_at = models.DateTimeField(null=True, blank=True)
    letter = models.ForeignKey(
        Letter, models.SET_NULL, null=True, blank=True, related_name="notices"
    )

    objects = NoticeSet.as_manager()

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(fields=["recipient", "key"], name="notice_told_once")
        ]
        indexes = [
            models.Index(fields=["recipient", "read_at"]),
            models.Index(fields=["recipient", "-at"], name="notice_newest"),
            models.Index(fields=["key"], name="notice_of_occasion"),
            models.Index(
                fields=["mail_at"],
                name="notice_to_mail",
                condition=models.Q(mail_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def kind_label(self) -> str:
        return kinds.of(self.kind).label
