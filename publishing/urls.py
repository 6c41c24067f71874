"""Page routes of the journey."""

from django.urls import path

from publishing import (
    card_import_views,
    card_views,
    clients_views,
    contract_views,
    docs_views,
    end_views,
    example_views,
    gate_views,
    registry_views,
    signature_views,
    views,
)

app_name = "publishing"
VERSION = "publish/<slug:slug>/<str:number>"
urlpatterns = [
    path("publish/", views.home, name="home"),
    path("publish/new/", views.register, name="register"),
    path("publish/similar/", views.similar, name="similar"),
    *registry_views.urlpatterns,
    path("publish/<slug:slug>/new/", views.new_version, name="new_version"),
    path("publish/<slug:slug>/entry/", views.entry, name="entry"),
    path(f"{VERSION}/package/", views.package, name="package"),
    path(f"{VERSION}/plans/", views.plans, name="plans"),
    path(f"{VERSION}/submit/", views.submit, name="submit"),
    path(f"{VERSION}/try/", views.try_again, name="try_again"),
    path(f"{VERSION}/withdraw/", views.withdraw, name="withdraw"),
    *card_import_views.urlpatterns,
    *card_views.urlpatterns,
    *clients_views.urlpatterns,
    *contract_views.urlpatterns,
    *signature_views.urlpatterns,
    *docs_views.urlpatterns,
    *gate_views.urlpatterns,
    *example_views.urlpatterns,
    *end_views.urlpatterns,
]
