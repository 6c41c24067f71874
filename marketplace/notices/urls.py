"""Page routes of notices."""

from django.urls import path

from marketplace.notices import views

app_name = "notices"
urlpatterns = [
    path("notices/", views.notices, name="notices"),
    path("notices/channels/", views.channels, name="channels"),
    path("notices/watches/<slug:slug>/stop/", views.stop_watching, name="stop_watching"),
    path("notices/mail/", views.letter_list, name="letters"),
    path("notices/mail/<int:pk>/", views.letter, name="letter"),
    path("notices/unsubscribe/<str:token>/", views.unsubscribe, name="unsubscribe"),
]
