"""Page routes of success stories."""

from django.urls import path

from marketplace.insights.stories import views

urlpatterns = [
    path("stories/", views.stories, name="stories"),
    path("stories/new/", views.new_story, name="new_story"),
    path("stories/<int:pk>/", views.story, name="story"),
    path("stories/<int:pk>/edit/", views.edit_story, name="edit_story"),
    path("stories/<int:pk>/<slug:verb>/", views.change_story, name="change_story"),
]
