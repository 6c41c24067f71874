"""A nudge to other processes that something in Postgres changed. Losing one costs seconds, never correctness."""

import json
import logging

from django.db import transaction
from redis import Redis, RedisError

from marketplace.core import redis_client

log = logging.getLogger(__name__)
CHANNEL = "gateway:nudge"
EPOCH = "gateway:epoch"


def nudge(kind, **facts):
    """Publish {"kind": …, facts} on CHANNEL after commit."""
    transaction.on_commit(lambda: _publish({"kind": kind, **facts}), robust=True)


def _publish(message):
    try:
        redis_client.ask(lambda connection: _send(connection, message))
    except RedisError:
        log.warning("nudge %s not sent: readers will see it at their next look", message["kind"])


def _send(connection: Redis, message):
    line = connection.pipeline(transaction=False)
    line.incr(EPOCH)  # readers that miss the message see the number change
    line.publish(CHANNEL, json.dumps(message))
    line.execute()
