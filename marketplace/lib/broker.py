"""What the broker knows of background work: how much waits, and how many tasks ended how.

The counts live in Redis only: flushed with it, they begin again at 0, as Prometheus expects of a counter.
"""

from dataclasses import dataclass

import redis
from celery.signals import task_postrun
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 0.5
ENDED = "tasks:ended"


@dataclass(frozen=True)
class Queue:
    """Background tasks: waiting in the broker, and taken by a worker."""

    waiting: int
    taken: int


def queue():
    """The Queue; None when Redis does not answer."""
    try:
        with _connection() as broker:
            return Queue(broker.llen("celery"), broker.hlen("unacked"))
    except redis.RedisError:
        return None


def ended():
    """{(task name, state in Celery's words): count}; empty when Redis does not answer."""
    try:
        with _connection() as broker:
            told = broker.hgetall(ENDED)
    except redis.RedisError:
        return {}
    return {tuple(name.decode().split(" ")): int(count) for name, count in told.items()}


@task_postrun.connect
def count(sender=None, state=None, **_):
    """Count one task that ended; never the reason why a task fails."""
    try:
        with _connection() as broker:
            broker.hincrby(ENDED, f"{sender.name} {state}", 1)
    except redis.RedisError:
        pass


def _connection():
    """One short question, no retries: whoever asks has something better to do than to wait."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0))
