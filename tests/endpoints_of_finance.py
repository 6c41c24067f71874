"""Who gets which answer where statements, disputes, budgets and the books are kept: part of endpoint_permissions.

Finance is none of these people: tests/consumption/test_statements.py and test_budgets.py have what it may do.
"""

LONG = "A reason that is long enough to be one."
REASON = {"reason": LONG}
#             anonymous charlie maya alice rita vera
SIGNED_IN = (302, 200, 200, 200, 200, 200)
POST_ONLY = (302, 405, 405, 405, 405, 405)
NOBODY = (302, 404, 404, 404, 404, 404)
READ = (401, 200, 200, 200, 200, 200)

WHERE = {
    "statement line": {"month": "month", "key": "verb"},
    "dispute": {"pk": "dispute.pk"},
    "shared cost": {"pk": "shared_cost.pk"},
    "budget": {"pk": "budget.pk"},
    "charging": {"pk": "charging.pk"},
}

PAGES = {
    ("consumption:statement_line", "get"): ("statement line", NOBODY),
    ("consumption:statement_line", "post"): ("statement line", NOBODY),
    ("consumption:disputes", "get"): (None, SIGNED_IN),
    ("consumption:dispute", "get"): ("dispute", (302, 404, 200, 404, 200, 200)),
    ("consumption:dispute", "post"): ("dispute", (302, 404, 422, 404, 422, 422)),
    ("consumption:withdraw_dispute", "get"): ("dispute", POST_ONLY),
    ("consumption:withdraw_dispute", "post"): ("dispute", (302, 404, 302, 404, 403, 403)),
    ("consumption:rates", "get"): (None, SIGNED_IN),
    ("consumption:budgets", "get"): (None, SIGNED_IN),
    ("consumption:new_budget", "get"): (None, (302, 404, 200, 200, 200, 404)),
    ("consumption:new_budget", "post"): (None, (302, 404, 422, 422, 422, 404)),
    ("consumption:end_budget", "get"): ("budget", (302, 404, 200, 404, 200, 200)),
    ("consumption:end_budget", "post"): ("budget", (302, 404, 422, 404, 422, 422)),
    ("consumption:finance", "get"): (None, NOBODY),  # finance alone: tests/consumption
    ("consumption:close_month", "get"): ("month", NOBODY),
    ("consumption:close_month", "post"): ("month", NOBODY),
    ("consumption:set_charging", "get"): (None, NOBODY),
    ("consumption:set_charging", "post"): (None, NOBODY),
    ("consumption:share_cost", "get"): (None, NOBODY),
    ("consumption:share_cost", "post"): (None, NOBODY),
    ("consumption:end_shared_cost", "get"): ("shared cost", NOBODY),
    ("consumption:end_shared_cost", "post"): ("shared cost", NOBODY),
}

API = {
    ("api:closed-month-list", "get"): (None, READ),
    ("api:statement-close", "post"): ("month", (401, 403, 403, 403, 403, 403)),
    ("api:budget-list", "get"): (None, READ),
    ("api:budget-list", "post"): (None, (401, 403, 201, 403, 403, 403)),
    ("api:budget-detail", "get"): ("budget", (401, 404, 200, 404, 200, 200)),
    ("api:budget-end", "post"): ("budget", (401, 404, 200, 404, 403, 403)),
    ("api:shared-cost-list", "get"): (None, READ),
    ("api:shared-cost-list", "post"): (None, (401, 403, 403, 403, 403, 403)),
    ("api:shared-cost-detail", "get"): ("shared cost", (401, 404, 404, 404, 200, 200)),
    ("api:shared-cost-end", "post"): ("shared cost", (401, 404, 404, 404, 403, 403)),
    ("api:charging-list", "get"): (None, READ),
    ("api:charging-list", "post"): (None, (401, 403, 403, 403, 403, 403)),
    ("api:charging-detail", "get"): ("charging", (401, 404, 404, 404, 200, 200)),
    ("api:dispute-list", "get"): (None, READ),
    ("api:dispute-list", "post"): (None, (401, 404, 404, 404, 404, 404)),
    ("api:dispute-detail", "get"): ("dispute", (401, 404, 200, 404, 200, 200)),
    ("api:dispute-answer", "post"): ("dispute", (401, 404, 403, 404, 403, 403)),
    ("api:dispute-withdraw", "post"): ("dispute", (401, 404, 200, 404, 403, 403)),
}

BODIES = {
    "api:budget-list": {
        "team": "@application.team.slug",
        "amount_micros": 5,
        "from_month": "2036-01",
    },
    "api:budget-end": {"until_month": "2036-01"},
    "api:shared-cost-list": {
        "name": "Platform",
        "amount_micros": 5,
        "method": "even",
        "from_month": "2036-01",
    },
    "api:shared-cost-end": {"until_month": "2036-01"},
    "api:charging-list": {
        "unit": "@application.team.business_unit.slug",
        "is_charged": True,
        "from_month": "2036-01",
    },
    "api:dispute-list": {"month": "2026-01", "line_key": "0" * 16} | REASON,
    "api:dispute-answer": {"accept": False} | REASON,
}
