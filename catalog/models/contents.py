"""What a version holds: its files, its card, and who worked on it."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from catalog.models.entries import ModelVersion


def stored_as(sha256: str) -> str:
    """The name of bytes with this digest in the "artifacts" storage."""
    return f"{sha256[:2]}/{sha256}"


class Artifact(models.Model):
    """One stored file of a version. Storage is write-once, named by content."""

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="artifacts")
    name = models.CharField(max_length=200)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=60, default="application/octet-stream")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["version", "name"], name="artifact_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class ModelCard(models.Model):
    """The structured documentation of one version, by the schema of governance.cards. `data` maps field id → value.

    `origins` maps field id → where a value comes from: {"from": "the entry"} for what the product took from elsewhere.
    """

    version = models.OneToOneField(ModelVersion, models.CASCADE, related_name="card")
    schema_version = models.CharField(max_length=20, default="card/1.1.0")
    data = models.JSONField(default=dict, blank=True)
    origins = models.JSONField(default=dict, db_default={}, blank=True)
    completeness = models.PositiveSmallIntegerField(
        default=0, help_text="Percent. Writer: publishing"
    )
    sha256 = models.CharField(max_length=64, blank=True)
    edited_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Card of {self.version}"

    def written(self) -> dict[str, Any]:
        """`data` without what the product took from elsewhere."""
        return {
            name: value
            for name, value in self.data.items()
            if "from" not in self.origins.get(name, {})
        }


class Contribution(models.Model):
    """Who had a hand in a version. Nobody on this list decides about it, whatever team they are on now."""

    class Kind(models.TextChoices):
        CREATED = "created", "Created the version"
        UPLOADED = "uploaded", "Uploaded the package"
        EDITED = "edited", "Edited the card"
        ASSESSED = "assessed", "Answered the risk questionnaire"
        SUBMITTED = "submitted", "Submitted"
        OWNED = "owned", "On the team that owned it"

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="contributions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="contributions")
    kind = models.CharField(max_length=10, choices=Kind)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "user", "kind"], name="contribution_once")
        ]
