"""Page routes of the catalog."""

from django.urls import path

from catalog import term_views, views

app_name = "catalog"
urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/<slug:slug>/", views.model, name="model"),
    path("models/<slug:slug>/versions/", views.versions, name="versions"),
    path("models/<slug:slug>/versions/<str:number>/", views.version, name="version"),
    path("vocabularies/<slug:kind>/", term_views.vocabulary, name="vocabulary"),
    path(
        "vocabularies/<slug:kind>/<int:pk>/<slug:verb>/",
        term_views.change_term,
        name="change_term",
    ),
]
