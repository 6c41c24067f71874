"""Short questions to Redis: answered within half a second or not at all, never asked twice, and not asked while it is known to be away."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 0.5
PAUSE_S = 0.5  # after no answer: one act may have many questions, and must not wait for each
AWAY = (redis.ConnectionError, redis.TimeoutError)
Answer = TypeVar("Answer")

_away_until: dict[str, float] = {}


def ask(question: Callable[[Any], Answer]) -> Answer:
    """What `question(connection)` returns. Raises redis.RedisError."""
    if is_away():
        raise redis.ConnectionError("Redis did not answer a moment ago.")
    try:
        return question(_shared(settings.REDIS_URL))
    except AWAY:
        missed()
        raise


def is_away() -> bool:
    """Did it not answer somebody a moment ago?"""
    return time.monotonic() < _away_until.get(settings.REDIS_URL, 0.0)


def missed() -> None:
    """It did not answer: nobody asks for a moment."""
    _away_until[settings.REDIS_URL] = time.monotonic() + PAUSE_S


def connection(timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """A connection of one's own, without the library's ten retries."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )


@lru_cache
def _shared(url: str) -> redis.Redis:
    return connection()
