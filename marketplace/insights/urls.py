"""Page routes of value."""

from django.urls import path

from marketplace.insights import comparison_views, discovery_views, metric_views

app_name = "insights"
urlpatterns = [
    path("compare/", comparison_views.compare, name="compare"),
    *discovery_views.urlpatterns,
    *metric_views.urlpatterns,
]
