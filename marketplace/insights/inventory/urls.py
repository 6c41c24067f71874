"""Page routes of the inventory."""

from django.urls import path

from marketplace.insights.inventory import import_views, views

BASE = "insights/inventory/"
urlpatterns = [
    path(BASE, views.inventory, name="inventory"),
    path(f"{BASE}coverage/", views.coverage_page, name="inventory_coverage"),
    path(f"{BASE}new/", views.new_production_model, name="new_production_model"),
    path(f"{BASE}import/", import_views.new_import, name="new_import"),
    path(f"{BASE}imports/<int:pk>/", import_views.inventory_import, name="inventory_import"),
    path(f"{BASE}imports/<int:pk>/<slug:verb>/", import_views.change_import, name="change_import"),
    path(f"{BASE}campaigns/", import_views.publication_campaigns, name="publication_campaigns"),
    path(
        f"{BASE}campaigns/new/",
        import_views.new_publication_campaign,
        name="new_publication_campaign",
    ),
    path(
        f"{BASE}campaigns/<int:pk>/",
        import_views.publication_campaign,
        name="publication_campaign",
    ),
    path(
        f"{BASE}campaigns/<int:pk>/cancel/",
        import_views.cancel_publication_campaign,
        name="cancel_publication_campaign",
    ),
    path(f"{BASE}<int:pk>/", views.production_model, name="production_model"),
    path(f"{BASE}<int:pk>/edit/", views.edit_production_model, name="edit_production_model"),
    path(
        f"{BASE}<int:pk>/<slug:verb>/",
        views.change_production_model,
        name="change_production_model",
    ),
]
