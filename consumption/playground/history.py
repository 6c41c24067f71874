"""What a person tried lately: kept in the memory of this process for some hours, for this sign-in alone, and never stored.

So values that people type are in no table, no log and no backup; a restart of the portal forgets them
(docs/playground.md, "What is kept").
"""

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.cache import caches
from django.utils import timezone

from consumption.playground.rows import Texts

MOST = 10
MOST_BYTES = 128 * 1024  # of one sign-in


@dataclass(frozen=True)
class Side:
    """How one version answered, in plain values: `version` is "slug/number", `sent` the rows that it was asked."""

    version: str
    sent: list[int]
    status: int = 0
    document: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    latency_ms: float = 0.0
    why_not: str = ""


@dataclass(frozen=True)
class Run:
    """One run. moved: the input that was moved, with its `points`; "" of rows that were answered as they were typed."""

    model: str
    rows: list[Texts]
    sides: list[Side]
    said: str
    at: int = 0
    moved: str = ""
    points: list[str] = field(default_factory=list)
    when: datetime = field(default_factory=timezone.now)
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def what(self) -> str:
        """What was run, in a few words."""
        rows = f"{len(self.rows)} rows" if len(self.rows) > 1 else "1 row"
        numbers = " and ".join(side.version.partition("/")[2] for side in self.sides)
        return f"{f'{self.moved} moved' if self.moved else rows}, {numbers}"

    @property
    def size(self) -> int:
        return len(json.dumps([self.rows, [side.document for side in self.sides]]))


def runs(session_key: str | None) -> list[Run]:
    """The runs of a sign-in, newest first."""
    return list(caches["tries"].get(session_key, [])) if session_key else []


def find(session_key: str | None, run_id: str) -> Run | None:
    """One of them; None when it was forgotten."""
    return next((run for run in runs(session_key) if run.id == run_id), None)


def keep(session_key: str | None, run: Run) -> None:
    """Remember a run. The oldest are forgotten, and what is too large is not kept at all."""
    if session_key and run.size <= MOST_BYTES:
        kept = [run, *runs(session_key)][:MOST]
        while sum(one.size for one in kept) > MOST_BYTES:
            kept.pop()
        caches["tries"].set(session_key, kept)


def clear(session_key: str | None) -> None:
    """Forget all."""
    if session_key:
        caches["tries"].delete(session_key)
