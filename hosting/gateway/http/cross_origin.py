"""The portal's own pages may call the gateway from a browser (Swagger's "try it"); pages of other sites may not.

One fixed origin, no cookies: what a page may do with a key, curl may do too.
"""

Headers = list[tuple[bytes, bytes]]
TOLD = b"X-Request-Id, X-Model-Version, RateLimit, RateLimit-Policy, Retry-After, Deprecation, Sunset, Link"


def on_answers(portal: str) -> Headers:
    """Headers for every answer; none when the portal's address is not known."""
    if not portal:
        return []
    return [
        (b"access-control-allow-origin", portal.encode()),
        (b"access-control-expose-headers", TOLD),
    ]


def on_preflight() -> Headers:
    """What an OPTIONS request is told: which methods and headers a call may have."""
    return [
        (b"access-control-allow-methods", b"GET, POST"),
        (
            b"access-control-allow-headers",
            b"Authorization, X-API-Key, Content-Type, Inference-Header-Content-Length",
        ),
        (b"access-control-max-age", b"600"),
    ]


def as_lines(headers: Headers) -> bytes:
    """The headers as raw HTTP/1.1 lines."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)
