"""Page routes of people."""

from django.urls import path

from marketplace.accounts import views

app_name = "accounts"
urlpatterns = [
    path("demo-login/", views.demo_login, name="demo_login"),
]
