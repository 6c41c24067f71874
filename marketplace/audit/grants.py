"""What the application's role may do in the database: rows yes, tables no; the record may be read and added to.

Granted anew after each migration, by the owner who migrates. A single-role installation has nothing to grant and is
reported by `check --deploy`.
"""

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.db import connections
from psycopg import sql

from marketplace.core.postgres import roles

RECORD = (
    "audit_auditevent",
    "audit_checkpoint",
)  # the sequencer changes three columns, by the owner's function audit_chain
LOOKED_AT = ("django_migrations",)
STATEMENTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON {record} FROM {role}",
    "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {looked_at} FROM {role}",
)
EXCESS = """
SELECT rolsuper OR pg_has_role(rolname, (SELECT tableowner FROM pg_tables WHERE tablename = 'audit_auditevent'), 'MEMBER')
FROM pg_roles WHERE rolname = current_user
"""


def grant_to_application(sender, using, **_):
    """After `migrate`: the role that the processes sign in with gets its rights. Nothing to do when it migrates itself."""
    role = roles.parts(settings.DATABASE_URL)["user"]
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT current_user, EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role]
        )
        current, exists = cursor.fetchone()
        if not exists or role == current:
            return
        for statement in STATEMENTS:
            cursor.execute(
                sql.SQL(statement).format(
                    role=sql.Identifier(role), record=_list(RECORD), looked_at=_list(LOOKED_AT)
                )
            )


def _list(tables):
    return sql.SQL(", ").join(map(sql.Identifier, tables))


@register(Tags.database, deploy=True)
def application_is_not_owner(app_configs, databases, **_):
    """`check --deploy --database default`: whoever signs in for the processes could switch the record's triggers off."""
    if "default" not in (databases or ()):
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute(EXCESS)
        (excess,) = cursor.fetchone() or (False,)
    hint = "Give DATABASE_OWNER_URL and DATABASE_URL two roles, and run: manage.py database_roles, then manage.py migrate."
    return (
        [
            Error(
                "The role of DATABASE_URL may change the record's table.",
                hint=hint,
                id="audit.E001",
            )
        ]
        if excess
        else []
    )
