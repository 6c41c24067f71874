"""Who gets which answer at the inventory, announcements, events and stories: part of endpoint_permissions."""

LONG = "A reason that is long enough to be one."
REASON = {"reason": LONG}
#             anonymous charlie maya alice rita vera
SIGNED_IN = (302, 200, 200, 200, 200, 200)
POST_ONLY = (302, 405, 405, 405, 405, 405)
CURATORS = (302, 404, 404, 404, 200, 404)
CURATORS_FORM = (302, 404, 404, 404, 422, 404)
READ = (401, 200, 200, 200, 200, 200)
DRAFT = (302, 404, 404, 404, 200, 200)
HIDDEN_ACT = (401, 404, 404, 404, 200, 403)
CURATOR_ACT = (401, 403, 403, 403, 200, 403)
NOT_NOW = (401, 403, 403, 403, 409, 403)

ANNOUNCED = {
    "title": "New",
    "text": "Three models.",
    "audience": "everybody",
    "shown_from": "@soon",
    "shown_until": "@later",
}
TOLD = {"title": "Fast", "problem": "Slow.", "before": "Weeks.", "after": "Seconds."}
PLANNED = {
    "title": "Demo day",
    "text": "Come.",
    "starts_at": "@soon",
    "ends_at": "@soon_after",
    "place": "Room 4",
}

WHERE = {
    "production model": {"pk": "production_model.pk"},
    "production model, act": {"pk": "production_model.pk", "verb": "remind_verb"},
    "inventory import": {"pk": "inventory_import.pk"},
    "inventory import, act": {"pk": "inventory_import.pk", "verb": "discard_verb"},
    "announcement": {"pk": "announcement.pk"},
    "announcement, act": {"pk": "announcement.pk", "verb": "schedule_verb"},
    "company event": {"pk": "company_event.pk"},
    "company event, act": {"pk": "company_event.pk", "verb": "sign_up_verb"},
    "story": {"pk": "told_story.pk"},
    "story, act": {"pk": "told_story.pk", "verb": "submit_verb"},
    "follow": {"pk": "follow.pk"},
    "publication campaign": {"pk": "publication_campaign.pk"},
}

