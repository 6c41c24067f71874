"""Who gets which answer at the curation desk, for demand, quality reviews and successions: part of endpoint_permissions.

Alice's team has the model that the finding is about; rita is a marketplace manager.
"""

POINTS = ("card", "examples", "issues", "fairness", "contact")
LONG = "A reason that is long enough to be one."
#             anonymous charlie maya alice rita vera
SIGNED_IN = (302, 200, 200, 200, 200, 200)
POST_ONLY = (302, 405, 405, 405, 405, 405)
READ = (401, 200, 200, 200, 200, 200)

WHERE = {
    "finding": {"pk": "finding.pk"},
    "finding's verb": {"pk": "finding.pk", "verb": "dismiss"},
    "gap": {"pk": "gap.pk"},
    "succession": {"pk": "succession.pk"},
    "model's succession": {"slug": "live.model.slug", "pk": "succession.pk"},
    "quality review": {"pk": "quality_review.pk"},
    "quality finding": {"pk": "quality_finding.pk"},
    "finding's report": {"pk": "quality_finding.pk", "verb": "report"},
}

PAGES = {
    ("insights:curation", "get"): (None, (302, 404, 404, 404, 200, 404)),
    ("insights:curation_item", "get"): ("finding", (302, 404, 404, 302, 200, 404)),
    ("insights:change_finding", "get"): ("finding's verb", POST_ONLY),
    ("insights:change_finding", "post"): ("finding's verb", (302, 404, 404, 404, 302, 404)),
    ("insights:my_findings", "get"): (None, SIGNED_IN),
    ("insights:finding", "get"): ("finding", (302, 404, 404, 200, 404, 404)),
    ("insights:finding", "post"): ("finding", (302, 404, 404, 302, 404, 404)),
    ("insights:model_health", "get"): ("model", SIGNED_IN),
    ("insights:demand", "get"): (None, SIGNED_IN),
    ("insights:gap", "get"): ("gap", (302, 404, 404, 404, 200, 200)),
    ("insights:gap", "post"): ("gap", (302, 404, 404, 404, 302, 403)),
    ("insights:succession", "get"): ("model", (302, 404, 404, 200, 200, 200)),
    ("insights:succession", "post"): ("model", (302, 404, 404, 403, 302, 403)),
    ("insights:withdraw_succession", "get"): ("model's succession", POST_ONLY),
    ("insights:withdraw_succession", "post"): (
        "model's succession",
        (302, 404, 404, 302, 403, 403),
    ),
    ("insights:quality_reviews", "get"): (None, (302, 404, 404, 200, 200, 200)),
    ("insights:quality_review", "get"): ("quality review", (302, 404, 404, 200, 200, 200)),
    ("insights:quality_review", "post"): ("quality review", (302, 404, 404, 403, 302, 403)),
    ("insights:change_quality_finding", "get"): ("finding's report", POST_ONLY),
    ("insights:change_quality_finding", "post"): (
        "finding's report",
        (302, 404, 404, 302, 403, 403),
    ),
}

API = {
    ("api:curation-item-list", "get"): (None, READ),
    ("api:curation-item-detail", "get"): ("finding", (401, 404, 404, 200, 200, 200)),
    ("api:curation-item-assign", "post"): ("finding", (401, 404, 404, 403, 200, 403)),
    ("api:curation-item-ask", "post"): ("finding", (401, 404, 404, 403, 200, 403)),
    ("api:curation-item-say", "post"): ("finding", (401, 404, 404, 200, 403, 403)),
    ("api:curation-item-accept", "post"): ("finding", (401, 404, 404, 403, 200, 403)),
    ("api:curation-item-dismiss", "post"): ("finding", (401, 404, 404, 403, 200, 403)),
    ("api:curation-item-keep-strategic", "post"): ("finding", (401, 404, 404, 403, 200, 403)),
    ("api:model-health", "get"): ("model", READ),
    ("api:need-triage", "post"): ("need", (401, 403, 403, 403, 200, 403)),
    ("api:demand-list", "get"): (None, READ),
    ("api:demand-gap-list", "get"): (None, READ),
    ("api:demand-gap-detail", "get"): ("gap", (401, 404, 404, 404, 200, 200)),
    ("api:demand-gap-take-up", "post"): ("gap", (401, 404, 404, 404, 200, 403)),
    ("api:demand-gap-join", "post"): ("gap", (401, 404, 404, 404, 200, 403)),
    ("api:demand-gap-dismiss", "post"): ("gap", (401, 404, 404, 404, 200, 403)),
    ("api:succession-list", "get"): (None, READ),
    ("api:succession-list", "post"): (None, (401, 403, 403, 409, 409, 403)),
    ("api:succession-detail", "get"): ("succession", (401, 404, 404, 200, 200, 200)),
    ("api:succession-decide", "post"): ("succession", (401, 404, 404, 403, 200, 403)),
    ("api:succession-withdraw", "post"): ("succession", (401, 404, 404, 200, 403, 403)),
    ("api:quality-review-list", "get"): (None, READ),
    ("api:quality-review-detail", "get"): ("quality review", (401, 404, 404, 200, 200, 200)),
    ("api:quality-review-complete", "post"): (
        "quality review",
        (401, 404, 404, 403, 200, 403),
    ),
    ("api:quality-finding-report", "post"): ("quality finding", (401, 404, 404, 200, 403, 403)),
    ("api:quality-finding-confirm", "post"): ("quality finding", (401, 404, 404, 403, 200, 403)),
    ("api:quality-finding-send-back", "post"): (
        "quality finding",
        (401, 404, 404, 403, 409, 403),
    ),
}

BODIES = {
    "insights:change_finding": {"reason": LONG, "look_again_on": "@day"},
    "insights:finding": {"answer": "keep", "reason": LONG},
    "api:curation-item-assign": {"to": "rita"},
    "api:curation-item-ask": {"question": LONG},
    "api:curation-item-say": {"answer": "keep", "reason": LONG},
    "api:curation-item-accept": {},
    "api:curation-item-dismiss": {"reason": LONG, "look_again_on": "@day"},
    "api:curation-item-keep-strategic": {"reason": LONG, "until": "@day"},
    "insights:gap": {"verb": "take_up", "title": "Payslips", "text": LONG},
    "insights:succession": {"outcome": "agreed", "reason": LONG},
    "insights:quality_review": {f"answer_{point}": "yes" for point in POINTS},
    "insights:change_quality_finding": {"text": LONG},
    "api:need-triage": {},
    "api:demand-gap-take-up": {"title": "Payslips", "text": LONG},
    "api:demand-gap-join": {"need": "@need.pk"},
    "api:demand-gap-dismiss": {"reason": LONG},
    "api:succession-list": {
        "model": "@live.model.slug",
        "team": "@application.team.slug",
        "owner": "maya",
        "support_contact": "new@example.com",
        "reason": LONG,
    },
    "api:succession-decide": {"outcome": "agreed", "reason": LONG},
    "api:succession-withdraw": {},
    "api:quality-review-complete": {
        "answers": [{"point": point, "answer": "yes"} for point in POINTS]
    },
    "api:quality-finding-report": {"text": LONG},
    "api:quality-finding-confirm": {},
    "api:quality-finding-send-back": {},
}
