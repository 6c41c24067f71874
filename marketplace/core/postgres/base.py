"""Django's Postgres backend (ENGINE "marketplace.core.postgres"), but whoever wants a connection waits two seconds at most."""

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from marketplace.core.postgres import POOL_S, hearing, patient


class DatabaseWrapper(base.DatabaseWrapper):
    """Refused at once while Postgres is known to be away."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        hearing.check()
        try:
            with patient(each=POOL_S, in_all=POOL_S):
                return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            hearing.missed()
            raise
