"""Who gets which answer where users try models on their rows, search before they build, rate, report and discuss: part of endpoint_permissions."""

LONG = "A reason that is long enough to be one."
REASON = {"reason": LONG}
#             anonymous charlie maya alice rita vera
SIGNED_IN = (302, 200, 200, 200, 200, 200)
POST_ONLY = (302, 405, 405, 405, 405, 405)
REDIRECTS = (302, 302, 302, 302, 302, 302)
READ = (401, 200, 200, 200, 200, 200)
TEAMS_OWN = (401, 404, 200, 404, 200, 200)  # of maya's team
CURATORS = (302, 404, 404, 404, 200, 404)
OF_CURATORS = (401, 403, 403, 403, 200, 403)
OF_THE_TWO = (401, 404, 200, 200, 200, 200)  # of the teams of maya and alice

WHERE = {
    "glossary entry": {"pk": "glossary_entry.pk"},
    "search record": {"pk": "searched.pk"},
    "badge": {"key": "searched.badge_key"},
    "need": {"pk": "need.pk"},
    "need's verb": {"pk": "need.pk", "verb": "leave"},
    "rating": {"pk": "rating.pk"},
    "model's rating": {"slug": "live.model.slug", "pk": "rating.pk"},
    "discussion": {"pk": "discussion.pk"},
    "discussion's verb": {"pk": "discussion.pk", "verb": "close"},
    "case": {"pk": "case.pk"},
    "collection": {"slug": "collection.slug"},
    "collection's verb": {"slug": "collection.slug", "verb": "withdraw"},
}

PAGES = {
    ("catalog:search_records", "get"): (None, SIGNED_IN),
    ("catalog:new_search_record", "get"): (None, SIGNED_IN),
    ("catalog:new_search_record", "post"): (None, (302, 422, 302, 422, 422, 422)),
    ("catalog:search_record", "get"): ("search record", (302, 404, 200, 404, 200, 200)),
    ("catalog:search_record", "post"): ("search record", (302, 404, 302, 404, 403, 403)),
    ("catalog:withdraw_search_record", "get"): ("search record", POST_ONLY),
    ("catalog:withdraw_search_record", "post"): (
        "search record",
        (302, 404, 302, 404, 403, 403),
    ),
    ("catalog:needs", "get"): (None, SIGNED_IN),
    ("catalog:new_need", "get"): (None, SIGNED_IN),
    ("catalog:new_need", "post"): (None, (302, 422, 302, 422, 422, 422)),
    ("catalog:need", "get"): ("need", SIGNED_IN),
    ("catalog:need", "post"): ("need", (302, 422, 302, 422, 422, 422)),
    ("catalog:change_need", "get"): ("need's verb", POST_ONLY),
    ("catalog:change_need", "post"): ("need's verb", (302, 403, 302, 403, 403, 403)),
    ("catalog:glossary", "get"): (None, SIGNED_IN),
    ("catalog:glossary", "post"): (None, (302, 403, 403, 403, 302, 403)),
    ("catalog:take_out_word", "get"): ("glossary entry", POST_ONLY),
    ("catalog:take_out_word", "post"): ("glossary entry", (302, 403, 403, 403, 302, 403)),
    ("catalog:collections", "get"): (None, SIGNED_IN),
    ("catalog:new_collection", "get"): (None, CURATORS),
    ("catalog:new_collection", "post"): (None, (302, 404, 404, 404, 302, 404)),
    ("catalog:collection", "get"): ("collection", SIGNED_IN),
    ("catalog:collection", "post"): ("collection", (302, 403, 403, 403, 302, 403)),
    ("catalog:edit_collection", "get"): ("collection", CURATORS),
    ("catalog:edit_collection", "post"): ("collection", (302, 404, 404, 404, 302, 404)),
    ("catalog:change_collection", "get"): ("collection's verb", POST_ONLY),
    ("catalog:change_collection", "post"): (
        "collection's verb",
        (302, 403, 403, 403, 302, 403),
    ),
    ("consumption:ratings", "get"): ("model", SIGNED_IN),
    ("consumption:ratings", "post"): ("model", (302, 422, 302, 422, 422, 422)),
    ("consumption:answer_rating", "get"): ("rating", POST_ONLY),
    ("consumption:answer_rating", "post"): ("rating", (302, 403, 403, 302, 403, 403)),
    ("consumption:model_discussions", "get"): ("model", SIGNED_IN),
    ("consumption:new_discussion", "get"): ("model", SIGNED_IN),
    ("consumption:new_discussion", "post"): ("model", REDIRECTS),
    ("consumption:inbox", "get"): (None, SIGNED_IN),
    ("consumption:discussion", "get"): ("discussion", SIGNED_IN),
    ("consumption:discussion", "post"): ("discussion", (302, 403, 302, 302, 403, 403)),
    ("consumption:change_discussion", "get"): ("discussion's verb", POST_ONLY),
    ("consumption:change_discussion", "post"): (
        "discussion's verb",
        (302, 403, 302, 403, 403, 403),
    ),
    ("governance:same_purpose", "get"): (None, (302, 404, 200, 200, 200, 200)),
    ("governance:same_purpose_case", "get"): ("case", (302, 404, 200, 200, 200, 200)),
    ("governance:same_purpose_case", "post"): ("case", (302, 404, 403, 403, 302, 403)),
}

