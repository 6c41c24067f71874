from typing import Any

from django.core.management.base import BaseCommand

from marketplace.launcher.test_runner import main


class Command(BaseCommand):
    help = "Run the tests (pytest underneath) with databases of their own; arguments go to pytest."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> Any:
        raise SystemExit(main(argv[2:]))
