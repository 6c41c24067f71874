"""One worker at a time is at an evaluation's rows: a lock of the database session, which ends with its worker.

So the next worker goes on where a killed one stopped, without waiting for a deadline, and files are removed only when nobody writes.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from django.db import connection

CLASS = 7_310_012
NO_ROWS = 0  # the id of no evaluation: the place of the one run that is at work


def at_work() -> AbstractContextManager[bool]:
    """True when no other run is at work: one at a time in the whole installation, so that other tasks find a free worker."""
    return at_rows(NO_ROWS)


@contextmanager
def at_rows(evaluation_id: int) -> Iterator[bool]:
    """True when nobody else is at them; the place is given back at the end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [CLASS, evaluation_id])
        is_alone = bool(cursor.fetchone()[0])
    try:
        yield is_alone
    finally:
        if is_alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [CLASS, evaluation_id])
