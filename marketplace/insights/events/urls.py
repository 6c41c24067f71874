"""Page routes of events."""

from django.urls import path

from marketplace.insights.events import views

urlpatterns = [
    path("events/", views.events, name="events"),
    path("events/new/", views.new_event, name="new_event"),
    path("events/<int:pk>/", views.event, name="event"),
    path("events/<int:pk>/edit/", views.edit_event, name="edit_event"),
    path("events/<int:pk>/attendance/", views.attendance, name="event_attendance"),
    path("events/<int:pk>/calendar.ics", views.event_calendar, name="event_calendar"),
    path("events/<int:pk>/<slug:verb>/", views.change_event, name="change_event"),
]
