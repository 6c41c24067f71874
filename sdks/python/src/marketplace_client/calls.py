"""What a call does, without doing it: generators that yield what to send and how long to wait.

`sync_client` and `async_client` drive them, so that both keep the same rules:

- Repeated is only what was not done: 429, 503, and a connection that could not be made. A call whose connection was lost, whose
  answer is late or that the model failed may have run; it is never sent again.
- A wait is at least `Retry-After`, with jitter on top, and never beyond the deadline: then the refusal is raised at once.
- A batch that is larger than the server takes (413) is halved and sent on; what was answered is kept.
"""

from __future__ import annotations

import json
import os
import random
import time
import warnings
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict, TypeVar
from urllib.parse import quote

from marketplace_client import errors, tensors
from marketplace_client.predictions import (
    CallInfo,
    Predictions,
    deprecation_of,
    joined,
    limits_of,
)

GATEWAY, KEY, PORTAL = "MARKETPLACE_GATEWAY_URL", "MARKETPLACE_API_KEY", "MARKETPLACE_URL"
MOST_OUTCOMES = 1000
Result = TypeVar("Result")


class DeprecatedVersion(UserWarning):
    """The version that answers will be retired."""


class NotSent(Exception):
    """Raised by a transport: no byte of the request reached the server."""


class Lost(Exception):
    """Raised by a transport: the connection ended after something was sent."""


class Late(Exception):
    """Raised by a transport: the time was over. `sent`: after something was sent."""

    def __init__(self, sent: bool) -> None:
        super().__init__()
        self.sent = sent


