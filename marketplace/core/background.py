"""Work is sent by name, after commit. The row is the queue; the task is a nudge; a sweep finds what was missed.

A task carries the id of the request that caused it; what the clock started is named after the task itself.
"""

import logging
from functools import lru_cache

from celery import current_app
from celery.signals import task_prerun
from django.db import transaction
from kombu import pools

from marketplace.core import postgres, redis_client, request_ids

log = logging.getLogger(__name__)
# kombu tries again for seconds, and its own settings are a worker's, which waits for tasks.
ONE_SHORT_TRY = {
    "socket_timeout": redis_client.TIMEOUT_S,
    "socket_connect_timeout": redis_client.TIMEOUT_S,
    "max_retries": 0,
}
STATEMENT_S = (
    20.0  # a task that needs longer for one statement says so: @shared_task(statement_s=240)
)
LEFT_S = 5.0  # of its time limit, to end properly


def enqueue(name, *args, delay_s=0):
    """Send Celery task `name` with `args` (ids, plain JSON) after the current transaction commits, to start `delay_s` later.

    A broker that is away loses the nudge, not the work: the periodic sweep of the app that owns the row finds it.
    """
    cause = request_ids.current()
    transaction.on_commit(lambda: _send(name, args, cause, delay_s), robust=True)


def _send(name, args, cause, delay_s=0):
    if redis_client.is_away():
        log.warning("nudge %s%s not sent, Redis is away: the sweep will find it", name, args)
        return
    try:
        with pools.producers[_line()].acquire(
            block=True, timeout=redis_client.TIMEOUT_S
        ) as producer:
            later = {"countdown": delay_s} if delay_s else {}
            current_app.send_task(
                name,
                args=args,
                headers={"request_id": cause},
                retry=False,
                ignore_result=True,
                producer=producer,
                **later,
            )
    except Exception:  # the broker being away must never undo a committed act
        redis_client.missed()
        log.warning("nudge %s%s not sent: the sweep will find it", name, args, exc_info=True)


@lru_cache
def _line():
    return current_app.connection_for_write(transport_options=ONE_SHORT_TRY)


@task_prerun.connect
def carry_on(task=None, **_):
    """Lines, events and further tasks of this run have the id of the request that caused it."""
    request_ids.begin(getattr(task.request, "request_id", "") or task.request.id)


@task_prerun.connect
def be_patient(task=None, **_):
    """A task waits for Postgres for as long as it may run, and for one answer for `statement_s`."""
    limit = task.time_limit or task.app.conf.task_time_limit
    postgres.begin(getattr(task, "statement_s", STATEMENT_S), limit - LEFT_S)
