"""An upstream's error in the gateway's words. Only our own model server may say what is wrong with an input."""

from typing import NamedTuple

from consumption.metering.usage_journal import CLIENT_ERROR, UPSTREAM_ERROR
from hosting.gateway import problems
from hosting.gateway.auth.resolve import Version

INPUT_STATUSES = (400, 413, 415, 422)  # the input is at fault
# A replica's 503, and its ingress' (Ray Serve).
QUEUE_IS_FULL = b"Request dropped due to backpressure"


class UpstreamError(NamedTuple):
    """An upstream's answer that is no 2xx. `body`: its first 64 KiB."""

    status: int
    content_type: bytes
    has_retry_after: bool
    body: bytes = b""

    def is_queue_full(self) -> bool:
        """Whether the upstream is healthy and has too much to do. More load would not help it."""
        if self.status == 429:
            return True
        says_full = self.has_retry_after or self.body.startswith(QUEUE_IS_FULL)
        return self.status == 503 and says_full

    def is_from_model_server(self, version: Version) -> bool:
        """Whether our own model server sent it, and not what stands before it."""
        return self.content_type == problems.MEDIA_TYPE and not version.is_external

    def is_own(self, version: Version) -> bool:
        """Whether the upstream stands behind the answer, so that its circuit breaker counts a success."""
        return self.status < 500 or self.is_from_model_server(version) or self.is_queue_full()


class UpstreamProblem(problems.Problem):
    """A problem document of our own model server, passed on as it is."""

    def __init__(self, status: int, document: bytes) -> None:
        super().__init__("bad-input", "")
        self.status, self.slug = status, ""
        self._document = document

    def body(self, request_id: str = "") -> bytes:
        return self._document


def translate(error: UpstreamError, version: Version) -> tuple[problems.Problem, int]:
    """What the caller gets, and the outcome that the journal records."""
    status = error.status
    if status in (404, *INPUT_STATUSES) and error.is_from_model_server(version) and error.body:
        return UpstreamProblem(status, error.body), CLIENT_ERROR
    if status in INPUT_STATUSES and version.is_external:
        return problems.rejected_input(), CLIENT_ERROR
    if status in (429, 503):
        return problems.upstream_busy(), UPSTREAM_ERROR
    if status == 404:
        return problems.not_running(version.number), UPSTREAM_ERROR
    if status == 504:
        return problems.upstream_late(version.first_byte_s), UPSTREAM_ERROR
    return problems.upstream_failed(), UPSTREAM_ERROR
