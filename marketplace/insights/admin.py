from django.contrib import admin

from marketplace.core.admin import LookOnly
from marketplace.insights.models import (
    CurationItem,
    CurationRun,
    DemandGap,
    InventoryImport,
    MetricValue,
    ProductionModel,
    QualityReview,
    ReuseEvent,
    SignedQuarter,
    Story,
    Succession,
    ValueClaim,
)


@admin.register(ReuseEvent)
class ReuseEventAdmin(LookOnly):
    list_display = ["team", "model", "kind", "quarter", "grade", "low", "mid", "high"]
    list_filter = ["kind", "grade"]
    list_select_related = ["team", "model"]


@admin.register(ValueClaim)
class ValueClaimAdmin(LookOnly):
    list_display = ["title", "team", "model", "state", "quarter", "gross"]
    list_filter = ["state"]
    list_select_related = ["team", "model"]


@admin.register(MetricValue)
class MetricValueAdmin(LookOnly):
    list_display = ["metric", "sight", "quarter", "value", "verdict_text", "is_fixed"]
    list_filter = ["sight", "is_fixed"]
    exclude = ["details", "drawn", "splits"]


@admin.register(CurationItem)
class CurationItemAdmin(LookOnly):
    list_display = ["model", "kind", "state", "due_on", "owner"]
    list_filter = ["kind", "state"]
    list_select_related = ["model", "owner"]


@admin.register(ProductionModel)
class ProductionModelAdmin(LookOnly):
    list_display = ["name", "business_unit", "owner_team", "state", "published_as"]
    list_filter = ["state"]
    search_fields = ["name"]
    list_select_related = ["business_unit", "owner_team", "published_as"]


admin.site.register(SignedQuarter, LookOnly)
admin.site.register(CurationRun, LookOnly)
admin.site.register(InventoryImport, LookOnly)
admin.site.register(DemandGap, LookOnly)
admin.site.register(QualityReview, LookOnly, list_select_related=["model"])
admin.site.register(Succession, LookOnly, list_select_related=["model", "owner"])
admin.site.register(Story, LookOnly)
