"""Finds any edit, delete, insert, reorder, truncation or fork in the record."""

import json
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from marketplace.audit.actions import link, record
from marketplace.audit.models import AuditEvent, Verification
from marketplace.audit.permissions import can_oversee
from marketplace.core import signing
from marketplace.core.background import enqueue
from marketplace.core.canonical import canonical
from marketplace.core.guard import require

GIVEN_UP_AFTER = timedelta(minutes=10)  # the task's own limit: its worker died


def find_faults(witness_file=None, limit=20):
    """Walk the whole chain, what waits for it, and every witnessed checkpoint. Returns a list of sentences; empty means intact."""
    faults, heads = _walk(limit)
    # Rows that nobody has chained yet are as old as a few seconds: each has its seal.
    waiting = AuditEvent.objects.filter(seq=None).order_by("pk")[:10_000]
    faults += [
        f"row {event.pk} ({event.action}) was not written by the marketplace: its seal is wrong."
        for event in waiting
        if not event.is_sealed()
    ][:limit]
    faults += _check_witnesses(heads, Path(witness_file or settings.AUDIT_WITNESS_FILE))
    return faults[:limit]


@transaction.atomic
def ask(by):
    """Have the whole record verified in the background. Returns the Verification; one that is under way is not doubled.

    Raises NotAllowed.
    """
    require(can_oversee(by), "Auditors and those who oversee verify the record.")
    under_way = Verification.objects.filter(
        finished_at=None, asked_at__gt=timezone.now() - GIVEN_UP_AFTER
    ).first()
    if under_way:
        return under_way
    verification = Verification.objects.create(asked_by=by)
    record(by, "audit.verify", verification)
    enqueue("audit.verify", verification.pk)
    return verification


def finish(pk):
    """Look at every row, and keep what was found. A second call looks again."""
    size = AuditEvent.objects.exclude(seq=None).count()
    faults = find_faults()
    Verification.objects.filter(pk=pk).update(finished_at=timezone.now(), size=size, faults=faults)


def _walk(limit):
    faults, heads, expected, head, sealed = [], {}, 1, "0" * 64, False
    for event in AuditEvent.objects.exclude(seq=None).order_by("seq").iterator(2000):
        if event.seq != expected:
            faults.append(f"seq {expected} is missing: the next row has seq {event.seq}.")
        if event.prev_hash != head or event.hash != link(
            event.prev_hash, event.seq, event.content()
        ):
            faults.append(f"seq {event.seq} ({event.action}) does not match its hash.")
        elif (
            sealed or event.mac
        ) and not event.is_sealed():  # rows from before there were seals begin the chain
            faults.append(
                f"seq {event.seq} ({event.action}) was not written by the marketplace: its seal is wrong."
            )
        expected, head, sealed = event.seq + 1, event.hash, sealed or bool(event.mac)
        heads[event.seq] = event.hash
        if len(faults) >= limit:
            break
    return faults, heads


def _check_witnesses(heads, path):
    if not path.exists():
        return ["There is no witness file, although events are recorded."] if heads else []
    return [
        fault
        for line in path.read_text().splitlines()
        if (fault := _witness_fault(json.loads(line), heads))
    ]


def _witness_fault(line, heads):
    statement = {"size": line["size"], "head": line["head"]}
    if not signing.is_signed(canonical(statement), line["signature"]):
        return f"The checkpoint of size {line['size']} is not signed by the platform."
    if heads.get(line["size"]) != line["head"]:
        return f"Witnessed head at seq {line['size']} is not in the record: it was rewritten or cut off."
    return None
