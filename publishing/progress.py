"""How far a version got, for a program that waits: its state, what is missing, gates and reviews, and a mark that changes with them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from django.db import connection

from catalog.models import ModelVersion
from governance.actions import current_gates
from governance.models import GateResult, Review
from marketplace.core.canonical import digest
from publishing import steps

WAIT_MOST_S = 5
WAITING_AT_ONCE = (
    2  # of the eight workers of a web process (PORTAL_THREADS): the others answer pages
)
LOOK_EVERY_S = 0.5
RETRY_AFTER_S = 5
MARK = 16  # hex digits

_places = BoundedSemaphore(WAITING_AT_ONCE)


@dataclass(frozen=True)
class Progress:
    """What `GET …/status/` answers."""

    version: ModelVersion
    missing: list[steps.FieldOnPage]
    gates: list[GateResult]
    reviews: list[Review]
    mark: str

    @property
    def is_in_progress(self) -> bool:
        """Does something still happen without its team?"""
        return self.version.state in ModelVersion.IN_PROGRESS


def of(version: ModelVersion) -> Progress:
    """The Progress of a version as it is now."""
    return Progress(
        version=version,
        missing=steps.fields(version),
        gates=list(current_gates(version)) if version.manifest_sha256 else [],
        reviews=list(version.reviews.order_by("round", "opened_at", "pk")),
        mark=mark(version.pk),
    )


def mark(pk: int) -> str:
    """A text that is another one when state, gates or reviews of the version moved."""
    state: list[Any] = list(
        ModelVersion.objects.filter(pk=pk).values_list("state", "suspended_at", "manifest_sha256")
    )
    state += Review.objects.filter(version=pk).order_by("pk").values_list("pk", "state")
    state.append(GateResult.objects.filter(version=pk).count())
    return digest([str(part) for part in state])[:MARK]


def wait_for_change(
    pk: int, since: str, wait_s: float, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Return when the version's mark is no longer `since`, or after `wait_s` seconds (at most WAIT_MOST_S).

    Returns at once while WAITING_AT_ONCE others wait in this process: a waiting request holds a worker thread, and no client may
    take those that answer pages. The caller tells such a client when to ask again.
    """
    if not _places.acquire(blocking=False):
        return
    try:
        end = time.monotonic() + min(wait_s, WAIT_MOST_S)
        while mark(pk) == since and time.monotonic() < end:
            if not connection.in_atomic_block:
                connection.close()  # others may have it while this one sleeps
            sleep(min(LOOK_EVERY_S, max(0.0, end - time.monotonic())))
    finally:
        _places.release()
