"""The roles of Postgres: who may change tables, and who only works with rows (docs/operations-roles.md).

    owner         owns the database, its tables and the triggers of the record; only `manage.py migrate` signs in with it
    application   every process of ours; no right to change tables, triggers or the record (marketplace.audit.grants)

Neither is a superuser. The launcher makes both in the embedded Postgres; elsewhere `manage.py database_roles` does.
"""

from typing import Any
from urllib.parse import unquote, urlparse

import psycopg
from psycopg import sql

# Tables, views, sequences and functions that another role of ours made in an earlier release.
HAND_OVER = """
DO $$
DECLARE command text;
BEGIN
  FOR command IN
    SELECT format('ALTER %s %I.%I OWNER TO %I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
                  n.nspname, c.relname, {owner})
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'S') AND pg_get_userbyid(c.relowner) <> {owner}
      AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
    UNION ALL
    SELECT format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, {owner})
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = 'public' AND pg_get_userbyid(p.proowner) <> {owner}
      AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP
    EXECUTE command;
  END LOOP;
END $$
"""


def ensure(server: str, owner_url: str, application_url: str) -> None:
    """Make both roles and the database of their URLs, hand everything in it to the owner. May run again at any time.

    `server` is the URL of a superuser on the same server, any database. Raises psycopg.Error.
    """
    owner, application = parts(owner_url), parts(application_url)
    with psycopg.connect(server, autocommit=True, connect_timeout=5) as connection:
        for role in (owner, application):
            _ensure_role(connection, role["user"], role["password"])
        name = owner["dbname"]
        exists = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
        command = "ALTER DATABASE {} OWNER TO {}" if exists else "CREATE DATABASE {} OWNER {}"
        connection.execute(
            sql.SQL(command).format(sql.Identifier(name), sql.Identifier(owner["user"]))
        )
    with psycopg.connect(
        server, dbname=owner["dbname"], autocommit=True, connect_timeout=5
    ) as connection:
        connection.execute(sql.SQL(HAND_OVER).format(owner=sql.Literal(owner["user"])))


def parts(url: str) -> dict[str, str]:
    """user, password and dbname of a postgresql:// URL; absent ones are empty."""
    read = urlparse(url)
    return {
        "user": unquote(read.username or ""),
        "password": unquote(read.password or ""),
        "dbname": read.path.lstrip("/"),
    }


def _ensure_role(connection: "psycopg.Connection[Any]", name: str, password: str) -> None:
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = sql.SQL("ALTER ROLE" if exists else "CREATE ROLE")
    limits = sql.SQL("LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD")
    connection.execute(
        sql.SQL(" ").join([verb, sql.Identifier(name), limits, sql.Literal(password)])
    )
