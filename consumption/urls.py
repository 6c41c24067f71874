"""Page routes of consumption."""

from django.urls import path

from consumption import views

app_name = "consumption"
urlpatterns = [
    path("access/", views.access, name="access"),
    path("applications/new/", views.new_application, name="new_application"),
    path("applications/<slug:slug>/", views.application, name="application"),
    path("usage/", views.my_usage, name="usage"),
    path("usage/limits/", views.limits, name="limits"),
    path("usage/calls/", views.calls, name="calls"),
    path("publish/use/", views.publisher, name="publisher"),
    path("statement/", views.monthly_statement, name="statement"),
    path("reconciliation/", views.reconciled, name="reconciliation"),
    path("subscriptions/<int:pk>/decide/", views.decide, name="decide"),
    path("subscriptions/<int:pk>/close/", views.close_subscription, name="close"),
    path("subscriptions/<int:pk>/end/", views.end_subscription, name="end_subscription"),
    path("subscriptions/<int:pk>/keys/", views.create_key, name="create_key"),
    path("subscriptions/<int:pk>/plan/", views.change_plan, name="change_plan"),
    path("evaluations/", views.evaluations, name="evaluations"),
    path("evaluations/new/", views.new_evaluation, name="new_evaluation"),
    path("evaluations/<int:pk>/", views.evaluation, name="evaluation"),
    path("evaluations/<int:pk>/columns/", views.evaluation_columns, name="evaluation_columns"),
    path("evaluations/<int:pk>/reading/", views.read_evaluation, name="read_evaluation"),
    path("evaluations/<int:pk>/start/", views.start_evaluation, name="start_evaluation"),
    path("evaluations/<int:pk>/cancel/", views.cancel_evaluation, name="cancel_evaluation"),
    path("evaluations/<int:pk>/delete/", views.delete_evaluation_rows, name="delete_evaluation"),
    path(
        "evaluations/<int:pk>/download/<slug:kind>/",
        views.download_evaluation,
        name="download_evaluation",
    ),
    path("changes/<int:pk>/", views.change, name="change"),
    path("changes/<int:pk>/withdraw/", views.withdraw_change, name="withdraw_change"),
    path("keys/<str:kid>/rotate/", views.rotate_key, name="rotate_key"),
    path("keys/<str:kid>/revoke/", views.revoke_key, name="revoke_key"),
    path("keys/<str:kid>/networks/", views.key_networks, name="key_networks"),
    path("security/leaked-key/", views.leaked_key, name="leaked_key"),
    path("security/leaked-keys", views.leaked_keys, name="leaked_keys"),
    path("docs/leaked-keys/", views.key_pattern, name="key_pattern"),
    path("discussions/", views.inbox, name="inbox"),
    path("discussions/<int:pk>/", views.discussion, name="discussion"),
    path("discussions/<int:pk>/<slug:verb>/", views.change_discussion, name="change_discussion"),
    path("ratings/<int:pk>/answer/", views.answer_rating, name="answer_rating"),
    path("models/<slug:slug>/ratings/", views.ratings, name="ratings"),
    path("models/<slug:slug>/discussion/", views.model_discussions, name="model_discussions"),
    path("models/<slug:slug>/discussion/new/", views.new_discussion, name="new_discussion"),
    path("models/<slug:slug>/plans/", views.plans, name="plans"),
    path(
        "models/<slug:slug>/plans/<slug:plan_slug>/change/", views.change_terms, name="change_terms"
    ),
    path(
        "models/<slug:slug>/plans/<slug:plan_slug>/withdraw/",
        views.withdraw_plan,
        name="withdraw_plan",
    ),
    path(
        "models/<slug:slug>/changes/visibility/", views.change_visibility, name="change_visibility"
    ),
    path("models/<slug:slug>/subscribe/", views.subscribe, name="subscribe"),
    path("models/<slug:slug>/try/", views.try_model, name="try"),
    path("models/<slug:slug>/try/latency/", views.latency, name="latency"),
    path("models/<slug:slug>/usage/", views.model_usage, name="model_usage"),
    path("models/<slug:slug>/consumers/", views.consumers, name="consumers"),
]
