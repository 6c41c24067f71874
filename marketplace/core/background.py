"""Sends background tasks by name, after commit. The row is the queue; the task is a notification; a sweep finds missed rows.

A task carries the id of the request that caused it. A scheduled task uses its own id.
"""

import logging
from functools import lru_cache, partial

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
# A task that needs longer for one statement declares it: @shared_task(statement_s=240).
STATEMENT_S = 20.0
LOOKED_BACK = 100  # tasks of a transaction, for one that is the same
SHUTDOWN_S = 5.0  # of its time limit, to end properly


def enqueue(name, *args, delay_s=0):
    """Send Celery task `name` with `args` (ids, plain JSON) after the current transaction commits, to start `delay_s` later.

    The same task with the same arguments is sent once for a transaction: forty events of the record are chained by one task.
    When the broker is unavailable the task is lost, not the work: the periodic sweep of the app that owns the row finds it.
    """
    sending = partial(_send, name, args, request_ids.current(), delay_s)
    waiting = transaction.get_connection().run_on_commit[-LOOKED_BACK:]
    if not any(_is_same(sending, callback) for _, callback, _ in waiting):
        transaction.on_commit(sending, robust=True)


def _is_same(sending, callback):
    return (
        isinstance(callback, partial)
        and callback.func is sending.func
        and callback.args == sending.args
    )


def _send(name, args, cause, delay_s=0):
    if redis_client.is_unavailable():
        log.warning(
            "task %s%s not sent, Redis is unavailable: the sweep will find the row", name, args
        )
        return
    try:
        with pools.producers[_connection()].acquire(
            block=True, timeout=redis_client.TIMEOUT_S
        ) as producer:
            options = {"countdown": delay_s} if delay_s else {}
            current_app.send_task(
                name,
                args=args,
                headers={"request_id": cause},
                retry=False,
                ignore_result=True,
                producer=producer,
                **options,
            )
    except Exception:  # an unavailable broker must never undo a committed act
        redis_client.open_breaker()
        log.warning("task %s%s not sent: the sweep will find the row", name, args, exc_info=True)


@lru_cache
def _connection():
    return current_app.connection_for_write(transport_options=ONE_SHORT_TRY)


@task_prerun.connect
def restore_request_id(task=None, **_):
    """Log lines, audit events and further tasks of this run carry the id of the request that caused it."""
    request_ids.begin(getattr(task.request, "request_id", "") or task.request.id)


@task_prerun.connect
def set_database_deadline(task=None, **_):
    """A task waits for Postgres as long as it may run in all, and `statement_s` for one answer."""
    limit = task.time_limit or task.app.conf.task_time_limit
    postgres.set_deadline(getattr(task, "statement_s", STATEMENT_S), limit - SHUTDOWN_S)
