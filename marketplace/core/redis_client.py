"""The Redis client for short commands: half a second's timeout, no retries, and a circuit breaker.

After a command got no answer the breaker is open for half a second: commands fail at once, because one request may have many.
"""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 0.5
BREAKER_OPEN_S = 0.5
UNAVAILABLE = (redis.ConnectionError, redis.TimeoutError)
Answer = TypeVar("Answer")

_open_until: dict[str, float] = {}


def execute(command: Callable[[Any], Answer]) -> Answer:
    """Run `command(connection)` and return its result. Raises redis.RedisError."""
    if is_unavailable():
        raise redis.ConnectionError("Redis did not answer a moment ago.")
    try:
        return command(_shared(settings.REDIS_URL))
    except UNAVAILABLE:
        open_breaker()
        raise


def is_unavailable() -> bool:
    """Is the breaker open, because Redis did not answer a moment ago?"""
    return time.monotonic() < _open_until.get(settings.REDIS_URL, 0.0)


def open_breaker() -> None:
    """Redis did not answer: fail the commands of the next moment at once."""
    _open_until[settings.REDIS_URL] = time.monotonic() + BREAKER_OPEN_S


def connection(timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """A new connection, without the library's ten retries."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )


@lru_cache
def _shared(url: str) -> redis.Redis:
    return connection()
