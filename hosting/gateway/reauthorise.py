"""Long answers are re-authorised: one whose key, subscription or version has ended meanwhile is cut off (within 5 s).

Runs with each tick, four times a second, over calls older than a second. A change in Postgres is known within a second
without Redis, so a revocation or a suspension ends such a call within two.
"""

import time
from collections.abc import Iterator

from hosting.gateway import problems
from hosting.gateway.auth import resolve
from hosting.gateway.auth.key_cache import KeyCache
from hosting.gateway.auth.model_cache import ModelCache
from hosting.gateway.call import Call
from hosting.gateway.upstream.connection_pool import ConnectionPool

MIN_AGE_NS = 1_000_000_000


def reauthorise(
    pool: ConnectionPool, keys: KeyCache, models: ModelCache
) -> tuple[set[bytes], set[int]]:
    """Cut off calls that may not go on. Returns the keys and the models that must be loaded before their calls can be checked."""
    missing_keys: set[bytes] = set()
    missing_models: set[int] = set()
    for call in list(_long_calls(pool)):
        try:
            record = keys.get_accepted(call.raw_key)
            if record is None:
                missing_keys.add(call.raw_key)
            elif (model := models.get(record.model_id)) is None:
                missing_models.add(record.model_id)
            else:
                assert call.version is not None
                resolve.check_model(model, record, call.slug)
                version = model.by_number.get(call.version.number)
                if version is not None and version.is_suspended:
                    raise problems.version_suspended(model.slug, version.number, version.suspension)
        except problems.Problem as problem:
            call.cut_off(problem)
    return missing_keys, missing_models


def _long_calls(pool: ConnectionPool) -> Iterator[Call]:
    before = time.monotonic_ns() - MIN_AGE_NS
    for connection in pool.busy:
        if isinstance(connection.handler, Call) and connection.handler.began_ns < before:
            yield connection.handler
