"""A nudge to other processes that something in Postgres changed. Losing one costs seconds, never correctness."""

import json
import logging
from functools import lru_cache

import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)
CHANNEL = "gateway:nudge"
EPOCH = "gateway:epoch"


def nudge(kind, **facts):
    """Publish {"kind": …, facts} on CHANNEL after commit."""
    transaction.on_commit(lambda: _publish({"kind": kind, **facts}), robust=True)


def _publish(message):
    try:
        line = _redis().pipeline(transaction=False)
        line.incr(EPOCH)  # readers that miss the message see the number change
        line.publish(CHANNEL, json.dumps(message))
        line.execute()
    except redis.RedisError:
        log.warning("nudge %s not sent: readers will see it at their next look", message["kind"])


@lru_cache
def _redis():
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0))