API = {
    ("api:batch-evaluation-list", "get"): (None, READ),
    ("api:batch-evaluation-list", "post"): (None, (401, 415, 415, 415, 415, 415)),
    ("api:batch-evaluation-detail", "get"): ("evaluation", (401, 404, 200, 404, 404, 404)),
    ("api:batch-evaluation-map", "put"): ("evaluation", (401, 404, 200, 404, 404, 404)),
    ("api:batch-evaluation-start", "post"): ("evaluation", (401, 404, 409, 404, 404, 404)),
    ("api:batch-evaluation-cancel", "post"): ("evaluation", (401, 404, 200, 404, 404, 404)),
    ("api:batch-evaluation-share", "post"): ("evaluation", (401, 404, 409, 404, 404, 404)),
    ("api:batch-evaluation-delete-rows", "delete"): (
        "evaluation",
        (401, 404, 200, 404, 404, 404),
    ),
    ("api:batch-evaluation-answers", "get"): ("evaluation", (401, 404, 409, 404, 404, 404)),
    ("api:search-record-list", "get"): (None, READ),
    ("api:search-record-list", "post"): (None, (401, 403, 201, 403, 403, 403)),
    ("api:search-record-detail", "get"): ("search record", TEAMS_OWN),
    ("api:search-record-verify", "get"): ("search record", TEAMS_OWN),
    ("api:search-record-reasons", "post"): ("search record", (401, 404, 200, 404, 403, 403)),
    ("api:search-record-decide", "post"): ("search record", (401, 404, 200, 404, 403, 403)),
    ("api:search-record-withdraw", "post"): ("search record", (401, 404, 200, 404, 403, 403)),
    ("api:need-list", "get"): (None, READ),
    ("api:need-list", "post"): (None, (401, 403, 201, 403, 403, 403)),
    ("api:need-detail", "get"): ("need", READ),
    ("api:need-join", "post"): ("need", (401, 403, 200, 403, 403, 403)),
    ("api:need-leave", "post"): ("need", (401, 403, 200, 403, 403, 403)),
    ("api:need-link", "post"): ("need", (401, 403, 403, 200, 200, 403)),
    ("api:need-commission", "post"): ("need", (401, 403, 403, 403, 200, 403)),
    ("api:need-decline", "post"): ("need", (401, 403, 403, 403, 200, 403)),
    ("api:need-withdraw", "post"): ("need", (401, 403, 200, 403, 403, 403)),
    ("api:glossary-list", "get"): (None, READ),
    ("api:glossary-list", "post"): (None, (401, 403, 403, 403, 201, 403)),
    ("api:glossary-detail", "get"): ("glossary entry", READ),
    ("api:glossary-detail", "delete"): ("glossary entry", (401, 403, 403, 403, 204, 403)),
    ("api:collection-list", "get"): (None, READ),
    ("api:collection-list", "post"): (None, (401, 403, 403, 403, 201, 403)),
    ("api:collection-detail", "get"): ("collection", READ),
    ("api:collection-detail", "put"): ("collection", OF_CURATORS),
    ("api:collection-put-in", "post"): ("collection", OF_CURATORS),
    ("api:collection-take-out", "post"): ("collection", OF_CURATORS),
    ("api:collection-publish", "post"): ("collection", (401, 403, 403, 403, 409, 403)),
    ("api:collection-withdraw", "post"): ("collection", OF_CURATORS),
    ("api:rating-list", "get"): ("model", READ),
    ("api:rating-list", "post"): ("model", (401, 403, 201, 403, 403, 403)),
    ("api:rating-respond", "post"): ("model's rating", (401, 403, 403, 200, 403, 403)),
    ("api:live-quality-list", "get"): ("model", READ),
    ("api:discussion-list", "get"): (None, READ),
    ("api:discussion-list", "post"): (None, (401, 201, 201, 201, 201, 201)),
    ("api:discussion-detail", "get"): ("discussion", READ),
    ("api:discussion-say", "post"): ("discussion", (401, 403, 200, 200, 403, 403)),
    ("api:discussion-respond", "post"): ("discussion", (401, 403, 403, 200, 403, 403)),
    ("api:discussion-close", "post"): ("discussion", (401, 403, 200, 403, 403, 403)),
    ("api:discussion-reopen", "post"): ("discussion", (401, 403, 200, 403, 403, 403)),
    ("api:feedback-list", "post"): (None, (401, 200, 200, 200, 200, 200)),
    ("api:same-purpose-case-list", "get"): (None, READ),
    ("api:same-purpose-case-detail", "get"): ("case", OF_THE_TWO),
    ("api:same-purpose-case-decide", "post"): ("case", (401, 404, 403, 403, 200, 403)),
}

