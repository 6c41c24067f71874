"""What can go wrong with a call. Every error says in `kind` what it is, in words that are the same in all our clients.

MarketplaceError
  ProblemError            the server said no (problem+json): status, type, title, detail, request_id
    Unauthenticated 401   Forbidden 403   NotFound 404   Conflict 409   Gone 410
    InvalidInput 400, 422   TooLarge 413   LimitReached 429   Unavailable 503   ServerFailed, any other
  ConnectionFailed        no connection, so nothing was sent
  ConnectionLost          it ended after the request was sent; the call may have been done
  DeadlineExceeded        no answer in time; the call may have been done
  UnexpectedAnswer        an answer that is none of the protocol
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marketplace_client.predictions import Predictions


class MarketplaceError(Exception):
    """Any failure of a call.

    may_have_run  the server may have done the call although there is no answer. It is never repeated by the client.
    predictions   what was answered before, when a batch was sent in pieces; go on with row `len(predictions)`.
    trace_id      of the W3C trace that the call was sent with.
    """

    kind = "error"
    may_have_run = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.predictions: Predictions | None = None
        self.trace_id = ""


class ConnectionFailed(MarketplaceError):
    kind = "connection_failed"


class ConnectionLost(MarketplaceError):
    kind = "connection_lost"
    may_have_run = True


class DeadlineExceeded(MarketplaceError):
    kind = "deadline_exceeded"

    def __init__(self, message: str, *, may_have_run: bool = True) -> None:
        super().__init__(message)
        self.may_have_run = may_have_run


class UnexpectedAnswer(MarketplaceError):
    kind = "unexpected_answer"
    may_have_run = True


class ProblemError(MarketplaceError):
    """problem+json (RFC 9457).

    slug         the last part of `type`, such as "rate-limited"
    field, row   the input and the row (from 0, of all rows that were given) that do not fit
    errors       all faults, when there are several: [{"field", "row", "detail", "remedy"}]
    retry_after  seconds, or None
    document     all members of the problem
    """

    kind = "server_failed"

    def __init__(self, status: int, document: dict[str, Any], headers: dict[str, str]) -> None:
        self.status = status
        self.document = document
        self.type = str(document.get("type", "about:blank"))
        self.slug = self.type.rstrip("/").rpartition("/")[2]
        self.title = str(document.get("title", f"HTTP {status}"))
        self.detail = str(document.get("detail") or document.get("error") or self.title)
        self.remedy = str(document.get("remedy", ""))
        self.field: str | None = document.get("field")
        self.row: int | None = document.get("row")
        self.errors: list[dict[str, Any]] = list(document.get("errors") or [])
        self.request_id = headers.get("x-request-id") or str(document.get("request_id", ""))
        self.retry_after = seconds_of(headers.get("retry-after"))
        self.links = links_of(headers.get("link", ""))
        super().__init__(f"{status} {self.detail} (request {self.request_id or 'without id'})")


class Unauthenticated(ProblemError):
    kind = "unauthenticated"


class Forbidden(ProblemError):
    kind = "forbidden"


class NotFound(ProblemError):
    kind = "not_found"


class Conflict(ProblemError):
    kind = "conflict"


class Gone(ProblemError):
    """The version was retired; `successor` is the address of the version to move to, or ""."""

    kind = "gone"

    @property
    def successor(self) -> str:
        return self.links.get("successor-version", "")


class InvalidInput(ProblemError):
    kind = "invalid_input"


class TooLarge(ProblemError):
    kind = "too_large"


class LimitReached(ProblemError):
    kind = "limit_reached"


class Unavailable(ProblemError):
    kind = "unavailable"


class ServerFailed(ProblemError):
    kind = "server_failed"
    may_have_run = True


BY_STATUS: dict[int, type[ProblemError]] = {
    400: InvalidInput,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    422: InvalidInput,
    429: LimitReached,
    503: Unavailable,
}


def problem_of(status: int, headers: dict[str, str], body: bytes) -> ProblemError:
    """The error of an answer that is not 2xx. A body that is no JSON object says nothing."""
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    kind = BY_STATUS.get(status, ServerFailed)
    return kind(status, document if isinstance(document, dict) else {}, headers)


def seconds_of(text: str | None) -> float | None:
    """`Retry-After`: seconds or an HTTP date; None for anything else."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def links_of(text: str) -> dict[str, str]:
    """The `Link` header (RFC 8288) as {relation: address}."""
    return {
        relation: address for address, relation in re.findall(r'<([^>]*)>[^,]*?rel="([^"]*)"', text)
    }
