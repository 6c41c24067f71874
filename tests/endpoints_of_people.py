"""Who gets which answer where units, teams, people and vocabularies are kept: part of endpoint_permissions.

charlie asks to join the team of alice and bob. None of these people leads it or administers: tests/organisation has what leads
and administrators may do.
"""

LONG = "A reason that is long enough to be one."
REASON = {"reason": LONG}
#             anonymous charlie maya alice rita vera
SIGNED_IN = (302, 200, 200, 200, 200, 200)
POST_ONLY = (302, 405, 405, 405, 405, 405)
NOT_ALLOWED = (302, 403, 403, 403, 403, 403)
AUDITOR_READS = (302, 404, 404, 404, 404, 200)
ADMINISTRATORS = (302, 404, 404, 404, 404, 403)  # the auditor may know, not act
READ = (401, 200, 200, 200, 200, 200)
REFUSED = (401, 403, 403, 403, 403, 403)
SEEN_BY_AUDITOR = (401, 404, 404, 404, 404, 200)
ACTS_ON_PEOPLE = (401, 404, 404, 404, 404, 403)

WHERE = {
    "unit": {"slug": "live.model.owner_team.business_unit.slug"},
    "own team": {"slug": "live.model.owner_team.slug"},
    "unit move": {"slug": "live.model.owner_team.slug", "pk": "unit_move.pk"},
    "unit move's number": {"pk": "unit_move.pk"},
    "membership": {"slug": "live.model.owner_team.slug", "pk": "membership.pk"},
    "membership's number": {"pk": "membership.pk"},
    "join request": {"pk": "join_request.pk"},
    "person": {"pk": "membership.user.pk"},
    "domain": {"slug": "live.model.domain.slug"},
    "capability": {"slug": "live.model.capability.slug"},
    "model type": {"slug": "live.model.model_type.slug"},
}

PAGES = {
    ("organisation:units", "get"): (None, SIGNED_IN),
    ("organisation:units", "post"): (None, NOT_ALLOWED),
    ("organisation:unit", "get"): ("unit", SIGNED_IN),
    ("organisation:unit", "post"): ("unit", NOT_ALLOWED),
    ("organisation:archive_unit", "get"): ("unit", NOT_ALLOWED),
    ("organisation:archive_unit", "post"): ("unit", NOT_ALLOWED),
    ("organisation:restore_unit", "get"): ("unit", POST_ONLY),
    ("organisation:restore_unit", "post"): ("unit", NOT_ALLOWED),
    ("organisation:teams", "get"): (None, SIGNED_IN),
    ("organisation:new_team", "get"): (None, NOT_ALLOWED),
    ("organisation:new_team", "post"): (None, NOT_ALLOWED),
    ("organisation:team", "get"): ("own team", SIGNED_IN),
    ("organisation:team_settings", "get"): ("own team", NOT_ALLOWED),
    ("organisation:team_settings", "post"): ("own team", NOT_ALLOWED),
    ("organisation:move_team", "get"): ("own team", NOT_ALLOWED),
    ("organisation:move_team", "post"): ("own team", NOT_ALLOWED),
    ("organisation:withdraw_move", "get"): ("unit move", POST_ONLY),
    ("organisation:withdraw_move", "post"): ("unit move", (302, 404, 404, 403, 404, 403)),
    ("organisation:add_member", "get"): ("own team", POST_ONLY),
    ("organisation:add_member", "post"): ("own team", NOT_ALLOWED),
    ("organisation:make_lead", "get"): ("membership", POST_ONLY),
    ("organisation:make_lead", "post"): ("membership", NOT_ALLOWED),
    ("organisation:step_down", "get"): ("membership", POST_ONLY),
    ("organisation:step_down", "post"): ("membership", NOT_ALLOWED),
    ("organisation:end_membership", "get"): ("membership", NOT_ALLOWED),
    ("organisation:end_membership", "post"): ("membership", NOT_ALLOWED),
    ("organisation:join", "get"): (None, SIGNED_IN),
    ("organisation:join", "post"): (None, (302, 422, 302, 422, 302, 302)),
    ("organisation:join_request", "get"): ("join request", (302, 200, 404, 404, 404, 200)),
    ("organisation:join_request", "post"): ("join request", (302, 403, 404, 404, 404, 403)),
    ("organisation:withdraw_request", "get"): ("join request", POST_ONLY),
    ("organisation:withdraw_request", "post"): ("join request", (302, 302, 404, 404, 404, 403)),
    ("organisation:people", "get"): (None, AUDITOR_READS),
    ("organisation:person", "get"): ("person", AUDITOR_READS),
    ("organisation:new_person", "get"): (None, ADMINISTRATORS),
    ("organisation:new_person", "post"): (None, ADMINISTRATORS),
    ("organisation:import_people", "get"): (None, ADMINISTRATORS),
    ("organisation:import_people", "post"): (None, ADMINISTRATORS),
    ("organisation:change_person", "get"): ("person", ADMINISTRATORS),
    ("organisation:change_person", "post"): ("person", ADMINISTRATORS),
    ("organisation:invite", "get"): ("person", POST_ONLY),
    ("organisation:invite", "post"): ("person", ADMINISTRATORS),
    ("organisation:deactivate", "get"): ("person", ADMINISTRATORS),
    ("organisation:deactivate", "post"): ("person", ADMINISTRATORS),
    ("organisation:reactivate", "get"): ("person", ADMINISTRATORS),
    ("organisation:reactivate", "post"): ("person", ADMINISTRATORS),
}

