"""Makes the owner's and the application's role on a Postgres of one's own: what the launcher does by itself for the embedded one."""

import os
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from marketplace.core.postgres import roles


class Command(BaseCommand):
    help = (
        "Make the roles and the database that DATABASE_OWNER_URL and DATABASE_URL name, signed in as DATABASE_ADMIN_URL (a superuser). "
        "Repeat it at any time; then run: manage.py migrate"
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        admin, owner, application = (
            os.environ.get(f"DATABASE_{name}URL", "") for name in ("ADMIN_", "OWNER_", "")
        )
        if not (admin and owner and application):
            raise CommandError(
                "Set DATABASE_ADMIN_URL (a superuser), DATABASE_OWNER_URL and DATABASE_URL (two different roles)."
            )
        if roles.parts(owner)["user"] == roles.parts(application)["user"]:
            raise CommandError(
                "DATABASE_OWNER_URL and DATABASE_URL name the same role: the application must not own its tables."
            )
        try:
            roles.ensure(admin, owner, application)
        except psycopg.Error as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(
            f"{roles.parts(owner)['user']} owns {settings.DATABASES['default']['NAME']}; {roles.parts(application)['user']} works in it."
        )
