from typing import Any

from django.core.management.base import BaseCommand

from marketplace.demo.start import main


class Command(BaseCommand):
    help = (
        "Start the whole marketplace with its demo company on this machine (--fresh begins anew)."
    )
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> Any:
        raise SystemExit(main(argv[2:]))