@dataclass(frozen=True)
class Send:
    """One HTTP request; the transport answers within `timeout` seconds, or raises."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    timeout: float


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Answer:
    """`headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


Steps = Generator[Send | Pause, Answer | None, Result]


class Options(TypedDict, total=False):
    """The keyword arguments of a client: those of Settings but the model."""

    gateway: str
    key: str
    version: str
    portal: str
    timeout: float
    attempts: int
    first_pause: float
    longest_pause: float
    max_rows: int
    max_bytes: int
    on_call: Callable[[CallInfo], None] | None


@dataclass(frozen=True)
class Settings:
    """Where and how a client calls.

    gateway    address of the gateway, with or without /v2; else from MARKETPLACE_GATEWAY_URL
    key        API key; else from MARKETPLACE_API_KEY
    model      its slug; `version` only to call another one than the subscription's policy chooses
    portal     address of the portal, for feedback; else from MARKETPLACE_URL
    timeout    seconds for a call, or for a whole batch, with all repetitions
    attempts   of one call, the first included
    max_rows, max_bytes   of one piece of a batch: what a gateway and a hosted model take unless told otherwise
    on_call    told of every answered call, for tracing
    """

    model: str
    gateway: str = field(default_factory=lambda: os.environ.get(GATEWAY, ""))
    key: str = field(default_factory=lambda: os.environ.get(KEY, ""), repr=False)
    version: str = ""
    portal: str = field(default_factory=lambda: os.environ.get(PORTAL, ""))
    timeout: float = 60.0
    attempts: int = 4
    first_pause: float = 0.25
    longest_pause: float = 8.0
    max_rows: int = 100_000
    max_bytes: int = 16 * 2**20
    on_call: Callable[[CallInfo], None] | None = None

    def __post_init__(self) -> None:
        if not self.gateway or not self.key:
            raise ValueError(f"Say gateway and key, or set {GATEWAY} and {KEY}.")
        if self.attempts < 1 or self.max_rows < 1 or self.timeout <= 0:
            raise ValueError("attempts and max_rows are at least 1, timeout is more than 0.")

    @property
    def model_url(self) -> str:
        base = self.gateway.rstrip("/").removesuffix("/v2")
        middle = f"/versions/{quote(self.version, safe='')}" if self.version else ""
        return f"{base}/v2/models/{quote(self.model, safe='')}{middle}"


class Core:
    """The state that a client keeps between calls: the model's metadata, and of what it has warned."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._types: dict[str, tensors.TensorType] | None = None
        self._types_of = ""
        self._warned: set[str] = set()

    def metadata(self, traceparent: str = "") -> Steps[dict[str, Any]]:
        """The model's metadata of the protocol: name, versions, platform, inputs, outputs."""
        request = _Request(
            "GET", self.settings.model_url, self._headers(), b"", _Trace(traceparent)
        )
        answer, _ = yield from self._call(request, time.monotonic() + self.settings.timeout)
        try:
            document: dict[str, Any] = json.loads(answer.body)
            self._types = {
                entry["name"]: tensors.TensorType(entry["datatype"], tuple(entry["shape"]))
                for entry in document["inputs"]
            }
        except (KeyError, TypeError, ValueError) as wrong:
            raise errors.UnexpectedAnswer(
                f"The metadata is none of the protocol: {wrong!r}."
            ) from None
        self._types_of = answer.headers.get("x-model-version", "")
        return document

    def predict(
        self,
        data: Any,
        *,
        binary: bool = False,
        timeout: float | None = None,
        traceparent: str = "",
    ) -> Steps[Predictions]:
        """Send rows or columns, in as many calls as the server's limits need."""
        columns = tensors.columns_of(data)
        count = len(next(iter(columns.values())))
        deadline = time.monotonic() + (timeout or self.settings.timeout)
        trace = _Trace(traceparent)
        pieces: list[Predictions] = []
        at, size = 0, min(count, self.settings.max_rows)
        try:
            if self._types is None:
                yield from self.metadata(trace.parent)
            while at < count:
                piece = {name: values[at : at + size] for name, values in columns.items()}
                rows = min(size, count - at)
                body, headers = tensors.encode(piece, self._types or {}, binary)
                if rows > 1 and len(body) > self.settings.max_bytes:
                    size = (rows + 1) // 2
                    continue
                try:
                    pieces.append((yield from self._infer(body, headers, rows, trace, deadline)))
                except errors.TooLarge:
                    if rows == 1:
                        raise
                    size = (rows + 1) // 2
                else:
                    at += rows
        except errors.MarketplaceError as error:
            _place(error, joined(pieces), at, trace)
            raise
        return joined(pieces)

    def feedback(self, outcomes: list[Mapping[str, Any]]) -> Steps[dict[str, Any]]:
        """Report what turned out to be true (docs/feedback.md): {"taken": n, "refused": [{"request_id", "reason"}]}.

        outcomes  [{"request_id", "actual", "predicted"?, "row"?, "output"?}]. A report may be repeated.
        """
        if not self.settings.portal:
            raise ValueError(f"Say portal, or set {PORTAL}: feedback goes to the portal.")
        url = f"{self.settings.portal.rstrip('/')}/api/v1/feedback/"
        headers = {"X-API-Key": self.settings.key, "Content-Type": "application/json"}
        taken, refused = 0, []
        deadline = time.monotonic() + self.settings.timeout
        for at in range(0, len(outcomes), MOST_OUTCOMES):
            part = [tensors.plain_members(one) for one in outcomes[at : at + MOST_OUTCOMES]]
            body = json.dumps({"outcomes": part}).encode()
            answer, _ = yield from self._call(
                _Request("POST", url, headers, body, _Trace("")), deadline
            )
            document = json.loads(answer.body)
            taken += document["taken"]
            refused += document["refused"]
        return {"taken": taken, "refused": refused}

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.key}"}

    def _infer(
        self, body: bytes, headers: dict[str, str], rows: int, trace: _Trace, deadline: float
    ) -> Steps[Predictions]:
        url = f"{self.settings.model_url}/infer"
        request = _Request("POST", url, self._headers() | headers, body, trace)
        answer, attempts = yield from self._call(request, deadline)
        columns = tensors.decode(
            answer.body, answer.headers.get("inference-header-content-length"), rows
        )
        version = answer.headers.get("x-model-version", "")
        info = CallInfo(
            request_id=answer.headers.get("x-request-id", ""),
            model_version=version,
            trace_id=trace.id,
            rows=rows,
            attempts=attempts,
            limits=limits_of(answer.headers),
            deprecation=deprecation_of(answer.headers),
        )
        if version != self._types_of:  # moved: the next call asks what this version takes
            self._types = None
        self._warn(info)
        if self.settings.on_call:
            self.settings.on_call(info)
        return Predictions(columns, (info,))

    def _warn(self, info: CallInfo) -> None:
        """Once for each version."""
        if info.deprecation is None or info.model_version in self._warned:
            return
        self._warned.add(info.model_version)
        sunset, successor = info.deprecation.sunset, info.deprecation.successor
        end = f" It ends on {sunset:%Y-%m-%d}." if sunset else ""
        move = f" Move to {successor}." if successor else ""
        text = f"{self.settings.model} {info.model_version} is deprecated.{end}{move}"
        warnings.warn(DeprecatedVersion(text), stacklevel=2)

    def _call(self, request: _Request, deadline: float) -> Steps[tuple[Answer, int]]:
        """One call with its repetitions → (the 2xx answer, attempts)."""
        attempt = 0
        while True:
            attempt += 1
            left = deadline - time.monotonic()
            if left <= 0:
                raise errors.DeadlineExceeded(
                    "The deadline passed before the call.", may_have_run=False
                )
            error: errors.MarketplaceError
            try:
                answer = yield request.send(left)
                assert answer is not None
                if 200 <= answer.status < 300:
                    return answer, attempt
                problem = errors.problem_of(answer.status, answer.headers, answer.body)
                if answer.status not in (429, 503):
                    raise problem
                error, wait = problem, self._pause(attempt, problem.retry_after)
            except NotSent as cause:
                error = errors.ConnectionFailed(f"No connection to {request.url}: {cause}.")
                wait = self._pause(attempt, None)
            except Lost as cause:
                raise errors.ConnectionLost(
                    f"The connection was lost during the call: {cause}."
                ) from None
            except Late as cause:
                raise errors.DeadlineExceeded(
                    "No answer in time.", may_have_run=cause.sent
                ) from None
            if attempt >= self.settings.attempts or time.monotonic() + wait >= deadline:
                raise error
            yield Pause(wait)

    def _pause(self, attempt: int, retry_after: float | None) -> float:
        """Seconds, with jitter: at least Retry-After, else growing by two."""
        grown: float = min(
            self.settings.longest_pause, self.settings.first_pause * 2 ** (attempt - 1)
        )
        jitter = grown * random.random()
        return jitter + (retry_after if retry_after is not None else grown / 2)


class _Trace:
    """A W3C trace context: one trace for a batch, one span for each request."""

    def __init__(self, traceparent: str) -> None:
        parts = traceparent.split("-")
        self.id = (
            parts[1] if len(parts) == 4 and len(parts[1]) == 32 else random.randbytes(16).hex()
        )
        self.flags = parts[3] if len(parts) == 4 else "01"

    @property
    def parent(self) -> str:
        """A `traceparent` with a span of its own."""
        return f"00-{self.id}-{random.randbytes(8).hex()}-{self.flags}"


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    trace: _Trace

    def send(self, timeout: float) -> Send:
        headers = self.headers | {"traceparent": self.trace.parent, "Accept-Encoding": "identity"}
        return Send(self.method, self.url, headers, self.body, timeout)


def _place(error: errors.MarketplaceError, done: Predictions, at: int, trace: _Trace) -> None:
    """Say how far a batch came, and count rows over the whole batch instead of the piece."""
    error.predictions = done
    error.trace_id = trace.id
    if isinstance(error, errors.ProblemError) and error.row is not None:
        error.row += at
        for fault in error.errors:
            if isinstance(fault.get("row"), int):
                fault["row"] += at