TALK = {"kind": "bug", "title": "Wrong for farmers", "text": LONG}
RATED = {"stars": 4, "text": LONG}
OUR_NEED = {"title": "Roofs", "team": "@application.team.pk"}
SHORT = {"word": "CLV", "meaning": "customer lifetime value"}
SET = {"name": "Lending", "text": LONG}
BODIES = {
    "catalog:new_collection": SET,
    "catalog:edit_collection": SET,
    "catalog:collection": {"model": "@live.model.slug"},
    "catalog:glossary": SHORT,
    "api:glossary-list": SHORT,
    "api:collection-list": SET,
    "api:collection-detail": SET | {"is_featured": True},
    "api:collection-put-in": {"model": "@live.model.slug"},
    "api:collection-take-out": {"model": "@live.model.slug"},
    "catalog:new_search_record": OUR_NEED | {"need": LONG},
    "catalog:search_record": {
        "step": "decide",
        "decision": "reuse",
        "position": 1,
        "sponsor": "Mara",
    }
    | REASON,
    "catalog:withdraw_search_record": {"withdraw-reason": LONG},
    "catalog:new_need": OUR_NEED | {"text": LONG},
    "catalog:need": {"team": "@application.team.pk", "value_a_year": 5},
    "catalog:change_need": {"team": "@application.team.slug"},
    "api:search-record-list": {"title": "Roofs", "need": LONG, "team": "@application.team.slug"},
    "api:search-record-reasons": {"reasons": [{"position": 1, "code": "data", "reason": LONG}]},
    "api:search-record-decide": {"decision": "reuse", "position": 1, "sponsor": "Mara"} | REASON,
    "api:search-record-withdraw": REASON,
    "consumption:ratings": RATED | {"team": "@application.team.pk"},
    "consumption:answer_rating": {"text": LONG},
    "consumption:new_discussion": TALK | {"version": "@live.number"},
    "consumption:discussion": {"text": LONG},
    "api:rating-list": RATED | {"team": "@application.team.slug"},
    "api:rating-respond": {"text": LONG},
    "api:discussion-list": TALK | {"model": "@live.model.slug", "version": "@live.number"},
    "api:discussion-say": {"text": LONG},
    "api:discussion-respond": {"becomes": "declined", "text": LONG},
    "api:discussion-reopen": {"text": LONG},
    "api:feedback-list": {
        "outcomes": [{"request_id": "0192a4b1-0000-7000-8000-000000000000", "actual": 1.5}]
    },
    "api:need-list": {"title": "Roofs", "text": LONG, "team": "@application.team.slug"},
    "api:need-join": {"team": "@application.team.slug", "value_a_year": 5},
    "api:need-leave": {"team": "@application.team.slug"},
    "api:need-link": {"model": "@live.model.slug"},
    "api:need-commission": {"team": "@application.team.slug"} | REASON,
    "api:need-decline": REASON,
    "governance:same_purpose_case": {"state": "coexist", "rationale": LONG},
    "api:same-purpose-case-decide": {"decision": "coexist", "rationale": LONG},
}
