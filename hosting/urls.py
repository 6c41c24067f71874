"""Page routes of the runtime."""

from django.urls import path

from hosting import views

app_name = "hosting"
urlpatterns = [
    path("models/<slug:slug>/deployment/", views.deployment, name="deployment"),
    path(
        "models/<slug:slug>/versions/<str:number>/deployment/",
        views.manage_deployment,
        name="manage_deployment",
    ),
    path(
        "models/<slug:slug>/versions/<str:number>/credential/",
        views.credential,
        name="credential",
    ),
    path(
        "models/<slug:slug>/versions/<str:number>/capacity/",
        views.change_capacity,
        name="change_capacity",
    ),
]
