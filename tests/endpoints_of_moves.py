"""Who gets which answer where subscriptions move to other versions and plans: part of endpoint_permissions."""

REASON = {"reason": "A reason that is long enough to be one."}
#             anonymous charlie maya alice rita vera
POST_ONLY = (302, 405, 405, 405, 405, 405)
READ = (401, 200, 200, 200, 200, 200)
OWN_SUBSCRIPTION = (302, 404, 200, 403, 403, 403)  # its team's page; others know that it is there

WHERE = {
    "move": {"pk": "move.pk"},
    "made move": {"pk": "made_move.pk"},
}

PAGES = {
    ("consumption:change_plan", "get"): ("subscription", OWN_SUBSCRIPTION),
    ("consumption:change_plan", "post"): ("subscription", (302, 404, 422, 403, 403, 403)),
    ("consumption:move", "get"): ("subscription", OWN_SUBSCRIPTION),
    ("consumption:move", "post"): ("subscription", (302, 404, 422, 403, 403, 403)),
    ("consumption:decide_move", "get"): ("move", (302, 404, 200, 200, 200, 200)),
    ("consumption:decide_move", "post"): ("move", (302, 404, 403, 302, 403, 403)),
    ("consumption:cancel_move", "get"): ("move", POST_ONLY),
    ("consumption:cancel_move", "post"): ("move", (302, 404, 302, 403, 403, 403)),
    ("consumption:undo_move", "get"): ("made move", POST_ONLY),
    ("consumption:undo_move", "post"): ("made move", (302, 404, 302, 403, 403, 403)),
}

API = {
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
