"""The demo's clock: within it, the verbs write rows as if they were called on a day of the company's past.

Only this process sees it, and only through django.utils.timezone. Rows that nobody may change afterwards (decisions,
gate results, the audit record) thereby carry the story's dates from the start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Any
from unittest.mock import patch


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """timezone.now() starts at `moment` and runs on at the usual pace."""
    shift = moment - datetime.now(moment.tzinfo)

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + shift

    with patch("django.utils.timezone.datetime", Shifted):
        yield


def ago(**parts: float) -> datetime:
    """So long before the present, by the clock that is set."""
    from django.utils import timezone

    return timezone.now() - timedelta(**parts)
