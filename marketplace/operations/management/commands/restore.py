from typing import Any

from django.core.management.base import BaseCommand

from marketplace.operations.restore import main


class Command(BaseCommand):
    help = "Put a backup in the place of this stopped installation's database, then replay the journals."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> Any:
        raise SystemExit(main(argv[2:]))
