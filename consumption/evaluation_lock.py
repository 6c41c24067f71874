"""One worker at a time is at an evaluation's rows: a lock of the database session, which ends with its worker.

So the next worker goes on where a killed one stopped, without waiting for a deadline, and files are removed only when nobody writes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

CLASS = 7_310_012


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