PAGES = {
    ("insights:inventory", "get"): (None, SIGNED_IN),
    ("insights:inventory_coverage", "get"): (None, SIGNED_IN),
    ("insights:production_model", "get"): ("production model", SIGNED_IN),
    ("insights:new_production_model", "get"): (None, CURATORS),
    ("insights:new_production_model", "post"): (None, CURATORS_FORM),
    ("insights:edit_production_model", "get"): (
        "production model",
        (302, 404, 404, 200, 200, 404),
    ),
    ("insights:edit_production_model", "post"): (
        "production model",
        (302, 404, 404, 422, 422, 404),
    ),
    ("insights:change_production_model", "get"): ("production model, act", POST_ONLY),
    ("insights:change_production_model", "post"): (
        "production model, act",
        (302, 403, 403, 403, 302, 403),
    ),
    ("insights:new_import", "get"): (None, CURATORS),
    ("insights:new_import", "post"): (None, CURATORS_FORM),
    ("insights:inventory_import", "get"): ("inventory import", (302, 404, 404, 404, 200, 200)),
    ("insights:change_import", "get"): ("inventory import, act", POST_ONLY),
    ("insights:change_import", "post"): (
        "inventory import, act",
        (302, 404, 404, 404, 302, 403),
    ),
    ("insights:publication_campaigns", "get"): (None, SIGNED_IN),
    ("insights:announcements", "get"): (None, SIGNED_IN),
    ("insights:new_announcement", "get"): (None, CURATORS),
    ("insights:new_announcement", "post"): (None, CURATORS_FORM),
    ("insights:announcement", "get"): ("announcement", DRAFT),
    ("insights:edit_announcement", "get"): ("announcement", CURATORS),
    ("insights:edit_announcement", "post"): ("announcement", CURATORS_FORM),
    ("insights:change_announcement", "get"): ("announcement, act", POST_ONLY),
    ("insights:change_announcement", "post"): (
        "announcement, act",
        (302, 404, 404, 404, 302, 403),
    ),
    ("insights:following", "get"): (None, SIGNED_IN),
    ("insights:following", "post"): (None, (302, 404, 404, 404, 404, 404)),
    ("insights:stories", "get"): (None, SIGNED_IN),
    ("insights:new_story", "get"): (None, SIGNED_IN),
    ("insights:new_story", "post"): (None, (302, 422, 422, 422, 422, 422)),
    ("insights:story", "get"): ("story", (302, 404, 200, 404, 200, 200)),
    ("insights:edit_story", "get"): ("story", (302, 404, 200, 404, 200, 404)),
    ("insights:edit_story", "post"): ("story", (302, 404, 422, 404, 422, 404)),
    ("insights:change_story", "get"): ("story, act", POST_ONLY),
    ("insights:change_story", "post"): ("story, act", (302, 404, 302, 404, 302, 403)),
    ("insights:events", "get"): (None, SIGNED_IN),
    ("insights:new_event", "get"): (None, CURATORS),
    ("insights:new_event", "post"): (None, CURATORS_FORM),
    ("insights:event", "get"): ("company event", SIGNED_IN),
    ("insights:edit_event", "get"): ("company event", CURATORS),
    ("insights:edit_event", "post"): ("company event", CURATORS_FORM),
    ("insights:event_attendance", "get"): ("company event", DRAFT),
    ("insights:event_attendance", "post"): ("company event", (302, 404, 404, 404, 409, 403)),
    ("insights:event_calendar", "get"): ("company event", SIGNED_IN),
    ("insights:change_event", "get"): ("company event, act", POST_ONLY),
    ("insights:change_event", "post"): ("company event, act", (302, 302, 302, 302, 302, 302)),
    ("insights:new_publication_campaign", "get"): (None, CURATORS),
    ("insights:new_publication_campaign", "post"): (None, CURATORS_FORM),
    ("insights:publication_campaign", "get"): ("publication campaign", SIGNED_IN),
    ("insights:cancel_publication_campaign", "get"): ("publication campaign", POST_ONLY),
    ("insights:cancel_publication_campaign", "post"): (
        "publication campaign",
        (302, 403, 403, 403, 302, 403),
    ),
}

