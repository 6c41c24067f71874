"""Which headers pass the gateway, and in which form. Everything else is dropped in both directions; docs/gateway.md lists them."""

import re

FORWARDED = {
    name: name + b": "
    for name in (
        b"content-type",
        b"content-encoding",
        b"inference-header-content-length",
        b"accept",
        b"accept-encoding",
    )
}  # of the caller's request to the upstream
RETURNED = tuple(
    (name, name + b": ")
    for name in (b"content-type", b"content-encoding", b"inference-header-content-length")
)  # of the upstream's answer to the caller
_TRACEPARENT = re.compile(
    rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]{1,200})?"
)
TRACESTATE_BYTES = 512  # so much is passed on at least, says the standard
ONCE = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"authorization",
        b"x-api-key",
        b"content-type",
    }
)  # ambiguous when sent twice
UPGRADE = frozenset({b"upgrade", b"connection", b"http2-settings"})  # ignored, as RFC 9110 allows
CONNECTION_CLOSE = b"connection: close\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"


def trace_lines(parent: bytes, state: bytes | None) -> bytes:
    """The lines that carry a trace on; nothing where `traceparent` is none, which the standard has everybody drop."""
    if _TRACEPARENT.fullmatch(parent) is None or parent.startswith(b"ff"):
        return b""
    if state is None or len(state) > TRACESTATE_BYTES:
        return b"traceparent: %b\r\n" % parent
    return b"traceparent: %b\r\ntracestate: %b\r\n" % (parent, state)


def as_bytes(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Headers as lines of HTTP/1.1."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def size_of(headers: list[tuple[bytes, bytes]]) -> int:
    """Bytes of their names and values."""
    return sum(len(name) + len(value) for name, value in headers)


def key_from(headers: dict[bytes, bytes]) -> bytes:
    """The API key as sent, b"" when there is none or more than one. `Authorization: Bearer` or `X-API-Key`."""
    authorization, api_key = headers.get(b"authorization"), headers.get(b"x-api-key")
    if authorization is None:
        return api_key.strip() if api_key is not None else b""
    scheme, _, text = authorization.partition(b" ")
    key = text.strip() if scheme.lower() == b"bearer" else b"?"
    return key if api_key is None or api_key.strip() == key else b""
