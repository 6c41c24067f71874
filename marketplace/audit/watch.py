"""Verifies the record without being asked: some rows each minute, round and round (docs/governance.md, "Audit record").

A step looks at the next rows of the chain, at the checkpoints over them, and at what waits to be chained. What it finds stands until
a whole round finds nothing.
"""

from itertools import takewhile
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from marketplace.audit.models import AuditEvent, Checkpoint, Watch
from marketplace.audit.verify import (
    MOST_FAULTS,
    NO_WITNESS,
    Lines,
    Walk,
    checkpoint_faults,
    read_witness,
    waiting_faults,
)

STEP = 5000  # rows: half a second; a record of a million rows is seen whole in less than four hours


@transaction.atomic
def step(most: int = STEP) -> int:
    """Look at the next `most` rows, or the rest of the round. Returns how many. Two at once: the second takes the rows after."""
    Watch.objects.get_or_create(pk=1)
    watch = Watch.objects.select_for_update().get(pk=1)
    points = list(Checkpoint.objects.filter(size__gt=watch.seq).order_by("size")[: most + 1])
    # Read before the walk, so that each is about rows that the walk sees.
    lines = read_witness(Path(settings.AUDIT_WITNESS_FILE), watch.witness_offset, most + 1)
    walk = Walk(watch.seq, watch.head, watch.is_sealed)
    looked_at = walk.on(most, limit=most)
    is_last = looked_at < most or not AuditEvent.objects.filter(seq__gt=walk.seq).exists()
    faults = [*walk.faults, *waiting_faults()]
    if lines is None:
        faults += [NO_WITNESS] if walk.seq else []
    else:
        faults += _of_checkpoints(watch, walk, lines, points, is_last)
    _go_on(watch, walk, faults, is_last)
    return looked_at


def _of_checkpoints(
    watch: Watch, walk: Walk, lines: Lines, points: list[Checkpoint], is_last: bool
) -> list[str]:
    """Of those over the rows of this step; of all that are left in the last one."""
    fitting = lines
    if not is_last:
        fitting = list(takewhile(lambda one: not one[1] or one[1]["size"] <= walk.seq, lines))
        points = [point for point in points if point.size <= walk.seq]
    watch.witness_offset = fitting[-1][0] if fitting else watch.witness_offset
    # A checkpoint that was made while the last step walked may be over its rows.
    early = [line["size"] for _, line in fitting if line and line["size"] <= watch.seq]
    rows = AuditEvent.objects.filter(seq__in=early).values_list("seq", "hash")
    heads = walk.heads | {seq: head for seq, head in rows if seq is not None}
    reaches_end = len(fitting) == len(lines)
    return list(checkpoint_faults(fitting, points, heads, are_all=reaches_end))


def _go_on(watch: Watch, walk: Walk, faults: list[str], is_last: bool) -> None:
    """Keep the place of the next step, and what was found: it stands until a whole round finds nothing."""
    now = timezone.now()
    watch.found = [*watch.found, *(one for one in faults if one not in watch.found)][:MOST_FAULTS]
    watch.stepped_at = now
    if watch.found:
        watch.faults, watch.broken_since = watch.found, watch.broken_since or now
    if is_last:
        if not watch.found:
            watch.faults, watch.broken_since = [], None
        watch.completed_at, watch.size, watch.found = now, walk.seq, []
        walk, watch.witness_offset = Walk(), 0
    watch.seq, watch.head, watch.is_sealed = walk.seq, walk.head, walk.is_sealed
    watch.save()
