"""Django's Postgres backend (ENGINE "marketplace.core.postgres"), with a wait of at most two seconds for a connection."""

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from marketplace.core.postgres import POOL_S, deadline, health


class DatabaseWrapper(base.DatabaseWrapper):
    """Fails at once while Postgres is known to be unavailable."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        health.check()
        try:
            with deadline(per_answer_s=POOL_S, total_s=POOL_S):
                return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            health.record_timeout()
            raise
