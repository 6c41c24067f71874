"""Page routes of value."""

from django.urls import path

from marketplace.insights import views

app_name = "insights"
urlpatterns = [path("insights/", views.overview, name="insights")]
