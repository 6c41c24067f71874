"""Who gets which answer where the marketplace's value is read: part of endpoint_permissions."""

#             anonymous charlie maya alice rita vera
SIGNED_IN = (302, 200, 200, 200, 200, 200)
READ = (401, 200, 200, 200, 200, 200)

WHERE = {"metric": {"name": "metric"}}

PAGES = {
    ("insights:insights", "get"): (None, SIGNED_IN),
    ("insights:metric", "get"): ("metric", SIGNED_IN),
}

API = {
    ("api:metric-list", "get"): (None, READ),
    ("api:metric-detail", "get"): ("metric", READ),
    ("api:metric-rows", "get"): ("metric", READ),
}
