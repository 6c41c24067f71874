"""Who gets which answer where pipelines and agents publish and look: part of endpoint_permissions."""

#             anonymous charlie maya alice rita vera
SIGNED_IN = (302, 200, 200, 200, 200, 200)
POST_ONLY = (302, 405, 405, 405, 405, 405)
READ = (401, 200, 200, 200, 200, 200)

WHERE = {
    "registry": {"key": "registry.key"},
    "registry import": {"pk": "registry_import.pk"},
}

PAGES = {
    ("insights:mcp", "get"): (None, (401,) * 6),  # a session opens nothing there
    ("insights:mcp", "post"): (None, (401,) * 6),
    ("publishing:automation", "get"): (None, SIGNED_IN),
    ("publishing:automation", "post"): (None, (302, 422, 422, 422, 422, 422)),
    ("publishing:registry", "get"): ("registry", (302, 404, 404, 200, 404, 200)),
    ("publishing:rotate_registry", "get"): ("registry", POST_ONLY),
    ("publishing:rotate_registry", "post"): ("registry", (302, 404, 404, 200, 404, 403)),
    ("publishing:remove_registry", "get"): ("registry", POST_ONLY),
    ("publishing:remove_registry", "post"): ("registry", (302, 404, 404, 302, 404, 403)),
    ("publishing:read_again", "get"): ("registry import", POST_ONLY),
    ("publishing:read_again", "post"): ("registry import", (302, 404, 404, 302, 404, 403)),
    ("publishing:registry_events", "get"): ("registry", (405,) * 6),
    ("publishing:registry_events", "post"): ("registry", (401,) * 6),  # nobody signed it
}

API = {
    ("api:registry-connection-list", "get"): (None, READ),
    ("api:registry-connection-list", "post"): (None, (401, 403, 403, 201, 403, 403)),
    ("api:registry-connection-detail", "get"): ("registry", (401, 404, 404, 200, 404, 200)),
    ("api:registry-connection-detail", "delete"): ("registry", (401, 404, 404, 204, 404, 403)),
    ("api:registry-connection-rotate", "post"): ("registry", (401, 404, 404, 200, 404, 403)),
    ("api:registry-import-list", "get"): (None, READ),
    ("api:registry-import-detail", "get"): ("registry import", (401, 404, 404, 200, 404, 200)),
    ("api:registry-import-again", "post"): ("registry import", (401, 404, 404, 200, 404, 403)),
}

BODIES = {
    "api:registry-connection-list": {
        "team": "@registry.team.slug",
        "name": "Lending registry",
        "tracking_url": "https://mlflow.example.com",
        "marker": "production",
    },
    "api:registry-connection-rotate": {},
    "api:registry-import-again": {},
}
