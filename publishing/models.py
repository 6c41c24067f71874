"""Uploads on their way. What they become is catalog's: versions and their artifacts."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from marketplace.accounts.models import Team


class UploadSet(models.QuerySet):
    def under_way(self):
        return self.filter(expires_at__gt=timezone.now())


class Upload(models.Model):
    """An upload on its way: it takes one of the places of its person and team, and its size counts against their quotas.

    The row goes when the upload ends. One that outlived its process goes when the next one starts in its place (`server`), and
    counts no longer after `expires_at`.
    """

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    size = models.BigIntegerField("declared bytes")
    server = models.CharField(
        max_length=255, help_text="Host and run folder of the process that receives it"
    )
    began_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    objects = UploadSet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="upload_expires")]

    def __str__(self):
        return f"{self.size} bytes by {self.by}"