API = {
    ("api:production-model-list", "get"): (None, READ),
    ("api:production-model-list", "post"): (None, (401, 403, 403, 403, 201, 403)),
    ("api:production-model-detail", "get"): ("production model", READ),
    ("api:production-model-detail", "patch"): (
        "production model",
        (401, 403, 403, 200, 200, 403),
    ),
    ("api:production-model-match", "post"): ("production model", CURATOR_ACT),
    ("api:production-model-unmatch", "post"): ("production model", NOT_NOW),
    ("api:production-model-grant-exception", "post"): ("production model", CURATOR_ACT),
    ("api:production-model-end-exception", "post"): ("production model", NOT_NOW),
    ("api:production-model-remind", "post"): ("production model", CURATOR_ACT),
    ("api:production-model-retire", "post"): ("production model", CURATOR_ACT),
    ("api:production-model-bring-back", "post"): ("production model", NOT_NOW),
    ("api:inventory-coverage", "get"): (None, READ),
    ("api:inventory-import-list", "post"): (None, (401, 403, 403, 403, 201, 403)),
    ("api:inventory-import-detail", "get"): ("inventory import", (401, 404, 404, 404, 200, 200)),
    ("api:inventory-import-apply", "post"): ("inventory import", (401, 404, 404, 404, 200, 403)),
    ("api:inventory-import-discard", "post"): (
        "inventory import",
        (401, 404, 404, 404, 200, 403),
    ),
    ("api:publication-campaign-list", "get"): (None, READ),
    ("api:announcement-list", "get"): (None, READ),
    ("api:announcement-list", "post"): (None, (401, 403, 403, 403, 201, 403)),
    ("api:announcement-detail", "get"): ("announcement", (401, 404, 404, 404, 200, 200)),
    ("api:announcement-detail", "put"): ("announcement", HIDDEN_ACT),
    ("api:announcement-schedule", "post"): ("announcement", HIDDEN_ACT),
    ("api:announcement-take-back", "post"): ("announcement", (401, 404, 404, 404, 409, 403)),
    ("api:announcement-end", "post"): ("announcement", HIDDEN_ACT),
    ("api:follow-list", "get"): (None, READ),
    ("api:follow-list", "post"): (None, (401, 201, 201, 201, 201, 201)),
    ("api:follow-detail", "delete"): ("follow", (401, 404, 204, 404, 404, 404)),
    ("api:story-list", "get"): (None, READ),
    ("api:story-list", "post"): (None, (401, 403, 201, 201, 201, 403)),
    ("api:story-detail", "get"): ("story", (401, 404, 200, 404, 200, 200)),
    ("api:story-detail", "put"): ("story", (401, 404, 200, 404, 200, 403)),
    ("api:story-submit", "post"): ("story", (401, 404, 200, 404, 200, 403)),
    ("api:story-agree", "post"): ("story", (401, 404, 200, 404, 403, 403)),
    ("api:story-refuse", "post"): ("story", (401, 404, 200, 404, 403, 403)),
    ("api:story-publish", "post"): ("story", (401, 404, 403, 404, 409, 403)),
    ("api:story-send-back", "post"): ("story", (401, 404, 403, 404, 409, 403)),
    ("api:story-withdraw", "post"): ("story", (401, 404, 200, 404, 200, 403)),
    ("api:event-list", "get"): (None, READ),
    ("api:event-list", "post"): (None, (401, 403, 403, 403, 201, 403)),
    ("api:event-detail", "get"): ("company event", READ),
    ("api:event-detail", "patch"): ("company event", CURATOR_ACT),
    ("api:event-sign-up", "post"): ("company event", READ),
    ("api:event-withdraw", "post"): ("company event", (401, 409, 200, 409, 409, 409)),
    ("api:event-cancel", "post"): ("company event", CURATOR_ACT),
    ("api:event-attendance", "get"): ("company event", (401, 403, 403, 403, 200, 200)),
    ("api:event-attendance", "post"): ("company event", NOT_NOW),
    ("api:publication-campaign-list", "post"): (None, (401, 403, 403, 403, 201, 403)),
    ("api:publication-campaign-detail", "get"): ("publication campaign", READ),
    ("api:publication-campaign-cancel", "post"): ("publication campaign", CURATOR_ACT),
}

BODIES = {
    "insights:cancel_publication_campaign": REASON,
    "api:production-model-list": {
        "name": "Another model",
        "business_unit": "@application.team.business_unit.slug",
    },
    "api:production-model-detail": {"description": LONG},
    "api:production-model-match": {"model": "@live.model.slug"},
    "api:production-model-unmatch": REASON,
    "api:production-model-grant-exception": REASON | {"until": "@day"},
    "api:production-model-retire": REASON,
    "api:inventory-import-list": {"kind": "csv", "text": "name\nA model\n"},
    "api:publication-campaign-list": {
        "title": "Another one",
        "until": "@day",
        "models": ["@production_model.pk"],
    },
    "api:publication-campaign-cancel": REASON,
    "api:announcement-list": ANNOUNCED,
    "api:announcement-detail": ANNOUNCED,
    "api:follow-list": {"domain": "@live.model.domain.slug"},
    "api:story-list": TOLD | {"model": "@live.model.slug", "team": "@application.team.slug"},
    "api:story-detail": TOLD,
    "api:story-publish": REASON,
    "api:story-send-back": REASON,
    "api:event-list": PLANNED,
    "api:event-detail": {"capacity": 9},
    "api:event-cancel": REASON,
    "api:event-attendance": {"people": []},
}
