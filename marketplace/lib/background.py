"""Work is sent by name, after commit. The row is the queue; the task is a nudge; a sweep finds what was missed."""

import logging

from celery import current_app
from django.db import transaction

log = logging.getLogger(__name__)


def enqueue(name, *args):
    """Send Celery task `name` with `args` (ids, plain JSON) after the current transaction commits.

    A broker that is away loses the nudge, not the work: the periodic sweep of the app that owns the row finds it.
    """
    transaction.on_commit(lambda: _send(name, args), robust=True)


def _send(name, args):
    try:
        current_app.send_task(name, args=args, retry=False, ignore_result=True)
    except Exception:  # the broker being away must never undo a committed act
        log.warning("nudge %s%s not sent: the sweep will find it", name, args, exc_info=True)
