"""The inventory: what runs in production in the company, published or not, and who sees to what is missing (docs/inventory.md)."""

from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.core.field_limits import REASON
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

IMPORT_MAX = 512 * 1024  # characters of a file
NAME_MAX, REGISTRY_MAX, TITLE_MAX = 120, 200, 120


class ProductionState(models.TextChoices):
    RUNNING = "running", "In production"
    RETIRED = "retired", "Out of production"


class RiskTier(models.TextChoices):
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class Standing(models.TextChoices):
    """What the mandate to publish says of a production model; computed, never stored."""

    PUBLISHED = "published", "Published"
    EXCEPTED = "excepted", "Exception"
    MISSING = "missing", "Not published"


class ProductionModelSet(models.QuerySet["ProductionModel"]):
    def visible_to(self, user: User) -> Self:
        """Everybody who is signed in: the mandate is the whole company's."""
        return self if user.is_authenticated and user.is_active else self.none()

    def running(self) -> Self:
        return self.filter(state=ProductionState.RUNNING)

    def with_standing(self, seen: "QuerySet[RegisteredModel]", on: date) -> Self:
        """Each with its `standing` on that day. seen: the published models that the reader sees; a hidden listing counts as none."""
        excepted = live_exceptions(on).filter(production_model=OuterRef("pk"))
        return self.annotate(
            standing=Case(
                When(published_as__in=seen.order_by().values("pk"), then=Value(Standing.PUBLISHED)),
                When(Exists(excepted), then=Value(Standing.EXCEPTED)),
                default=Value(Standing.MISSING),
                output_field=models.CharField(),
            )
        )

    def missing(self, seen: "QuerySet[RegisteredModel]", on: date) -> Self:
        """Those that run, are not published and have no exception."""
        return self.running().with_standing(seen, on).filter(standing=Standing.MISSING)

    def for_list(self) -> Self:
        return self.select_related(
            "business_unit", "owner_team", "owner", "published_as__owner_team"
        )


class ProductionModel(models.Model):
    """A model that runs in production somewhere, known to the inventory: the unpublished ones are the gap.

    registry_name  what a registry calls it, or "": an import finds the row again by it.
    matched_by     who confirmed that the listing is this model.
    """

    standing: str  # of a row that `with_standing` gave

    State = ProductionState
    MOVES = {
        ProductionState.RUNNING: {ProductionState.RETIRED},
        ProductionState.RETIRED: {ProductionState.RUNNING},
    }

    name = LineField(max_length=NAME_MAX, unique=True)
    description = models.TextField(max_length=REASON, blank=True)
    business_unit = models.ForeignKey(
        BusinessUnit, models.PROTECT, related_name="production_models"
    )
    owner_team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, related_name="production_models"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    risk_tier = models.CharField(max_length=10, choices=RiskTier, blank=True)
    in_production_since = models.DateField(null=True, blank=True)
    registry_name = LineField(max_length=REGISTRY_MAX, blank=True)
    published_as = models.ForeignKey(
        RegisteredModel, models.SET_NULL, null=True, blank=True, related_name="inventory_entries"
    )
    matched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    matched_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(
        max_length=10, choices=ProductionState, default=ProductionState.RUNNING
    )
    state_since = models.DateTimeField(default=timezone.now)
    reminded_at = models.DateTimeField(null=True, blank=True)

    objects = ProductionModelSet.as_manager()

    class Meta:
        ordering = ["business_unit__name", "name"]
        constraints = [
            state_constraint(ProductionState, "production_model_state"),
            models.CheckConstraint(
                condition=Q(risk_tier="") | Q(risk_tier__in=RiskTier.values),
                name="production_model_tier",
            ),
            models.UniqueConstraint(
                fields=["registry_name"],
                condition=~Q(registry_name=""),
                name="production_model_registry_name_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("insights:production_model", args=[self.pk])


class PublicationException(models.Model):
    """A production model need not be published until a day, and why. It ends by itself; what was granted is never changed."""

    production_model = models.ForeignKey(ProductionModel, models.PROTECT, related_name="exceptions")
    reason = models.TextField(max_length=REASON)
    until = models.DateField(help_text="The last day on which it holds")
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-granted_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["production_model"],
                condition=Q(ended_at=None),
                name="publication_exception_once",
            )
        ]

    def __str__(self) -> str:
        return f"exception of {self.production_model} until {self.until}"


