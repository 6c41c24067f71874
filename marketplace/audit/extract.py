"""A part of the record as JSON lines that verify offline (docs/evidence-packs.md, "Extracts of the record")."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.audit.actions import anchor, record
from marketplace.audit.models import AuditEvent
from marketplace.audit.permissions import can_oversee
from marketplace.core import signing
from marketplace.core.canonical import canonical
from marketplace.core.guard import require

SCHEMA = "audit-extract/1"
MOST_ROWS = 10_000  # the newest; about 10 MB


@dataclass(frozen=True)
class Extract:
    """A finished file."""

    name: str
    content: bytes  # JSON lines


def extract(by: User, events: "QuerySet[AuditEvent]", question: dict[str, Any]) -> Extract:
    """Those of `events` that are in the record when it is asked, oldest first, signed. Raises NotAllowed, RuleError.

    `question` says by which filters they were found. The extract itself is an event of the record.
    """
    require(
        can_oversee(by),
        "Auditors and those who oversee take extracts of the record.",
        ask="an auditor",
    )
    event = record(by, "audit.extract", by, question=question)
    point = anchor(event)
    found = events.filter(seq__lte=event.seq)
    newest = list(found.order_by("-seq")[:MOST_ROWS])
    head = {"size": point.size, "head": point.head, "signature": point.signature}
    lines = [canonical(row.as_line()) for row in reversed(newest)]
    lines.append(canonical({"checkpoint": head | {"at": point.at.isoformat()}}))
    content = b"".join(line + b"\n" for line in lines)
    statement = {
        "schema": SCHEMA,
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": len(newest),
        "left_out": max(0, found.count() - MOST_ROWS),
        "question": question,
        "made_at": timezone.now().isoformat(),
        "made_by": by.username,
        "public_key": signing.public_key(),
    }
    signed = {"extract": statement, "signature": signing.sign(canonical(statement))}
    name = f"record-{timezone.now():%Y-%m-%d}.jsonl"
    return Extract(name, content + canonical(signed) + b"\n")
