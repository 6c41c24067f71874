"""Page routes of value."""

from django.urls import path

from marketplace.insights import comparison_views, discovery_views, views

app_name = "insights"
urlpatterns = [
    path("insights/", views.overview, name="insights"),
    path("compare/", comparison_views.compare, name="compare"),
    *discovery_views.urlpatterns,
]
