"""Every problem that the gateway answers: problem+json (RFC 9457) with the member `error` that the protocol's clients read.

The texts are the gateway's own; nothing that an upstream sent is ever repeated here. Rate, quota and concurrency build theirs
beside the limit (limits/). docs/gateway.md lists them.
"""

import json
from collections.abc import Sequence
from http import HTTPStatus

from marketplace.core.problem_types import BY_SLUG

MEDIA_TYPE = b"application/problem+json"
BASE = "/docs/problems/"


class Problem(Exception):
    """One answer other than 2xx: its type (`slug`, which says status and title) and what the caller can do about it.

    `delay_s`: the caller gets it so much later, or more. `close`: the connection is closed after it. `limits`: what a 413 would
    take, as members of the document: `limit_bytes`.
    """

    def __init__(
        self,
        slug: str,
        detail: str,
        headers: Sequence[tuple[bytes, bytes]] = (),
        *,
        close: bool = False,
        delay_s: float = 0.0,
        **limits: int,
    ) -> None:
        super().__init__(detail)
        kind = BY_SLUG[slug]
        self.status = kind.status
        self.slug = slug
        self.title = kind.title
        self.detail = detail
        self.headers = tuple(headers)
        self.close = close
        self.delay_s = delay_s
        self.limits = limits

    def body(self, request_id: str = "") -> bytes:
        """The JSON document."""
        members: dict[str, str | int] = {
            "type": BASE + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "error": self.detail,
            **self.limits,
        }
        if request_id:
            members["request_id"] = request_id
        return json.dumps(members, ensure_ascii=False).encode()


def retry_after(seconds: float) -> tuple[bytes, bytes]:
    """Whole seconds, at least one."""
    return b"retry-after", b"%d" % max(1, int(seconds + 0.999))


def status_line(status: int) -> bytes:
    """`HTTP/1.1 200 OK` and its line end."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}

CHALLENGE = (b"www-authenticate", b'Bearer realm="models"')


def not_recognised() -> Problem:
    """401, the same for no key, unknown, wrong, expired, paused and revoked keys."""
    return Problem(
        "key-not-recognised",
        "Send a live API key as 'Authorization: Bearer mkc_…' or 'X-API-Key'.",
        [CHALLENGE],
    )


def too_many_failures() -> Problem:
    return Problem(
        "too-many-failed-keys",
        "Too many keys from this address were not recognised. Wait a minute, then send a live key.",
        [retry_after(60)],
    )


def key_in_query() -> Problem:
    return Problem(
        "key-in-address",
        "Addresses end up in logs, so this key counts as leaked and is being revoked. "
        "Make a new key and send it as 'Authorization: Bearer'.",
        close=True,
    )


def unavailable(what: str, seconds: float = 1) -> Problem:
    """503: a store that the gateway needs does not answer."""
    return Problem(
        "try-again",
        f"{what} Try again in a moment.",
        [retry_after(seconds)],
    )


def disk_full() -> Problem:
    """503: a call that could not be recorded is not answered. Test applications are stopped before production."""
    return Problem(
        "disk-full",
        "The gateway's disk is nearly full. Calls of test applications stop first, those of production last. "
        "Try again in a minute; the marketplace's operators see it on their page.",
        [retry_after(60)],
    )


def gateway_busy(delay_s: float = 0.0) -> Problem:
    """503: load shedding, because of all callers together, where 429 is a caller's own limit."""
    return Problem(
        "gateway-busy",
        "The gateway gets more calls than it can answer, so it turns some away: those of test applications first. "
        "This is no limit of your plan. Try again in a few seconds, with back-off.",
        [retry_after(2)],
        delay_s=delay_s,
    )


def too_many_connections(limit: int) -> Problem:
    """429: the caller's own connections; this one is closed."""
    return Problem(
        "too-many-connections",
        f"Your address has more than {limit} connections open at once, so this one is closed. Keep fewer of them open and send "
        "one call after the other over each.",
        [retry_after(1)],
        close=True,
    )


def no_such_model() -> Problem:
    return Problem(
        "no-such-model",
        "This key's subscription has no model of that name. Check the name and the key's application.",
    )


def no_such_version(text: str) -> Problem:
    return Problem(
        "no-such-version",
        f"The model has no callable version '{text[:40]}'.",
    )


def no_such_route() -> Problem:
    return Problem(
        "no-such-route",
        "The gateway has inference, readiness and metadata only. See the API tab of the model.",
    )


