"""Who gets which answer where subscriptions move to other versions and plans: part of endpoint_permissions."""

REASON = {"reason": "A reason that is long enough to be one."}
#             anonymous charlie maya alice rita vera
POST_ONLY = (302, 405, 405, 405, 405, 405)
READ = (401, 200, 200, 200, 200, 200)
OWN_SUBSCRIPTION = (302, 404, 200, 403, 403, 403)  # its team's page; others know that it is there
OWN_ACT = (302, 404, 302, 404, 404, 404)

WHERE = {
    "move": {"pk": "move.pk"},
    "made move": {"pk": "made_move.pk"},
    "example": {"pk": "example.pk"},
    "rollout": {"pk": "rollout.pk"},
    "example result": {"pk": "example_result.pk"},
    "acceptance run": {"pk": "example_result.run_id"},
}

PAGES = {
    ("consumption:change_plan", "get"): ("subscription", OWN_SUBSCRIPTION),
    ("consumption:change_plan", "post"): ("subscription", (302, 404, 422, 403, 403, 403)),
    ("consumption:move", "get"): ("subscription", OWN_SUBSCRIPTION),
    ("consumption:move", "post"): ("subscription", (302, 404, 422, 403, 403, 403)),
    ("consumption:acceptance", "get"): ("subscription", OWN_SUBSCRIPTION),
    ("consumption:acceptance", "post"): ("subscription", (302, 404, 422, 403, 403, 403)),
    ("consumption:run_acceptance", "get"): ("subscription", POST_ONLY),
    ("consumption:run_acceptance", "post"): ("subscription", (302, 404, 302, 403, 403, 403)),
    ("consumption:delete_example", "get"): ("example", POST_ONLY),
    ("consumption:delete_example", "post"): ("example", OWN_ACT),
    ("consumption:accept_result", "get"): ("example result", POST_ONLY),
    ("consumption:accept_result", "post"): ("example result", OWN_ACT),
    ("consumption:hold_updates", "get"): ("subscription", POST_ONLY),
    ("consumption:hold_updates", "post"): ("subscription", (302, 404, 302, 403, 403, 403)),
    ("consumption:release_updates", "get"): ("subscription", POST_ONLY),
    ("consumption:release_updates", "post"): ("subscription", (302, 404, 302, 403, 403, 403)),
    ("consumption:roll_back", "get"): ("subscription", POST_ONLY),
    ("consumption:roll_back", "post"): ("subscription", (302, 404, 302, 403, 403, 403)),
    ("consumption:rollout", "get"): ("rollout", (302, 404, 200, 200, 200, 200)),
    ("consumption:stop_rollout", "get"): ("rollout", POST_ONLY),
    ("consumption:stop_rollout", "post"): ("rollout", (302, 404, 403, 302, 302, 403)),
    ("consumption:restart_rollout", "get"): ("rollout", POST_ONLY),
    ("consumption:restart_rollout", "post"): ("rollout", (302, 404, 403, 409, 409, 403)),
    ("consumption:agree_to_update", "get"): ("rollout", POST_ONLY),
    ("consumption:agree_to_update", "post"): ("rollout", (302, 404, 302, 403, 403, 403)),
    ("consumption:decide_move", "get"): ("move", (302, 404, 200, 200, 200, 200)),
    ("consumption:decide_move", "post"): ("move", (302, 404, 403, 302, 403, 403)),
    ("consumption:cancel_move", "get"): ("move", POST_ONLY),
    ("consumption:cancel_move", "post"): ("move", (302, 404, 302, 403, 403, 403)),
    ("consumption:undo_move", "get"): ("made move", POST_ONLY),
    ("consumption:undo_move", "post"): ("made move", (302, 404, 302, 403, 403, 403)),
}

API = {
    ("api:subscription-hold", "post"): ("subscription", (401, 404, 200, 403, 403, 403)),
    ("api:subscription-release", "post"): ("subscription", (401, 404, 409, 403, 403, 403)),
    ("api:subscription-roll-back", "post"): ("subscription", (401, 404, 409, 403, 403, 403)),
    ("api:acceptance-example-list", "get"): (None, READ),
    ("api:acceptance-example-list", "post"): (None, (401, 422, 201, 403, 403, 403)),
    ("api:acceptance-example-detail", "get"): ("example", (401, 404, 200, 404, 404, 404)),
    ("api:acceptance-example-detail", "delete"): ("example", (401, 404, 204, 404, 404, 404)),
    ("api:acceptance-run-list", "get"): (None, READ),
    ("api:acceptance-run-list", "post"): (None, (401, 422, 201, 403, 403, 403)),
    ("api:acceptance-run-detail", "get"): ("acceptance run", (401, 404, 200, 200, 200, 200)),
    ("api:acceptance-run-accept", "post"): ("acceptance run", (401, 404, 200, 403, 403, 403)),
    ("api:rollout-list", "get"): (None, READ),
    ("api:rollout-detail", "get"): ("rollout", (401, 404, 200, 200, 200, 200)),
    ("api:rollout-members", "get"): ("rollout", (401, 404, 200, 200, 200, 200)),
    ("api:rollout-stop", "post"): ("rollout", (401, 404, 403, 200, 200, 403)),
    ("api:rollout-restart", "post"): ("rollout", (401, 404, 403, 409, 409, 403)),
    ("api:rollout-agree", "post"): ("rollout", (401, 404, 200, 403, 403, 403)),
    ("api:move-list", "get"): (None, READ),
    ("api:move-list", "post"): (None, (401, 422, 201, 403, 403, 403)),
    ("api:move-preview", "post"): (None, (401, 422, 200, 403, 403, 403)),
    ("api:move-detail", "get"): ("move", (401, 404, 200, 200, 200, 200)),
    ("api:move-approve", "post"): ("move", (401, 404, 403, 200, 403, 403)),
    ("api:move-deny", "post"): ("move", (401, 404, 403, 200, 403, 403)),
    ("api:move-cancel", "post"): ("move", (401, 404, 200, 403, 403, 403)),
    ("api:move-undo", "post"): ("made move", (401, 404, 200, 403, 403, 403)),
}

BODIES = {
    "consumption:change_plan": {"plan": "@subscription.plan.pk"},
    "consumption:run_acceptance": {"to": "@live.number"},
    "consumption:accept_result": REASON,
    "consumption:stop_rollout": REASON,
    "api:rollout-stop": REASON,
    "consumption:agree_to_update": {"subscription": "@follower.pk"},
    "api:rollout-agree": {"subscription": "@follower.pk"},
    "consumption:hold_updates": {"days": 30},
    "api:acceptance-example-list": {
        "subscription": "@subscription.pk",
        "name": "Salaried",
        "row": {"income": "4000", "debt": "300"},
        "low": 0,
    },
    "api:acceptance-run-list": {"subscription": "@subscription.pk", "version": "@live.number"},
    "api:acceptance-run-accept": {"example": "@example.pk"} | REASON,
    "consumption:decide_move": {"decision": "approve"} | REASON,
    "api:move-list": {
        "subscription": "@subscription.pk",
        "version": "@live.number",
        "version_policy": "auto_minor",
    },
    "api:move-preview": {"subscription": "@subscription.pk", "version": "@live.number"},
    "api:move-approve": REASON,
    "api:move-deny": REASON,
}
