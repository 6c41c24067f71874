"""Who gets which answer where people are told: channels, watches, mail, calendar and webhooks; part of endpoint_permissions."""

#             anonymous charlie maya alice rita vera
SIGNED_IN = (302, 200, 200, 200, 200, 200)
POST_ONLY = (302, 405, 405, 405, 405, 405)
REDIRECTS = (302, 302, 302, 302, 302, 302)
READ = (401, 200, 200, 200, 200, 200)
OWN_ROWS = (302, 404, 200, 404, 404, 404)

WHERE = {
    "kind of notice": {"kind": "kind_of_notice"},
    "letter": {"pk": "letter.pk"},
    "webhook": {"pk": "webhook.pk"},
    "challenged": {"pk": "webhook.pk", "verb": "challenge"},
    "delivery": {"pk": "delivery.pk"},
    "watched": {"model": "live.model.slug"},
}

PAGES = {
    ("notices:channels", "get"): (None, SIGNED_IN),
    ("notices:channels", "post"): (None, (302, 422, 422, 422, 422, 422)),
    ("consumption:calendar", "get"): (None, SIGNED_IN),
    ("consumption:calendar", "post"): (None, REDIRECTS),
    ("consumption:webhooks", "get"): (None, SIGNED_IN),
    ("consumption:webhooks", "post"): (None, (302, 422, 422, 422, 422, 422)),
    ("consumption:webhook", "get"): ("webhook", (302, 404, 200, 404, 404, 200)),
    ("consumption:webhook", "post"): ("webhook", (302, 404, 302, 404, 404, 403)),
    ("consumption:rotate_webhook", "get"): ("webhook", POST_ONLY),
    ("consumption:rotate_webhook", "post"): ("webhook", (302, 404, 200, 404, 404, 403)),
    ("consumption:change_webhook", "get"): ("challenged", POST_ONLY),
    ("consumption:change_webhook", "post"): ("challenged", (302, 404, 302, 404, 404, 403)),
    ("consumption:webhook_delivery", "get"): ("delivery", (302, 404, 200, 404, 404, 200)),
    ("consumption:webhook_delivery", "post"): ("delivery", (302, 404, 409, 404, 404, 403)),
    ("notices:letters", "get"): (None, SIGNED_IN),
    ("notices:letter", "get"): ("letter", OWN_ROWS),
    ("notices:stop_watching", "get"): ("model", POST_ONLY),
    ("notices:stop_watching", "post"): ("model", REDIRECTS),
    ("catalog:watch", "get"): ("model", POST_ONLY),
    ("catalog:watch", "post"): ("model", REDIRECTS),
}

API = {
    ("api:notice-unread", "post"): (None, (401, 204, 204, 204, 204, 204)),
    ("api:notice-channel-list", "get"): (None, READ),
    ("api:notice-channel-detail", "put"): ("kind of notice", READ),
    ("api:notice-times", "get"): (None, READ),
    ("api:notice-times", "put"): (None, READ),
    ("api:calendar", "post"): (None, (401, 201, 201, 201, 201, 201)),
    ("api:calendar", "delete"): (None, (401, 204, 204, 204, 204, 204)),
    ("api:webhook-list", "get"): (None, READ),
    ("api:webhook-list", "post"): (None, (401, 403, 201, 403, 403, 403)),
    ("api:webhook-detail", "get"): ("webhook", (401, 404, 200, 404, 404, 200)),
    ("api:webhook-detail", "put"): ("webhook", (401, 404, 200, 404, 404, 403)),
    ("api:webhook-detail", "delete"): ("webhook", (401, 404, 204, 404, 404, 403)),
    ("api:webhook-challenge", "post"): ("webhook", (401, 404, 200, 404, 404, 403)),
    ("api:webhook-confirm", "post"): ("webhook", (401, 404, 422, 404, 404, 403)),
    ("api:webhook-rotate", "post"): ("webhook", (401, 404, 200, 404, 404, 403)),
    ("api:webhook-disable", "post"): ("webhook", (401, 404, 409, 404, 404, 403)),
    ("api:webhook-replay", "post"): ("webhook", (401, 404, 409, 404, 404, 403)),
    ("api:webhook-delivery-list", "get"): (None, READ),
    ("api:webhook-delivery-detail", "get"): ("delivery", (401, 404, 200, 404, 404, 200)),
    ("api:webhook-delivery-replay", "post"): ("delivery", (401, 404, 409, 404, 404, 403)),
    ("api:letter-list", "get"): (None, READ),
    ("api:letter-detail", "get"): ("letter", (401, 404, 200, 404, 404, 404)),
    ("api:watch-list", "get"): (None, READ),
    ("api:watch-list", "post"): (None, (401, 201, 201, 201, 201, 201)),
    ("api:watch-detail", "get"): ("watched", (401, 404, 200, 404, 404, 404)),
    ("api:watch-detail", "delete"): ("watched", (401, 404, 204, 404, 404, 404)),
}

BODIES = {
    "consumption:webhook": {"name": "Pager"},
    "consumption:rotate_webhook": {"hours": "24"},
    "api:webhook-list": {
        "team": "@application.team.slug",
        "name": "On call",
        "url": "https://93.184.216.34/hook",
    },
    "api:webhook-detail": {"name": "Pager"},
    "api:webhook-confirm": {"code": "12345678"},
    "api:notice-unread": {"ids": ["@notice.pk"]},
    "api:notice-channel-detail": {"page": True, "mail": "digest"},
    "api:notice-times": {"time_zone": "UTC", "digest_day": 1, "digest_at": "08:00"},
    "api:watch-list": {"model": "@live.model.slug"},
}
