"""Verbs of the record: append an event; chain what was appended; sign the head."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.audit.models import AuditEvent, Checkpoint
from marketplace.core import request_ids, signing
from marketplace.core.background import enqueue
from marketplace.core.canonical import canonical, digest
from marketplace.core.errors import NotAllowed, RuleError
from marketplace.core.field_limits import PROSE, require_text

SEQUENCER_LOCK = 7_310_001
ANCHORED_WITHIN_S = 5.0  # a batch of the sequencer takes less than a second
# What may not wait for the periodic checkpoint (docs/governance.md, "Audit record").
WITNESS_AT_ONCE = tuple(
    "amendment. policy. review. role. statement. value. waiver."
    " version.approve version.resume version.suspend".split()
)


def record(by: User, action: str, obj: Any, reason: str = "", **detail: Any) -> AuditEvent:
    """Append one event in the caller's transaction: if this row fails, the act fails.

    `detail` holds plain JSON values, no secrets and no floats; what a program did with a token names the token. Raises Invalid
    when the reason is too long.
    """
    require_text("reason", reason, PROSE)
    if by.token_kid:
        detail["token"] = by.token_kid
    event = AuditEvent(
        at=timezone.now(),
        actor=by,
        action=action,
        object_type=obj._meta.label_lower,
        object_id=str(obj.pk),
        object_label=str(obj)[:200],
        reason=reason,
        detail=detail,
        request_id=request_ids.current(),
    )
    event.seal()
    event.save(force_insert=True)
    enqueue("audit.sequence", action.startswith(WITNESS_AT_ONCE))
    return event


@contextmanager
def refusal_on_record(by: User, action: str, obj: Any) -> Iterator[None]:
    """Keep on the record that somebody was not allowed to do it, and raise on.

    Stands outside the transaction of the act, which the refusal takes back.
    """
    try:
        yield
    except NotAllowed as refusal:
        record(by, action, obj, reason=refusal.message)
        raise


def sequence(batch: int = 5000) -> int:
    """Give gap-free numbers and hashes to what was appended. Returns how many were chained. Safe to run twice at once."""
    with transaction.atomic():
        if not _only_sequencer():
            return 0
        last = AuditEvent.objects.exclude(seq=None).order_by("-seq").first()
        seq, head = (last.seq or 0, last.hash) if last else (0, "0" * 64)
        events = list(AuditEvent.objects.filter(seq=None).order_by("id")[:batch])
        for event in events:
            seq += 1
            event.seq, event.prev_hash = seq, head
            head = event.hash = link(head, seq, event.content())
        _write_links(events)
    return len(events)


def _write_links(events: list[AuditEvent]) -> None:
    """By the owner's function: the application's role may not update the record."""
    columns = [
        [getattr(event, name) for event in events] for name in ("pk", "seq", "prev_hash", "hash")
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audit_chain(%s::bigint[], %s::bigint[], %s::text[], %s::text[])", columns
        )


def link(prev_hash: str, seq: int, content: dict[str, Any]) -> str:
    """The chain's formula: SHA-256 over prev_hash, seq and the canonical content (docs/governance.md, "Audit record"). Hex."""
    return digest([prev_hash, seq, content])


@transaction.atomic
def checkpoint() -> Checkpoint | None:
    """Sign the chain's head and witness it outside the database. Returns the Checkpoint, or None when nothing is new.

    Two at once: the second walks away, the next round signs.
    """
    if not _only_sequencer():
        return None
    last = AuditEvent.objects.exclude(seq=None).order_by("-seq").first()
    if last is None or last.seq is None or Checkpoint.objects.filter(size=last.seq).exists():
        return None
    statement = {"size": last.seq, "head": last.hash}
    point = Checkpoint.objects.create(
        at=timezone.now(), signature=signing.sign(canonical(statement)), **statement
    )
    path = settings.AUDIT_WITNESS_FILE
    with open(path, "a", encoding="utf-8") as file:
        file.write(
            json.dumps({**statement, "signature": point.signature, "at": point.at.isoformat()})
            + "\n"
        )
        file.flush()
        os.fsync(file.fileno())
    return point


def anchor(event: AuditEvent) -> Checkpoint:
    """Chain an event that is committed, and sign a head that covers it. Returns the Checkpoint.

    Waits at most ANCHORED_WITHIN_S for another sequencer. Raises RuleError after that.
    """
    until = time.monotonic() + ANCHORED_WITHIN_S
    while time.monotonic() < until:
        sequence()
        checkpoint()
        event.refresh_from_db(fields=["seq", "prev_hash", "hash"])
        point = event.seq and Checkpoint.objects.filter(size__gte=event.seq).last()
        if point:
            return point
        time.sleep(0.05)
    raise RuleError("The record is busy.", remedy="Try again in a minute.")


def _only_sequencer() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
        return cursor.fetchone()[0]
