"""Patches that were approved by their checks alone (docs/governance.md, "Automatic patches")."""

from django.db import models
from django.utils import timezone

from catalog.models import ModelVersion
from governance.models.reviews import PolicyVersion


class AutomaticApproval(models.Model):
    """Why no person was asked about a version: the policy, the version that it repeats, and the checks. Immutable."""

    version = models.OneToOneField(ModelVersion, models.CASCADE, related_name="automatic_approval")
    previous = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="+", help_text="What people approved"
    )
    policy = models.ForeignKey(PolicyVersion, models.PROTECT, related_name="+")
    evidence = models.JSONField(help_text="ids of the gate results, all of them green")
    manifest_sha256 = models.CharField(max_length=64)
    card_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Automatic approval of {self.version}"
