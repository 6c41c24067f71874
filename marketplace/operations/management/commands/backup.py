from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.launcher import embedded_postgres
from marketplace.launcher.rundir import RunDir
from marketplace.operations.backup import CannotBackUp, back_up


class Command(BaseCommand):
    help = "Back this installation up into a folder (Postgres, packages); from then on its log follows within five minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="on another disk, best on another machine")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            about = back_up(
                RunDir(), folder, embedded_postgres.as_superuser(RunDir(), settings.DATABASE_URL)
            )
        except CannotBackUp as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(
            f"Backed up to {folder} at {about['made_at']}. Not in it: the secrets. Keep {RunDir().secret('')} in your vault."
        )
