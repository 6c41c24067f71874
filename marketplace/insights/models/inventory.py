"""The inventory: what runs in production in the company, published or not."""

from django.db import models

from catalog.models import RegisteredModel
from marketplace.accounts.models import BusinessUnit


class ProductionModel(models.Model):
    """A model that runs in production somewhere, known to the inventory: the unpublished ones are the gap."""

    name = models.CharField(max_length=120, unique=True)
    business_unit = models.ForeignKey(
        BusinessUnit, models.PROTECT, related_name="production_models"
    )
    in_production_since = models.DateField(null=True, blank=True)
    published_as = models.ForeignKey(
        RegisteredModel, models.SET_NULL, null=True, blank=True, related_name="inventory_entries"
    )

    class Meta:
        ordering = ["business_unit__name", "name"]

    def __str__(self) -> str:
        return self.name
