"""Questions about a search-before-build record: what was signed, whether it still holds, what a reader sees of it.

The rules are in docs/search-before-build.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from catalog.models import RegisteredModel, ReuseDecision, SearchCandidate, SearchRecord
from marketplace.accounts.models import User
from marketplace.core import signing
from marketplace.core.canonical import canonical

SCHEMA = "search-record/1"
HIDDEN = "A model that you may not see"


@dataclass(frozen=True)
class Shown:
    """A candidate as a reader sees it; `model` is None when the reader may not see it, and then nothing of it is shown."""

    candidate: SearchCandidate
    model: RegisteredModel | None

    @property
    def name(self) -> str:
        return self.candidate.name if self.model else HIDDEN


@dataclass(frozen=True)
class Fault:
    """A reason why a record does not hold. `code` is for programs, `text` for people."""

    code: str
    text: str


@dataclass(frozen=True)
class Verification:
    """What a pipeline is told: does the record hold, and if not, why."""

    record: SearchRecord
    faults: list[Fault]

    @property
    def passes(self) -> bool:
        return not self.faults


def shown_to(user: User, record: SearchRecord) -> list[Shown]:
    """The candidates of a record for_page(), in order."""
    candidates = list(record.candidates.all())
    ids = [candidate.model_id for candidate in candidates]
    visible = set(
        RegisteredModel.objects.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True)
    )
    return [
        Shown(candidate, candidate.model if candidate.model_id in visible else None)
        for candidate in candidates
    ]


def statement(record: SearchRecord) -> dict[str, Any]:
    """What the signature covers: the need, what was found, why each does not do, the decision. Plain JSON values, no floats."""
    return {
        "schema": SCHEMA,
        "number": str(record),
        "team": record.team.slug,
        "title": record.title,
        "need": record.need,
        "engine": record.engine,
        "searched_at": _moment(record.opened_at),
        "candidates": [_candidate(candidate) for candidate in record.candidates.all()],
        "decision": record.decision,
        "chosen": record.chosen.slug if record.chosen else None,
        "sponsor": record.sponsor,
        "reason": record.decision_reason,
        "decided_by": record.decided_by_id,
        "decided_at": _moment(record.decided_at),
        "expires_at": _moment(record.expires_at),
    }


def sign(record: SearchRecord) -> str:
    """The platform's signature (hex) over the statement of a record."""
    return signing.sign(canonical(statement(record)))


def verify(record: SearchRecord, model: RegisteredModel | None = None) -> Verification:
    """Does the record hold now, and is it about `model`, when one is named? One that is built names it; one that is reused is chosen."""
    return Verification(record, list(_faults(record, model)))


def _faults(record: SearchRecord, model: RegisteredModel | None) -> Iterator[Fault]:
    if not record.is_decided:
        yield Fault(record.state, f"{record} is {record.get_state_display().lower()}, not decided.")
        return
    if not signing.is_signed(canonical(statement(record)), record.signature):
        yield Fault("signature", f"{record} was changed after it was signed.")
    if record.has_expired:
        yield Fault("expired", f"{record} expired on {record.expires_at:%d %b %Y}. Search again.")
    if _is_gone(record):
        yield Fault("gone", f"The model that {record} chose is not in the catalog any more.")
    if model is not None and record.pk != model.search_record_id and model != record.chosen:
        yield Fault("other-model", f"{record} is not about {model}.")


def _is_gone(record: SearchRecord) -> bool:
    chosen = record.chosen if record.decision == ReuseDecision.REUSE else None
    return chosen is not None and chosen.state != RegisteredModel.State.PUBLISHED


def _candidate(candidate: SearchCandidate) -> dict[str, Any]:
    return {
        "position": candidate.position,
        "model": candidate.model.slug,
        "name": candidate.name,
        "version": candidate.version,
        "score": f"{candidate.score:.4f}",
        "is_strong": candidate.is_strong,
        "findings": candidate.findings,
        "reason_code": candidate.reason_code,
        "reason": candidate.reason,
        "reasoned_by": candidate.reasoned_by_id,
    }


def _moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat() if value else None
