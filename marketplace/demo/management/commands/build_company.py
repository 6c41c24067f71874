"""Builds the demo company in a process of its own; tells how far it is through a file that the launcher reads."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from marketplace.demo.company import build, build_rest
from marketplace.launcher.rundir import RunDir

PROGRESS = "company.json"


class Command(BaseCommand):
    help = "Build the demo company (people, models, usage); does nothing when it is there already."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-wait", action="store_true", help="do not wait for approved models to be served"
        )
        parser.add_argument(
            "--rest",
            action="store_true",
            help="what no call waits for, as the last step",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        run = RunDir()

        def progress(text: str, done: int | None = None, total: int | None = None) -> None:
            run.write(PROGRESS, {"text": text, "done": done, "total": total})

        result = (
            build_rest(progress) if options["rest"] else build(progress, not options["no_wait"])
        )
        run.write(PROGRESS, {"text": "done", "result": result}, mode=0o600)
