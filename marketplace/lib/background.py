"""Work is sent by name, after commit. The row is the queue; the task is a nudge; a sweep finds what was missed.

A task carries the id of the request that caused it; what the clock started is named after the task itself.
"""

import logging

from celery import current_app
from celery.signals import task_prerun
from django.db import transaction

from marketplace.lib import requestid

log = logging.getLogger(__name__)


def enqueue(name, *args):
    """Send Celery task `name` with `args` (ids, plain JSON) after the current transaction commits.

    A broker that is away loses the nudge, not the work: the periodic sweep of the app that owns the row finds it.
    """
    cause = requestid.current()
    transaction.on_commit(lambda: _send(name, args, cause), robust=True)


def _send(name, args, cause):
    try:
        current_app.send_task(name, args=args, headers={"request_id": cause}, retry=False, ignore_result=True)
    except Exception:  # the broker being away must never undo a committed act
        log.warning("nudge %s%s not sent: the sweep will find it", name, args, exc_info=True)


@task_prerun.connect
def carry_on(task=None, **_):
    """Lines, events and further tasks of this run have the id of the request that caused it."""
    requestid.begin(getattr(task.request, "request_id", "") or task.request.id)
