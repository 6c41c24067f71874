"""CORS: the portal's own pages may call the gateway from a browser (Swagger's "try it"); pages of other sites may not.

One fixed origin, no cookies: what a page may do with a key, curl may do too.
"""

Headers = list[tuple[bytes, bytes]]
EXPOSED = (
    b"X-Request-Id, X-Model-Version, X-Model-Review, X-Model-Suspends, RateLimit, "
    b"RateLimit-Policy, Retry-After, Deprecation, Sunset, Link, traceparent, tracestate"
)


def answer_headers(portal_url: str) -> Headers:
    """Headers for every answer; none when the portal's address is not configured."""
    if not portal_url:
        return []
    return [
        (b"access-control-allow-origin", portal_url.encode()),
        (b"access-control-expose-headers", EXPOSED),
    ]


def preflight_headers() -> Headers:
    """The answer to an OPTIONS request: which methods and headers a call may have."""
    return [
        (b"access-control-allow-methods", b"GET, POST"),
        (
            b"access-control-allow-headers",
            b"Authorization, X-API-Key, Content-Type, Inference-Header-Content-Length, traceparent, tracestate",
        ),
        (b"access-control-max-age", b"600"),
    ]
