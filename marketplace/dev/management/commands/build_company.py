"""Builds the demo company in a process of its own; tells how far it is through a file that the launcher reads."""

from importlib.util import find_spec
from typing import Any

from django.core.management.base import BaseCommand

from marketplace.dev.rundir import RunDir

PROGRESS = "company.json"


class Command(BaseCommand):
    help = "Build the demo company (people, models, usage); does nothing when it is there already."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        run = RunDir()
        if find_spec("marketplace.dev.company") is None:
            run.write(PROGRESS, {"text": "no demo company in this checkout", "result": {}})
            return
        from marketplace.dev.company import build

        result = build(lambda text, done=None, total=None: run.write(PROGRESS, {"text": text, "done": done, "total": total}))
        run.write(PROGRESS, {"text": "done", "result": result or {}}, mode=0o600)
