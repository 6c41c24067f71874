"""Answers that take long: one whose key, subscription or version has ended meanwhile is cut off (reliability.md 2.2.8: ≤ 5 s).

Asked with each tick, four times a second, of calls older than a second. What changed in Postgres is known within a second
(without a word through Redis), so a revocation or a suspension ends such a call within two.
"""

import time
from collections.abc import Iterator

from hosting.gateway import problems
from hosting.gateway.auth import resolve
from hosting.gateway.auth.key_cache import KeyRing, Subscriber
from hosting.gateway.auth.model_cache import ModelCache
from hosting.gateway.call import Call
from hosting.gateway.upstream.connection_pool import Pool

SHORT_NS = 1_000_000_000


def recheck(pool: Pool, keys: KeyRing, models: ModelCache) -> tuple[set[bytes], set[int]]:
    """Cut what may not go on. Returns the keys and the models that must be loaded before their calls can be judged."""
    unknown_keys: set[bytes] = set()
    unknown_models: set[int] = set()
    for call in list(_long_calls(pool)):
        try:
            record = keys.standing(call.raw_key)
            if record is None:
                unknown_keys.add(call.raw_key)
            elif (model := models.get(record.model_id)) is None:
                unknown_models.add(record.model_id)
            else:
                _judge(call, record, model)
        except problems.Problem as problem:
            call.cut_off(problem)
    return unknown_keys, unknown_models


def _long_calls(pool: Pool) -> Iterator[Call]:
    before = time.monotonic_ns() - SHORT_NS
    for connection in pool.busy:
        if isinstance(connection.sink, Call) and connection.sink.began_ns < before:
            yield connection.sink


def _judge(call: Call, record: Subscriber, model: resolve.Model) -> None:
    """Raises Problem when the right has ended or the version that answers was suspended."""
    assert call.version is not None
    resolve.check_model(model, record, call.slug)
    version = model.by_number.get(call.version.number)
    if version is not None and version.is_suspended:
        raise problems.version_suspended(version.number)
