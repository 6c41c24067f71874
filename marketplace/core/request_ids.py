"""One id per request, in every log line, audit row and answer, and in the background work that it caused."""

import logging
import re
import uuid
from contextvars import ContextVar

_current = ContextVar("request_id", default="")
_SAFE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def current():
    """The id of the request or task in hand, or ""."""
    return _current.get()


def begin(offered=""):
    """Take the offered id when it is harmless, else make one. Returns it."""
    value = offered if _SAFE.fullmatch(offered or "") else uuid.uuid4().hex
    _current.set(value)
    return value


class RequestIdFilter(logging.Filter):
    """Adds `request_id` to each log record that does not name its own (`extra={"request_id": …}`)."""

    def filter(self, record):
        if not hasattr(record, "request_id"):
            record.request_id = current() or "-"
        return True
