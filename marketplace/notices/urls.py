"""Page routes of notices."""

from django.urls import path

from marketplace.notices import views

app_name = "notices"
urlpatterns = [
    path("notices/", views.notices, name="notices"),
    path("teams/join/", views.join, name="join"),
]
