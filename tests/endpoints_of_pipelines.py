"""Who gets which answer where pipelines and agents publish and look: part of endpoint_permissions."""

PAGES = {
    ("insights:mcp", "get"): (None, (401,) * 6),  # a session opens nothing there
    ("insights:mcp", "post"): (None, (401,) * 6),
}
WHERE, API, BODIES = {}, {}, {}
