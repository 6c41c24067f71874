"""Who gets which answer where the value ledger, claims and business cases are: part of endpoint_permissions.

Executives and finance are none of these people, and nobody of them leads a team: tests/insights has what those may do.
"""

LONG = "A reason that is long enough to be one."
REASON = {"reason": LONG}
#             anonymous charlie maya alice rita vera
SIGNED_IN = (302, 200, 200, 200, 200, 200)
POST_ONLY = (302, 405, 405, 405, 405, 405)
NOBODY = (302, 404, 404, 404, 404, 404)
READ = (401, 200, 200, 200, 200, 200)
OF_UNIT = (302, 404, 200, 404, 404, 200)
API_OF_UNIT = (401, 404, 200, 404, 404, 200)
API_REFUSED = (401, 404, 403, 404, 404, 403)

WHERE = {
    "line": {"pk": "line.pk"},
    "claim": {"pk": "claim.pk"},
    "effort": {"pk": "effort.pk"},
    "business case": {"pk": "business_case.pk"},
    "quarter": {"name": "quarter"},
}

PAGES = {
    ("insights:value", "get"): (None, SIGNED_IN),
    ("insights:value_export", "get"): (None, SIGNED_IN),
    ("insights:recompute", "get"): (None, SIGNED_IN),
    ("insights:line_calls", "get"): ("line", OF_UNIT),
    ("insights:line_record", "get"): ("line", OF_UNIT),
    ("insights:line_approval", "get"): ("line", OF_UNIT),
    ("insights:describe_line", "get"): ("line", (302, 404, 200, 404, 404, 404)),
    ("insights:describe_line", "post"): ("line", (302, 404, 302, 404, 404, 404)),
    ("insights:state_counterfactual", "get"): ("subscription", (302, 404, 200, 404, 404, 404)),
    ("insights:state_counterfactual", "post"): ("subscription", (302, 404, 422, 404, 404, 404)),
    ("insights:confirm_line", "get"): ("line", NOBODY),
    ("insights:confirm_line", "post"): ("line", NOBODY),
    ("insights:reject_line", "get"): ("line", NOBODY),
    ("insights:reject_line", "post"): ("line", NOBODY),
    ("insights:quarter", "get"): ("quarter", SIGNED_IN),
    ("insights:quarter", "post"): ("quarter", (302, 403, 403, 403, 403, 403)),
    ("insights:efforts", "get"): ("model", (302, 404, 404, 200, 404, 404)),
    ("insights:efforts", "post"): ("model", (302, 404, 404, 422, 404, 404)),
    ("insights:claims", "get"): (None, SIGNED_IN),
    ("insights:new_claim", "get"): (None, (302, 404, 200, 200, 200, 404)),
    ("insights:new_claim", "post"): (None, (302, 404, 422, 422, 422, 404)),
    ("insights:claim", "get"): ("claim", OF_UNIT),
    ("insights:claim", "post"): ("claim", (302, 404, 422, 404, 404, 422)),
    ("insights:confirm_claim", "get"): ("claim", POST_ONLY),
    ("insights:confirm_claim", "post"): ("claim", (302, 404, 403, 404, 404, 403)),
    ("insights:reject_claim", "get"): ("claim", POST_ONLY),
    ("insights:reject_claim", "post"): ("claim", (302, 404, 422, 404, 404, 422)),
    ("insights:business_cases", "get"): (None, SIGNED_IN),
    ("insights:business_cases", "post"): (None, (302, 422, 422, 422, 422, 422)),
    ("insights:business_case", "get"): ("business case", (302, 404, 200, 404, 404, 404)),
    ("insights:business_case", "post"): ("business case", (302, 404, 422, 404, 404, 404)),
    ("insights:delete_case", "get"): ("business case", POST_ONLY),
    ("insights:delete_case", "post"): ("business case", (302, 404, 302, 404, 404, 404)),
}

API = {
    ("api:value", "get"): (None, READ),
    ("api:uncounted-uses", "get"): (None, READ),
    ("api:counterfactual-detail", "put"): ("subscription", (401, 404, 200, 403, 403, 403)),
    ("api:reuse-event-list", "get"): (None, READ),
    ("api:reuse-event-detail", "get"): ("line", API_OF_UNIT),
    ("api:reuse-event-describe", "post"): ("line", (401, 404, 200, 404, 404, 403)),
    ("api:reuse-event-confirm", "post"): ("line", API_REFUSED),
    ("api:reuse-event-reject", "post"): ("line", API_REFUSED),
    ("api:signed-quarter-list", "get"): (None, READ),
    ("api:signed-quarter-list", "post"): (None, (401, 403, 403, 403, 403, 403)),
    ("api:value-claim-list", "get"): (None, READ),
    ("api:value-claim-list", "post"): (None, (401, 403, 201, 403, 403, 403)),
    ("api:value-claim-detail", "get"): ("claim", API_OF_UNIT),
    ("api:value-claim-confirm", "post"): ("claim", API_REFUSED),
    ("api:value-claim-validate", "post"): ("claim", API_REFUSED),
    ("api:value-claim-reject", "post"): ("claim", API_REFUSED),
    ("api:publishing-effort-list", "get"): (None, READ),
    ("api:publishing-effort-list", "post"): (None, (401, 403, 403, 201, 403, 403)),
    ("api:publishing-effort-detail", "get"): ("effort", (401, 404, 404, 200, 404, 200)),
    ("api:business-case-list", "get"): (None, READ),
    ("api:business-case-list", "post"): (None, (401, 201, 201, 201, 201, 201)),
    ("api:business-case-detail", "get"): ("business case", (401, 404, 200, 404, 404, 404)),
    ("api:business-case-detail", "put"): ("business case", (401, 404, 200, 404, 404, 404)),
    ("api:business-case-detail", "delete"): ("business case", (401, 404, 204, 404, 404, 404)),
}

BODIES = {
    "insights:describe_line": {"integration": "900"},
    "api:counterfactual-detail": {"counterfactual": "would_build"},
    "api:reuse-event-describe": {"integration": "900.00"},
    "api:reuse-event-confirm": {"counterfactual": "would_build"} | REASON,
    "api:reuse-event-reject": REASON,
    "api:signed-quarter-list": {"quarter": "2026-Q1"},
    "api:value-claim-list": {
        "team": "@application.team.slug",
        "model": "@live.model.slug",
        "title": "More offers accepted",
        "kind": "revenue",
        "quarter": "2026-Q1",
        "gross": "96000.00",
        "method": LONG,
        "evidence": LONG,
    },
    "api:value-claim-validate": REASON,
    "api:value-claim-reject": REASON,
    "api:publishing-effort-list": {
        "model": "@live.model.slug",
        "kind": "publication",
        "amount": "12.00",
        "note": "Sheet 4",
        "spent_on": "2026-01-05",
    },
    "api:business-case-list": {"name": "Another one"},
    "api:business-case-detail": {"name": "Another one"},
}
