"""Finds any edit, delete, insert, reorder, truncation or fork in the record."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DataError, transaction
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.audit.actions import link, record
from marketplace.audit.models import AuditEvent, Checkpoint, Verification
from marketplace.audit.permissions import can_oversee
from marketplace.core import signing
from marketplace.core.background import enqueue
from marketplace.core.canonical import canonical
from marketplace.core.guard import require

GIVEN_UP_AFTER = timedelta(minutes=10)  # the task's own limit: its worker died
MOST_FAULTS = 20
Lines = list[tuple[int, dict[str, Any] | None]]
NO_WITNESS = "There is no witness file, although events are recorded."


@dataclass
class Walk:
    """How far a walk along the chain has come. `heads` ({seq: hash}) are those of the rows that it looked at, `faults` sentences."""

    seq: int = 0
    head: str = "0" * 64
    is_sealed: bool = False  # rows from before there were seals begin the chain
    heads: dict[int, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def on(self, most: int | None = None, limit: int = MOST_FAULTS) -> int:
        """Look at the next rows, `most` of them or all, until there are `limit` faults. Returns how many were looked at."""
        rows = AuditEvent.objects.filter(seq__gt=self.seq) if self.seq else AuditEvent.objects
        looked_at = 0
        try:
            for event in rows.exclude(seq=None).order_by("seq")[:most].iterator(2000):
                looked_at += 1
                self._look_at(event)
                if len(self.faults) >= limit:
                    break
        except DataError:  # a moment at the end of time, which nothing of ours writes
            self.faults.append(f"A row after seq {self.seq} cannot be read.")
        return looked_at

    def _look_at(self, event: AuditEvent) -> None:
        seq, fits = event.seq or 0, f"seq {event.seq} ({event.action})"
        if seq != self.seq + 1:
            self.faults.append(f"seq {self.seq + 1} is missing: the next row has seq {seq}.")
        if event.prev_hash != self.head or event.hash != link(self.head, seq, event.content()):
            self.faults.append(f"{fits} does not match its hash.")
        elif (self.is_sealed or event.mac) and not event.is_sealed():
            self.faults.append(f"{fits} was not written by the marketplace: its seal is wrong.")
        self.seq, self.head = seq, event.hash
        self.is_sealed = self.is_sealed or bool(event.mac)
        self.heads[seq] = event.hash


def find_faults(witness_file: str | None = None, limit: int = MOST_FAULTS) -> list[str]:
    """Walk the whole chain, what waits for it, and every signed checkpoint. Returns a list of sentences; empty means intact."""
    points = list(Checkpoint.objects.order_by("size"))
    # Read before the walk, so that each is about rows that the walk sees.
    lines = read_witness(Path(witness_file or settings.AUDIT_WITNESS_FILE))
    walk = Walk()
    walk.on(limit=limit)
    faults = [*walk.faults, *waiting_faults(limit)]
    if lines is None:
        return [*faults, *([NO_WITNESS] if walk.heads else [])][:limit]
    return [*faults, *checkpoint_faults(lines, points, walk.heads)][:limit]


def waiting_faults(limit: int = MOST_FAULTS) -> list[str]:
    """Of rows that nobody has chained yet, as old as a few seconds: each has its seal."""
    waiting = AuditEvent.objects.filter(seq=None).order_by("pk")[:10_000]
    return [
        f"row {event.pk} ({event.action}) was not written by the marketplace: its seal is wrong."
        for event in waiting
        if not event.is_sealed()
    ][:limit]


@transaction.atomic
def ask(by: User) -> Verification:
    """Have the whole record verified in the background. Returns the Verification; one that is under way is not doubled.

    Raises NotAllowed.
    """
    require(can_oversee(by), "Auditors and those who oversee verify the record.", ask="an auditor")
    under_way = Verification.objects.filter(
        finished_at=None, asked_at__gt=timezone.now() - GIVEN_UP_AFTER
    ).first()
    if under_way:
        return under_way
    verification = Verification.objects.create(asked_by=by)
    record(by, "audit.verify", verification)
    enqueue("audit.verify", verification.pk)
    return verification


def finish(pk: int) -> None:
    """Look at every row, and keep what was found. A second call looks again."""
    size = AuditEvent.objects.exclude(seq=None).count()
    faults = find_faults()
    Verification.objects.filter(pk=pk).update(finished_at=timezone.now(), size=size, faults=faults)


def read_witness(path: Path, offset: int = 0, most: int | None = None) -> Lines | None:
    """(end in bytes, line or None where it cannot be read) of the witness file from a byte on; None without a file."""
    if not path.exists():
        return None
    lines: Lines = []
    with path.open("rb") as file:
        file.seek(offset)
        while (text := file.readline()).endswith(b"\n") and len(lines) != most:
            lines.append((file.tell(), _witness_line(text)))
    return lines


def checkpoint_faults(
    lines: Lines, points: list[Checkpoint], heads: dict[int, str], *, are_all: bool = True
) -> Iterator[str]:
    """What is wrong with checkpoints of some part of the chain: both copies of each are signed and name a head of it.

    The file has each that the database has up to the file's last line (`are_all`: it is among the lines), because a copy of the file
    may be older than the database.
    """
    witnessed = {line["size"] for _, line in lines if line}
    last = max(witnessed, default=0) if are_all else None
    for _, line in lines:
        if fault := _witness_fault(line, heads):
            yield fault
    for point in points:
        if fault := _point_fault(point, heads):
            yield fault
        if point.size not in witnessed and (last is None or point.size < last):
            yield f"The checkpoint of size {point.size} is missing from the witness file."


def _witness_line(text: bytes) -> dict[str, Any] | None:
    """{"size", "head", "signature"} of a line of the witness file; None when it is no such line."""
    try:
        line = json.loads(text)
        return {
            "size": int(line["size"]),
            "head": str(line["head"]),
            "signature": str(line["signature"]),
        }
    except (ValueError, TypeError, KeyError):
        return None


def _witness_fault(line: dict[str, Any] | None, heads: dict[int, str]) -> str:
    if line is None:
        return "A line of the witness file cannot be read."
    size, head = line["size"], line["head"]
    if not _is_signed(size, head, line["signature"]):
        return f"The checkpoint of size {size} is not signed by the platform."
    if heads.get(size) != head:
        return f"Witnessed head at seq {size} is not in the record: it was rewritten or cut off."
    return ""


def _point_fault(point: Checkpoint, heads: dict[int, str]) -> str:
    if not _is_signed(point.size, point.head, point.signature):
        return f"The database's checkpoint of size {point.size} is not signed by the platform."
    if heads.get(point.size) != point.head:
        return f"The database's checkpoint of size {point.size} does not fit the record."
    return ""


def _is_signed(size: int, head: str, signature: str) -> bool:
    return signing.is_signed(canonical({"size": size, "head": head}), signature)
