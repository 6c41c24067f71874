"""What the broker knows of background work: how much waits, and how many tasks ended how.

The counts live in Redis only: flushed with it, they begin again at 0, as Prometheus expects of a counter.
"""

from contextlib import suppress
from dataclasses import dataclass

from celery.signals import task_postrun
from redis import RedisError

from marketplace.core import redis_client

ENDED = "tasks:ended"


@dataclass(frozen=True)
class Queue:
    """Background tasks: waiting in the broker, and taken by a worker."""

    waiting: int
    taken: int


def queue():
    """The Queue; None when Redis does not answer."""
    try:
        return redis_client.ask(lambda broker: Queue(broker.llen("celery"), broker.hlen("unacked")))
    except RedisError:
        return None


def ended():
    """{(task name, state in Celery's words): count}; empty when Redis does not answer."""
    try:
        told = redis_client.ask(lambda broker: broker.hgetall(ENDED))
    except RedisError:
        return {}
    return {tuple(name.decode().split(" ")): int(count) for name, count in told.items()}


@task_postrun.connect
def count(sender=None, state=None, **_):
    """Count one task that ended; never the reason why a task fails."""
    with suppress(RedisError):
        redis_client.ask(lambda broker: broker.hincrby(ENDED, f"{sender.name} {state}", 1))
