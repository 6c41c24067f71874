"""Who of the company confirmed a source of rules, and when (docs/governance.md, "Controls")."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from marketplace.core.field_limits import REASON


class SourceVerification(models.Model):
    """One person read a source and says that the rules name it rightly. The newest row of a source counts."""

    source = models.SlugField(max_length=30, help_text="An id of governance.controls.SOURCES")
    applies_from = models.DateField(
        null=True, blank=True, help_text="From when the company has to keep it"
    )
    note = models.TextField(max_length=REASON)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.source}, {self.at:%-d %B %Y}"
