"""Page routes of governance."""

from django.urls import path

from governance import (
    assignment_views,
    condition_views,
    control_views,
    correction_views,
    pack_views,
    policy_views,
    role_views,
    same_purpose_views,
    thread_views,
    views,
    waiver_views,
)

app_name = "governance"
urlpatterns = [
    path("reviews/", views.queue, name="queue"),
    path("reviews/<int:pk>/", views.review, name="review"),
    path(
        "models/<slug:slug>/versions/<str:number>/threads/",
        thread_views.thread_list,
        name="threads",
    ),
    path("threads/<int:pk>/reply/", thread_views.reply, name="reply"),
    path("threads/<int:pk>/resolve/", thread_views.resolve, name="resolve_thread"),
    path("reviews/away/", assignment_views.away, name="away"),
    path("reviews/away/<int:pk>/cancel/", assignment_views.cancel, name="cancel_absence"),
    path("reviews/<int:pk>/claim/", assignment_views.claim, name="claim"),
    path("reviews/<int:pk>/hand-over/", assignment_views.hand_over, name="hand_over"),
    path("conditions/<int:pk>/", condition_views.condition, name="condition"),
    path("waivers/<int:pk>/", waiver_views.waiver, name="waiver"),
    path(
        "models/<slug:slug>/versions/<str:number>/checks/<slug:gate>/waiver/",
        waiver_views.ask_waiver,
        name="ask_waiver",
    ),
    path("same-purpose/", same_purpose_views.case_list, name="same_purpose"),
    path("same-purpose/<int:pk>/", same_purpose_views.case, name="same_purpose_case"),
    path("roles/", role_views.roles, name="roles"),
    path("roles/changes/<int:pk>/", role_views.role_change, name="role_change"),
    path("roles/<int:pk>/end/", role_views.end_role, name="end_role"),
    path("controls/", control_views.control_list, name="controls"),
    path("policies/", policy_views.policy_list, name="policies"),
    path("policies/<slug:kind>/", policy_views.policy, name="policy"),
    path("policies/<slug:kind>/propose/", policy_views.propose_policy, name="propose_policy"),
    path("policies/changes/<int:pk>/", policy_views.policy_change, name="policy_change"),
    path(
        "policies/changes/<int:pk>/withdraw/", policy_views.withdraw_policy, name="withdraw_policy"
    ),
    path("amendments/<int:pk>/", views.amendment, name="amendment"),
    path("amendments/<int:pk>/withdraw/", views.withdraw_amendment, name="withdraw_amendment"),
    path("models/<slug:slug>/evidence/", views.evidence, name="evidence"),
    path(
        "models/<slug:slug>/versions/<str:number>/evidence-pack/",
        pack_views.export,
        name="evidence_pack",
    ),
    path("models/<slug:slug>/card/", views.card, name="card"),
    path(
        "models/<slug:slug>/versions/<str:number>/README.md",
        pack_views.card_readme,
        name="card_readme",
    ),
    path(
        "models/<slug:slug>/versions/<str:number>/bom.cdx.json",
        pack_views.card_bom,
        name="card_bom",
    ),
    path("models/<slug:slug>/versions/<str:number>/renew/", views.renew, name="renew"),
    path("models/<slug:slug>/versions/<str:number>/extend/", views.extend, name="extend"),
    path("benchmarks/", views.benchmark_list, name="benchmarks"),
    path(
        "models/<slug:slug>/versions/<str:number>/figures/run/",
        views.run_evaluation,
        name="run_evaluation",
    ),
    path(
        "models/<slug:slug>/versions/<str:number>/correction/",
        correction_views.correct,
        name="correct",
    ),
    path("models/<slug:slug>/versions/<str:number>/figures/", views.figures, name="figures"),
    path("models/<slug:slug>/versions/<str:number>/suspend/", views.suspend, name="suspend"),
]
