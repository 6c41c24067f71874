"""Changes of the organisation that are judged by what else there is (names, the last administrator) happen one after the other."""

from django.db import connection

LOCK = 7_310_031


def wait_for_turn() -> None:
    """Hold the turn until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
