"""Who gets which answer where a version ends; part of tests/endpoint_permissions.py."""

from tests.endpoints_of_users import LONG

# Answers:      anonymous charlie maya alice rita vera
READ = (401, 200, 200, 200, 200, 200)
POST_ONLY = (302, 405, 405, 405, 405, 405)
FORM = (302, 403, 403, 200, 200, 403)
DONE = (302, 403, 403, 302, 302, 403)
CHANGED = (401, 403, 403, 200, 200, 403)
REASON = {"reason": LONG}
GRANT = {"outcome": "granted", "no_conflict": True} | REASON
LONGER = {"no_conflict": True, "until": "2030-01-01"} | REASON
GUIDE = dict.fromkeys(("what_changes", "steps", "checks"), LONG)

WHERE = {
    "ending": {"slug": "ending.model.slug", "number": "ending.number"},
    "ending id": {"pk": "ending.pk"},
    "moving": {"slug": "ending.model.slug", "number": "ending.number", "pk": "moving.pk"},
    "retirement waiver": {"pk": "retirement_waiver.pk"},
}

PAGES = {
    ("governance:extend", "get"): ("version", (302, 403, 403, 403, 200, 403)),
    ("governance:extend", "post"): ("version", (302, 403, 403, 403, 422, 403)),
    ("publishing:migration_guide", "get"): ("ending", (302, 200, 200, 200, 200, 200)),
    ("publishing:edit_guide", "get"): ("ending", FORM),
    ("publishing:edit_guide", "post"): ("ending", DONE),
    ("publishing:migration_board", "get"): ("ending", (302, 403, 200, 200, 200, 200)),
    ("publishing:write_about_move", "get"): ("moving", POST_ONLY),
    ("publishing:write_about_move", "post"): ("moving", (302, 404, 302, 302, 403, 403)),
    ("publishing:ask_retirement_waiver", "get"): ("moving", FORM),
    ("publishing:ask_retirement_waiver", "post"): ("moving", (302, 403, 403, 422, 422, 403)),
    ("publishing:retirement_waiver", "get"): ("retirement waiver", (302, 404, 200, 200, 200, 200)),
    ("publishing:retirement_waiver", "post"): ("retirement waiver", (302, 404, 403, 403, 403, 403)),
    ("publishing:postpone", "get"): ("ending", FORM),
    ("publishing:postpone", "post"): ("ending", DONE),
    ("publishing:call_off_brownouts", "get"): ("ending", FORM),
    ("publishing:call_off_brownouts", "post"): ("ending", DONE),
    ("publishing:retire", "get"): ("ending", POST_ONLY),
    ("publishing:retire", "post"): ("ending", (302, 403, 403, 409, 409, 403)),
}

API = {
    ("api:version-extend", "post"): ("live id", (401, 403, 403, 403, 409, 403)),
    ("api:version-migration-guide", "get"): ("ending id", READ),
    ("api:version-migration-guide", "put"): ("ending id", CHANGED),
    ("api:version-migrations", "get"): ("ending id", (401, 403, 200, 200, 200, 200)),
    ("api:version-write-about-move", "post"): ("ending id", (401, 422, 200, 200, 403, 403)),
    ("api:version-postpone", "post"): ("ending id", CHANGED),
    ("api:version-call-off-brownouts", "post"): ("ending id", CHANGED),
    ("api:version-retire", "post"): ("ending id", (401, 403, 403, 409, 409, 403)),
    ("api:retirement-waiver-list", "get"): (None, READ),
    ("api:retirement-waiver-list", "post"): (None, (401, 422, 403, 409, 409, 403)),
    ("api:retirement-waiver-detail", "get"): (
        "retirement waiver",
        (401, 404, 200, 200, 200, 200),
    ),
    ("api:retirement-waiver-decide", "post"): (
        "retirement waiver",
        (401, 404, 403, 403, 403, 403),
    ),
}

BODIES = {
    **dict.fromkeys(("governance:extend", "api:version-extend"), LONGER),
    "publishing:edit_guide": GUIDE,
    "publishing:write_about_move": {"text": LONG},
    "publishing:postpone": {"sunset_at": "2029-01-01"} | REASON,
    "publishing:call_off_brownouts": {"text": LONG},
    "publishing:retire": {"confirm": "ending-model 1.0.0"},
    "publishing:retirement_waiver": GRANT,
    "api:version-migration-guide": GUIDE,
    "api:version-write-about-move": {"subscription": "@moving.pk", "text": LONG},
    "api:version-postpone": {"sunset_at": "2029-01-01T00:00:00Z"} | REASON,
    "api:version-call-off-brownouts": REASON,
    "api:retirement-waiver-decide": GRANT,
    "api:retirement-waiver-list": REASON
    | {
        "version": "@ending.pk",
        "subscription": "@moving.pk",
        "instead": LONG,
        "ends_on": "2099-01-01",
    },
}
