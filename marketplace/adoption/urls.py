"""Page routes of value."""

from django.urls import path

from marketplace.adoption import views

app_name = "adoption"
urlpatterns = [path("insights/", views.overview, name="insights")]
