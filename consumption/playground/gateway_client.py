"""One call through the gateway, as the portal makes it for a person: with a deadline, and a bound on what comes back."""

import http.client
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings

DEADLINE_S = 10.0
MOST_ANSWER_BYTES = 1 << 20
PIECE = 1 << 16
# What is worth seeing of an answer's headers.
SHOWN_HEADERS = (
    "X-Request-Id",
    "X-Model-Version",
    "X-Model-Review",
    "X-Model-Suspends",
    "RateLimit",
    "RateLimit-Policy",
    "Deprecation",
    "Sunset",
    "Link",
    "Retry-After",
)


class Late(Exception):
    """The deadline passed before the answer was whole."""


class TooLong(Exception):
    """The answer has more than MOST_ANSWER_BYTES."""


class Unreachable(Exception):
    """The gateway does not answer."""


@dataclass(frozen=True)
class RawReply:
    """What came back, as it came; `headers` are the shown ones."""

    status: int
    media_type: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """What came back. `document` is {} unless the body is a JSON object; `latency_ms` as the portal saw it."""

    status: int
    document: dict[str, Any]
    headers: dict[str, str]
    latency_ms: float = field(compare=False)

    @property
    def request_id(self) -> str:
        return self.headers.get("X-Request-Id", "")


def infer(slug: str, number: str, body: dict[str, Any], pass_text: str) -> Reply:
    """Send `body` to one version. Raises Late, TooLong, Unreachable."""
    began = time.monotonic()
    headers = {"Content-Type": "application/json"}
    raw = send("POST", slug, number, "infer", json.dumps(body).encode(), headers, pass_text)
    latency_ms = (time.monotonic() - began) * 1000
    return Reply(raw.status, _object(raw.body), raw.headers, latency_ms)


def send(
    method: str,
    slug: str,
    number: str,
    verb: str,
    body: bytes,
    headers: dict[str, str],
    pass_text: str,
) -> RawReply:
    """One request to a version; `verb` "" asks for its metadata. Raises Late, TooLong, Unreachable."""
    address = urlsplit(settings.GATEWAY_INTERNAL_URL or settings.GATEWAY_URL)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=DEADLINE_S)
    path = f"{address.path.rstrip('/')}/v2/models/{quote(slug)}/versions/{quote(number)}/{verb}"
    began = time.monotonic()
    try:
        sent = headers | {"Authorization": f"Bearer {pass_text}"}
        connection.request(method, path.rstrip("/"), body or None, sent)
        answer = connection.getresponse()
        read = _whole(connection, answer, began + DEADLINE_S)
    except TimeoutError:
        raise Late from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable from error
    finally:
        connection.close()
    shown = {name: answer.headers[name] for name in SHOWN_HEADERS if name in answer.headers}
    media_type = answer.headers.get("Content-Type", "application/octet-stream")
    return RawReply(answer.status, media_type, read, shown)


def _whole(
    connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, deadline: float
) -> bytes:
    """The body. A drip does not extend the deadline."""
    read = b""
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(left_s)
        piece = answer.read1(PIECE)
        if not piece:
            return read
        read += piece
        if len(read) > MOST_ANSWER_BYTES:
            raise TooLong


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
