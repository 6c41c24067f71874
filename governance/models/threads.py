"""Talk about one field of a submission that decides nothing (docs/governance.md, "Threads")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Prefetch, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import REVIEWS, SEES_EVERYTHING, ModelVersion
from marketplace.accounts.models import User

COMMENT = 2_000  # characters


class ThreadSet(models.QuerySet["Thread"]):
    def visible_to(self, user: User) -> Self:
        """Threads about versions the person may see, for the owner team and those who judge or oversee."""
        seen = self.filter(version__in=ModelVersion.objects.visible_to(user))
        if user.has_role(*REVIEWS, *SEES_EVERYTHING):
            return seen
        return seen.filter(version__model__owner_team__in=user.teams())

    def for_page(self) -> Self:
        """Open ones first; the newest first."""
        comments = Comment.objects.select_related("by").order_by("pk")
        return (
            self.select_related("version__model__owner_team", "opened_by", "resolved_by")
            .prefetch_related(Prefetch("comments", comments))
            .order_by(models.F("resolved_at").asc(nulls_first=True), "-pk")
        )


class Thread(models.Model):
    """Remarks about one field of a version. Opening, answering and resolving one decide nothing."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="threads")
    anchor = models.CharField(max_length=140, help_text="What it is about (governance.threads)")
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(default=timezone.now)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = ThreadSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(resolved_at=None, resolved_by=None)
                | Q(resolved_at__isnull=False, resolved_by__isnull=False),
                name="thread_resolved_by_somebody",
            )
        ]

    def __str__(self) -> str:
        return f"Thread about {self.anchor} of {self.version}"

    def get_absolute_url(self) -> str:
        page = reverse("governance:threads", args=[self.version.model.slug, self.version.number])
        return f"{page}#thread-{self.pk}"


class Comment(models.Model):
    """One remark. Immutable."""

    thread = models.ForeignKey(Thread, models.PROTECT, related_name="comments")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.TextField(max_length=COMMENT)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"Comment of {self.by}"
