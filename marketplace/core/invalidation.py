"""Cache invalidation: notifies other processes that something in Postgres changed. A lost message costs seconds, never correctness."""

import json
import logging

from django.db import transaction
from redis import Redis, RedisError

from marketplace.core import redis_client

log = logging.getLogger(__name__)
CHANNEL = "gateway:changes"
EPOCH = "gateway:epoch"


def invalidate(kind, **ids):
    """Publish {"kind": …, ids} on CHANNEL after commit."""
    transaction.on_commit(lambda: _publish({"kind": kind, **ids}), robust=True)


def _publish(message):
    try:
        redis_client.execute(lambda connection: _send(connection, message))
    except RedisError:
        log.warning("invalidation %s not sent: readers see it at their next poll", message["kind"])


def _send(connection: Redis, message):
    pipe = connection.pipeline(transaction=False)
    pipe.incr(EPOCH)  # readers that miss the message see the number change
    pipe.publish(CHANNEL, json.dumps(message))
    pipe.execute()
