"""Page routes of tokens."""

from django.urls import path

from marketplace.tokens import views

app_name = "tokens"
urlpatterns = [
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<slug:kid>/revoke/", views.revoke, name="revoke"),
]
