"""Page routes of consumption."""

from django.urls import path

from consumption import views

app_name = "consumption"
urlpatterns = [
    path("access/", views.access, name="access"),
    path("applications/new/", views.new_application, name="new_application"),
    path("applications/<slug:slug>/", views.application, name="application"),
    path("usage/", views.my_usage, name="usage"),
    path("reconciliation/", views.reconciled, name="reconciliation"),
    path("subscriptions/<int:pk>/decide/", views.decide, name="decide"),
    path("subscriptions/<int:pk>/close/", views.close_subscription, name="close"),
    path("subscriptions/<int:pk>/keys/", views.create_key, name="create_key"),
    path("keys/<str:kid>/rotate/", views.rotate_key, name="rotate_key"),
    path("keys/<str:kid>/revoke/", views.revoke_key, name="revoke_key"),
    path("models/<slug:slug>/plans/", views.plans, name="plans"),
    path("models/<slug:slug>/subscribe/", views.subscribe, name="subscribe"),
    path("models/<slug:slug>/usage/", views.model_usage, name="model_usage"),
    path("models/<slug:slug>/consumers/", views.consumers, name="consumers"),
]