def method_not_allowed(allowed: bytes) -> Problem:
    return Problem(
        "wrong-method",
        f"Use {allowed.decode()}.",
        [(b"allow", allowed)],
    )


def subscription_not_active(state: str) -> Problem:
    return Problem(
        "subscription-not-active",
        f"The subscription of this key is {state}. Ask the application's team to resume or renew it.",
    )


def address_not_allowed(address: str) -> Problem:
    """403: the right key from a wrong network. The answer does not name the networks, for a thief need not know them."""
    return Problem(
        "address-not-allowed",
        f"This key works from some networks only, and {address or 'this address'} is in none of them. Call from there, "
        "or ask the application's team for a key that works from here.",
    )


def version_gone(model: str, number: str, successor_model: str, successor: str) -> Problem:
    """410: it was retired. `successor` is a version of the model with the slug `successor_model`; "" without one."""
    guide = f"/models/{model}/versions/{number}/migration/"
    links = [f'<{guide}>; rel="deprecation"; type="text/html"']
    remedy = "Ask the model's team for a replacement."
    if successor:
        of_model = f" of {successor_model}" if successor_model != model else ""
        remedy = f"Move to version {successor}{of_model}."
        address = f"/v2/models/{successor_model}/versions/{successor}"
        links.append(f'<{address}>; rel="successor-version"')
    return Problem(
        "version-gone",
        f"Version {number} of {model} was retired. {remedy}",
        [(b"link", ", ".join(links).encode())],
    )


def brownout(model: str, number: str, seconds: float, answer_head: bytes) -> Problem:
    """503: an announced refusal of a version that ends; its own type, since waiting helps and yet the caller must move."""
    lines = [line.partition(b": ") for line in answer_head.splitlines()]
    return Problem(
        "brownout",
        f"Version {number} of {model} ends soon and refuses calls now for a short time, as announced. "
        f"It answers again in {max(1, round(seconds))} s. The migration guide says how to move: "
        f"/models/{model}/versions/{number}/migration/",
        [retry_after(seconds), *((name, value) for name, _, value in lines)],
    )


def version_suspended(model: str, number: str, why: str) -> Problem:
    """503. why: the reason that governance gave, and who can help."""
    return Problem(
        "version-suspended",
        f"Version {number} of {model} is suspended by the marketplace. {why} More: /models/{model}/",
        [retry_after(60)],
    )


def not_running(number: str) -> Problem:
    return Problem(
        "not-running",
        f"No replica of version {number} is ready. Try again in a moment.",
        [retry_after(5)],
    )


def bad_framing(detail: str) -> Problem:
    """400, and the connection is closed: what follows cannot be trusted to be a request."""
    return Problem("unreadable-request", detail, close=True)


def headers_too_large(detail: str) -> Problem:
    return Problem("headers-too-large", detail, close=True)


def body_too_large(limit: int) -> Problem:
    return Problem(
        "request-too-large",
        f"A request body may have {limit // (1024 * 1024)} MiB. Send fewer rows at a time.",
        close=True,
        limit_bytes=limit,
    )


def rows_too_large(limit: int) -> Problem:
    """413: the gateway makes rows of no larger answer of an external endpoint."""
    return Problem(
        "request-too-large",
        f"The answer to these rows is larger than {limit // 1024} KiB. Send fewer rows at a time, or tensors.",
        limit_bytes=limit,
    )


def too_slow(what: str) -> Problem:
    return Problem(
        "too-slow",
        f"The {what} did not arrive in time.",
        close=True,
    )


def upstream_failed() -> Problem:
    return Problem(
        "model-failed",
        "The model did not give a usable answer. The call is not charged. If it happens again, tell the model's team.",
    )


def upstream_late(seconds: float) -> Problem:
    return Problem(
        "model-late",
        f"The model gave no answer within {seconds:g} seconds. The call is not charged.",
    )


def upstream_busy() -> Problem:
    return Problem(
        "model-busy",
        "All replicas of the model are busy and its queue is full. Try again in a moment.",
        [retry_after(1)],
    )


def upstream_failing(number: str, seconds: float) -> Problem:
    """503: the circuit breaker of the version is open for so many seconds."""
    return Problem(
        "model-failing",
        f"The last calls of version {number} all failed at the model, so it is asked again only now and then. Try again "
        f"in {max(1, round(seconds))} s. If it goes on, tell the model's team; the model's page names it.",
        [retry_after(seconds)],
    )


def rejected_input() -> Problem:
    return Problem(
        "bad-input",
        "The model's endpoint refused the input. Compare it with the model's signature.",
    )
