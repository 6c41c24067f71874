"""Makes both locks anew from pyproject.toml."""

import os
import subprocess
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from marketplace.launcher.bootstrap import DEV_LOCK, LOCK, ROOT, VENV

COMPILE = (
    "pip",
    "compile",
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",
    "--no-annotate",
    "--quiet",
    "pyproject.toml",
    "--extra",
    "engine",
    "--extra",
    "company",
    "--extra",
    "agents",
)


class Command(BaseCommand):
    help = "Lock the dependencies of pyproject.toml, with hashes and without host names (--upgrade takes newer versions)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--upgrade", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        more = ["--upgrade"] if options["upgrade"] else []
        # Tools first: their upper limits decide for both, so that the test environment holds what the demo runs.
        compile_lock("--group", "dev", "-o", DEV_LOCK, *more)
        compile_lock("-c", DEV_LOCK, "-o", LOCK, *more)
        self.stdout.write(f"{LOCK} and {DEV_LOCK} are up to date.")


def compile_lock(*arguments: str) -> None:
    """Run uv without local wheel folders: they would leak into the lock."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PIP_FIND_LINKS", "UV_FIND_LINKS")
    }
    subprocess.run(
        [VENV / "bin" / "uv", *COMPILE, *arguments], cwd=ROOT, env=environment, check=True
    )
