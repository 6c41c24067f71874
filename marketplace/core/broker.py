"""Metrics of background work from the broker: the queue's length, and the number of tasks by outcome.

The counts live in Redis only. When it is flushed they begin at 0 again, as Prometheus expects of a counter.
"""

from contextlib import suppress
from dataclasses import dataclass

from celery.signals import task_postrun
from redis import RedisError

from marketplace.core import redis_client

ENDED = "tasks:ended"
QUEUES = ("celery", "others")  # of the worker, and of the sender (docs/operations.md)


@dataclass(frozen=True)
class Queue:
    """Background tasks: waiting in the broker, and taken by a worker."""

    waiting: int
    taken: int


def queue():
    """The Queue; None when Redis does not answer."""
    try:
        return redis_client.execute(
            lambda broker: Queue(sum(map(broker.llen, QUEUES)), broker.hlen("unacked"))
        )
    except RedisError:
        return None


def ended():
    """{(task name, state in Celery's words): count}; empty when Redis does not answer."""
    try:
        counts = redis_client.execute(lambda broker: broker.hgetall(ENDED))
    except RedisError:
        return {}
    return {tuple(name.decode().split(" ")): int(count) for name, count in counts.items()}


@task_postrun.connect
def count(sender=None, state=None, **_):
    """Count one task that ended. It never fails a task."""
    with suppress(RedisError):
        redis_client.execute(lambda broker: broker.hincrby(ENDED, f"{sender.name} {state}", 1))
