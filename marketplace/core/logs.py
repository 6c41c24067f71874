"""How log lines are written: plain ones for people, or one JSON object each for a log store (LOG_FORMAT=json)."""

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

LINE = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"


class JsonFormatter(logging.Formatter):
    """One object a line: at (UTC), level, logger, message, request_id, process, and error with the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", "-"),
            "process": record.process,
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class RateLimit(logging.Filter):
    """Lets `per_second` lines through in each second; the first one of the next second says how many were left out."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.per_second = per_second
        self._clock = clock
        self._second = self._passed = self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        second = int(self._clock())
        if second != self._second:
            if self._left_out:
                record.msg = (
                    f"{record.getMessage()} ({self._left_out} more lines like it were left out)"
                )
                record.args = ()
            self._second, self._passed, self._left_out = second, 0, 0
        self._passed += 1
        self._left_out += self._passed > self.per_second
        return self._passed <= self.per_second


def configuration(form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING. `form` is "line" or "json". Raises ValueError for another."""
    formatters = {"line": {"format": LINE}, "json": {"()": "marketplace.core.logs.JsonFormatter"}}
    if form not in formatters:
        raise ValueError(f"LOG_FORMAT is {form!r}: it can be line or json.")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_id": {"()": "marketplace.core.request_ids.RequestIdFilter"},
            "failed_calls": {"()": "marketplace.core.logs.RateLimit", "per_second": 20},
        },
        "formatters": formatters,
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "filters": ["request_id"],
                "formatter": form,
            }
        },
        "loggers": {
            "hosting.gateway.call": {"filters": ["failed_calls"]},
            "mcp": {"level": "WARNING"},  # the SDK says four lines for each exchange
        },
        "root": {"handlers": ["console"], "level": level},
    }
