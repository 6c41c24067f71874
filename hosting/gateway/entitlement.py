"""Answers that take long: one whose key, subscription or version has ended meanwhile is cut off (reliability.md 2.2.8: ≤ 5 s).

Asked with each tick, four times a second, of calls older than a second. The ring keeps the keys of such calls fresh as if
each look were a call: so a revocation is known within a second (five without Redis), a suspension with the next snapshot.
"""

import time
from collections.abc import Iterator

from hosting.gateway import problems, resolve
from hosting.gateway.authenticate import KeyRing
from hosting.gateway.call import Call
from hosting.gateway.pool import Pool

SHORT_NS = 1_000_000_000


def recheck(pool: Pool, keys: KeyRing, snapshot: resolve.Snapshot) -> set[bytes]:
    """Cut what may not go on. Returns the keys that must be loaded before their calls can be judged."""
    unknown = set()
    for call in list(_long_calls(pool)):
        try:
            record = keys.standing(call.raw_key)
            if record is None:
                unknown.add(call.raw_key)
            else:
                _judge(call, resolve.model_for(snapshot, record, call.slug))
        except problems.Problem as problem:
            call.cut_off(problem)
    return unknown


def _long_calls(pool: Pool) -> Iterator[Call]:
    before = time.monotonic_ns() - SHORT_NS
    for connection in pool.busy:
        if isinstance(connection.sink, Call) and connection.sink.began_ns < before:
            yield connection.sink


def _judge(call: Call, model: resolve.Model) -> None:
    """Raises Problem when the version that answers was suspended."""
    assert call.version is not None
    version = model.by_number.get(call.version.number)
    if version is not None and version.is_suspended:
        raise problems.version_suspended(version.number)