def live_exceptions(on: date) -> "QuerySet[PublicationException]":
    """Those that hold on that day."""
    return PublicationException.objects.filter(ended_at=None, until__gte=on)


class ImportState(models.TextChoices):
    PREVIEWED = "previewed", "Waiting"
    APPLIED = "applied", "Imported"
    DISCARDED = "discarded", "Discarded"


class ImportKind(models.TextChoices):
    CSV = "csv", "CSV file"
    MLFLOW = "mlflow", "MLflow registry (registered-models/search)"


class InventoryImportSet(models.QuerySet["InventoryImport"]):
    def visible_to(self, user: User) -> Self:
        """Those who keep or oversee the inventory."""
        return self if user.has_role("curator", "auditor", "admin") else self.none()


class InventoryImport(models.Model):
    """A file that was given to the inventory, as it came. Nothing of it counts before a person has looked at it and said so.

    counts  once applied: {"new", "changed", "unchanged"}.
    """

    State = ImportState
    Kind = ImportKind
    MOVES = {ImportState.PREVIEWED: {ImportState.APPLIED, ImportState.DISCARDED}}

    kind = models.CharField(max_length=10, choices=ImportKind)
    text = models.TextField(max_length=IMPORT_MAX)
    business_unit = models.ForeignKey(
        BusinessUnit,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Of rows that name none",
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=ImportState, default=ImportState.PREVIEWED)
    state_since = models.DateTimeField(default=timezone.now)
    counts = models.JSONField(default=dict)

    objects = InventoryImportSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(ImportState, "inventory_import_state"),
            models.CheckConstraint(
                condition=Q(kind__in=ImportKind.values), name="inventory_import_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"import {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("insights:inventory_import", args=[self.pk])


class PublicationCampaignState(models.TextChoices):
    RUNNING = "running", "Running"
    REACHED = "reached", "Reached"
    ENDED = "ended", "Ended"
    CANCELLED = "cancelled", "Called off"


class PublicationCampaignSet(models.QuerySet["PublicationCampaign"]):
    def visible_to(self, user: User) -> Self:
        """Everybody who is signed in."""
        return self if user.is_authenticated and user.is_active else self.none()

    def running(self) -> Self:
        return self.filter(state=PublicationCampaignState.RUNNING)

    def with_progress(self, seen: "QuerySet[RegisteredModel]", on: date) -> Self:
        """Each with `done` of `of`: models that are published, of those that run and have no exception. A closed one as it closed."""
        listed = Q(models_wanted__published_as__in=seen.order_by().values("pk"))
        excepted = Exists(live_exceptions(on).filter(production_model=OuterRef("models_wanted")))
        runs = Q(models_wanted__state=ProductionState.RUNNING)
        return self.annotate(
            done=Coalesce("done_at_close", Count("models_wanted", runs & listed)),
            of=Coalesce("of_at_close", Count("models_wanted", runs & (listed | ~Q(excepted)))),
        )


class PublicationCampaign(models.Model):
    """These production models are to be published by a day. Owners are told; it closes by itself.

    done_at_close, of_at_close  what was reached when it closed: later changes of the inventory change no past figure.
    """

    State = PublicationCampaignState
    MOVES = {
        PublicationCampaignState.RUNNING: {
            PublicationCampaignState.REACHED,
            PublicationCampaignState.ENDED,
            PublicationCampaignState.CANCELLED,
        }
    }

    title = LineField(max_length=TITLE_MAX)
    text = models.TextField(max_length=REASON, blank=True)
    until = models.DateField()
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(
        max_length=10,
        choices=PublicationCampaignState,
        default=PublicationCampaignState.RUNNING,
    )
    state_since = models.DateTimeField(default=timezone.now)
    models_wanted = models.ManyToManyField(ProductionModel, related_name="campaigns")
    done_at_close = models.PositiveIntegerField(null=True, blank=True)
    of_at_close = models.PositiveIntegerField(null=True, blank=True)

    objects = PublicationCampaignSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [state_constraint(PublicationCampaignState, "publication_campaign_state")]
        indexes = [models.Index(fields=["state"], name="publication_campaign_open")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("insights:publication_campaign", args=[self.pk])
