"""Saved scenarios of the business case (docs/value.md, "Business case")."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.core.fields import LineField
from marketplace.insights.models.ledger import SEES_ALL


class BusinessCaseSet(models.QuerySet["BusinessCase"]):
    def visible_to(self, user: User) -> Self:
        """One's own, and what was shared: with the company, or with executives, finance and auditors."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        shared = Q(shared=BusinessCase.Shared.COMPANY)
        if user.has_role(*SEES_ALL):
            shared |= Q(shared=BusinessCase.Shared.FINANCE)
        return self.filter(Q(owner=user) | shared)


class BusinessCase(models.Model):
    """Assumptions of one scenario, as low, likely and high; the figures follow from them (business_case.calculator)."""

    class Shared(models.TextChoices):
        PRIVATE = "private", "Only me"
        FINANCE = "finance", "Executives, finance and auditors"
        COMPANY = "company", "Everyone in the company"

    name = LineField(max_length=80)
    assumptions: "models.JSONField[Any, Any]" = models.JSONField()
    shared = models.CharField(max_length=8, choices=Shared, default=Shared.PRIVATE)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    objects = BusinessCaseSet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="business_case_once_a_name")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("insights:business_case", args=[self.pk])
