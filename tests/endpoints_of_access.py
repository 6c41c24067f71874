"""Who gets which answer where access is asked for, confirmed and ended: part of endpoint_permissions."""

LONG = "A reason that is long enough to be one."
REASON = {"reason": LONG}
#             anonymous charlie maya alice rita vera
POST_ONLY = (302, 405, 405, 405, 405, 405)
READ = (401, 200, 200, 200, 200, 200)
BOTH_SIDES = (302, 404, 200, 200, 200, 200)
OWN_ACT = (302, 404, 302, 403, 403, 403)
OWN_CALL = (401, 404, 200, 403, 403, 403)
NOT_NOW = (302, 404, 422, 403, 403, 403)  # the right person, at another time

WHERE = {"use review": {"pk": "use_review.pk"}}

PAGES = {
    ("consumption:share_evaluation", "get"): ("evaluation", POST_ONLY),
    ("consumption:share_evaluation", "post"): ("evaluation", (302, 404, 409, 404, 404, 404)),
    ("consumption:decide", "get"): ("pending", (302, 404, 200, 200, 200, 200)),
    ("consumption:decide", "post"): ("pending", (302, 404, 403, 302, 403, 403)),
    ("consumption:close", "get"): ("subscription", POST_ONLY),
    ("consumption:close", "post"): ("subscription", (302, 404, 302, 403, 403, 403)),
    ("consumption:create_key", "get"): ("subscription", (302, 404, 200, 200, 200, 200)),
    ("consumption:create_key", "post"): ("subscription", (302, 404, 200, 403, 403, 403)),
    ("consumption:rotate_key", "get"): ("key", (302, 404, 200, 404, 200, 200)),
    ("consumption:rotate_key", "post"): ("key", (302, 404, 200, 404, 403, 403)),
    ("consumption:key_networks", "get"): ("key", (302, 404, 200, 404, 200, 200)),
    ("consumption:key_networks", "post"): ("key", (302, 404, 302, 404, 403, 403)),
    ("consumption:discard_request", "get"): ("model", POST_ONLY),
    ("consumption:discard_request", "post"): ("model", (302, 302, 302, 302, 302, 302)),
    ("consumption:withdraw_request", "get"): ("pending", POST_ONLY),
    ("consumption:withdraw_request", "post"): ("pending", OWN_ACT),
    ("consumption:ask_again", "get"): ("pending", BOTH_SIDES),
    ("consumption:ask_again", "post"): ("pending", NOT_NOW),
    ("consumption:confirm_use", "get"): ("subscription", BOTH_SIDES),
    ("consumption:confirm_use", "post"): ("subscription", NOT_NOW),
    ("consumption:change_end", "get"): ("subscription", BOTH_SIDES),
    ("consumption:change_end", "post"): ("subscription", OWN_ACT),
    ("consumption:use_review", "get"): ("use review", BOTH_SIDES),
    ("consumption:use_review", "post"): ("use review", (302, 404, 403, 403, 403, 403)),
    ("consumption:revoke_key", "get"): ("key", (302, 404, 200, 404, 200, 200)),
    ("consumption:revoke_key", "post"): ("key", (302, 404, 302, 404, 302, 403)),
    ("consumption:resume_key", "get"): ("key", POST_ONLY),
    ("consumption:resume_key", "post"): ("key", (302, 404, 409, 404, 403, 403)),
}

API = {
    ("api:subscription-withdraw", "post"): ("pending", OWN_CALL),
    ("api:subscription-again", "post"): ("pending", (401, 404, 409, 403, 403, 403)),
    ("api:subscription-confirm", "post"): ("subscription", (401, 404, 422, 403, 403, 403)),
    ("api:subscription-last-day", "put"): ("subscription", OWN_CALL),
    ("api:use-review-list", "get"): (None, READ),
    ("api:use-review-detail", "get"): ("use review", (401, 404, 200, 200, 200, 200)),
    ("api:use-review-approve", "post"): ("use review", (401, 404, 403, 403, 403, 403)),
    ("api:use-review-refuse", "post"): ("use review", (401, 404, 403, 403, 403, 403)),
    ("api:key-resume", "post"): ("key", (401, 404, 409, 404, 403, 403)),
    ("api:key-calls", "get"): ("key", (401, 404, 200, 404, 200, 200)),
}

BODIES = {
    "consumption:ask_again": {"purpose": LONG},
    "consumption:use_review": {"decision": "approve"} | REASON,
    "api:subscription-again": {"purpose": LONG},
    "api:subscription-last-day": {"ends_on": None},
    "api:use-review-approve": REASON,
    "api:use-review-refuse": REASON,
}