API = {
    ("api:unit-list", "get"): (None, READ),
    ("api:unit-list", "post"): (None, REFUSED),
    ("api:unit-detail", "get"): ("unit", READ),
    ("api:unit-detail", "patch"): ("unit", REFUSED),
    ("api:unit-archive", "post"): ("unit", REFUSED),
    ("api:unit-restore", "post"): ("unit", REFUSED),
    ("api:team-list", "get"): (None, READ),
    ("api:team-list", "post"): (None, REFUSED),
    ("api:team-detail", "get"): ("own team", READ),
    ("api:team-detail", "patch"): ("own team", REFUSED),
    ("api:unit-move-list", "get"): (None, READ),
    ("api:unit-move-list", "post"): (None, REFUSED),
    ("api:unit-move-detail", "get"): ("unit move's number", (401, 404, 404, 200, 404, 200)),
    ("api:unit-move-withdraw", "post"): ("unit move's number", (401, 404, 404, 403, 404, 403)),
    ("api:membership-list", "get"): (None, READ),
    ("api:membership-list", "post"): (None, REFUSED),
    ("api:membership-detail", "get"): ("membership's number", READ),
    ("api:membership-consequences", "get"): ("membership's number", REFUSED),
    ("api:membership-lead", "post"): ("membership's number", REFUSED),
    ("api:membership-step-down", "post"): (
        "membership's number",
        REFUSED,
    ),
    ("api:membership-end", "post"): ("membership's number", REFUSED),
    ("api:join-request-list", "get"): (None, READ),
    ("api:join-request-list", "post"): (None, (401, 409, 201, 409, 201, 201)),
    ("api:join-request-detail", "get"): ("join request", (401, 200, 404, 404, 404, 200)),
    ("api:join-request-decide", "post"): ("join request", (401, 403, 404, 404, 404, 403)),
    ("api:join-request-withdraw", "post"): ("join request", (401, 200, 404, 404, 404, 403)),
    ("api:person-list", "get"): (None, READ),
    ("api:person-list", "post"): (None, REFUSED),
    ("api:person-detail", "get"): ("person", SEEN_BY_AUDITOR),
    ("api:person-detail", "patch"): ("person", ACTS_ON_PEOPLE),
    ("api:person-consequences", "get"): ("person", SEEN_BY_AUDITOR),
    ("api:person-invite", "post"): ("person", ACTS_ON_PEOPLE),
    ("api:person-deactivate", "post"): ("person", ACTS_ON_PEOPLE),
    ("api:person-reactivate", "post"): ("person", ACTS_ON_PEOPLE),
    ("api:people-import-list", "post"): (None, REFUSED),
    **{
        (f"api:{name}-{act}", method): (thing if act != "list" else None, codes)
        for name, thing in (
            ("domain", "domain"),
            ("capability", "capability"),
            ("model-type", "model type"),
        )
        for act, method, codes in (
            ("list", "get", READ),
            ("list", "post", REFUSED),
            ("detail", "get", READ),
            ("detail", "patch", REFUSED),
            ("retire", "post", REFUSED),
            ("restore", "post", REFUSED),
        )
    },
}

NAME = {"name": "A name that is free"}
PERSON = {"email": "new@example.com", "display_name": "Nora New"}
MEMBER = {"team": "@live.model.owner_team.slug", "user": "maya"}
JOIN = {"team": "@live.model.owner_team.slug", "words": "I am new."}
MOVE = {"unit": "@application.team.business_unit.slug", "begins_on": "@today"} | REASON
TABLE = {"table": "email,name\nnew@example.com,Nora New"}
BODIES = {
    "organisation:units": NAME,
    "organisation:unit": NAME,
    "organisation:archive_unit": REASON,
    "organisation:new_team": NAME | {"unit": "@application.team.business_unit.slug"},
    "organisation:team_settings": NAME,
    "organisation:move_team": MOVE,
    "organisation:add_member": {"user": "maya"},
    "organisation:join": JOIN,
    "organisation:join_request": {"outcome": "accepted"},
    "organisation:new_person": PERSON,
    "organisation:import_people": TABLE,
    "organisation:change_person": PERSON,
    "organisation:deactivate": REASON,
    "organisation:reactivate": REASON,
    "api:unit-list": NAME,
    "api:unit-detail": NAME,
    "api:unit-archive": REASON,
    "api:team-list": NAME | {"unit": "@application.team.business_unit.slug"},
    "api:team-detail": {"contact": "#lending"},
    "api:unit-move-list": MOVE | {"team": "@live.model.owner_team.slug"},
    "api:membership-list": MEMBER,
    "api:join-request-list": JOIN,
    "api:join-request-decide": {"outcome": "accepted"},
    "api:person-list": PERSON,
    "api:person-detail": PERSON,
    "api:person-deactivate": REASON,
    "api:person-reactivate": REASON,
    "api:people-import-list": TABLE,
    **{
        f"api:{name}-{act}": NAME
        for name in ("domain", "capability", "model-type")
        for act in ("list", "detail")
    },
}

# None of the fixtures' people may do it; tests/organisation and tests/publishing/test_behaviour.py have the answers.
ANSWERED_ELSEWHERE = {"api:version-correction"} | {
    name
    for (name, method), (_, codes) in API.items()
    if not any(200 <= code < 300 for code in codes)
}
