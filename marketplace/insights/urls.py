"""Page routes of value."""

from django.urls import path

from marketplace.insights import (
    business_case_views,
    claim_views,
    comparison_views,
    discovery_views,
    ledger_views,
    metric_views,
)

app_name = "insights"
urlpatterns = [
    path("compare/", comparison_views.compare, name="compare"),
    *discovery_views.urlpatterns,
    *metric_views.urlpatterns,
    *ledger_views.urlpatterns,
    *claim_views.urlpatterns,
    *business_case_views.urlpatterns,
]
