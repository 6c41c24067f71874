"""Page routes of announcements and of following."""

from django.urls import path

from marketplace.insights.announcements import views

urlpatterns = [
    path("announcements/", views.announcements, name="announcements"),
    path("announcements/new/", views.new_announcement, name="new_announcement"),
    path("announcements/<int:pk>/", views.announcement, name="announcement"),
    path("announcements/<int:pk>/edit/", views.edit_announcement, name="edit_announcement"),
    path(
        "announcements/<int:pk>/<slug:verb>/",
        views.change_announcement,
        name="change_announcement",
    ),
    path("following/", views.following, name="following"),
]
