"""What manage.py does once the environment is there: the launcher's own commands, or Django's own with the stores they need."""

import os
import sys

from marketplace.launcher import environment
from marketplace.launcher.rundir import RunDir

WITHOUT_STORES = (
    "help",
    "--help",
    "-h",
    "version",
    "--version",
    "lock",
    "collectstatic",
    "findstatic",
    "makemessages",
    "compilemessages",
)


def launch(argv: list[str]) -> int:
    """Run `argv` (as in sys.argv); returns an exit code."""
    command = argv[1] if len(argv) > 1 else "help"
    if command == "demo":
        from marketplace.demo.start import main

        return main(argv[2:])
    if command == "test":
        from marketplace.launcher.test_runner import main

        return main(argv[2:])
    if command == "restore":
        from marketplace.operations.restore import main

        return main(argv[2:])
    return django(argv, command)


def django(argv: list[str], command: str) -> int:
    """A Django command with the demo's databases: those of the running demo, otherwise started for as long as it takes."""
    if os.environ.get("DATABASE_URL") or command in WITHOUT_STORES:
        return execute(argv, {})
    run = RunDir()
    if not run.lock():
        return execute(argv, run.read("services.json").get("environment", {}))
    from marketplace.launcher.stores import with_stores

    return with_stores(run, lambda variables: execute(argv, variables))


def execute(argv: list[str], variables: dict[str, str]) -> int:
    from django.core.management import execute_from_command_line

    for name, value in (environment.common(RunDir().prepare()) | variables).items():
        os.environ.setdefault(name, value)
    sys.argv = argv
    execute_from_command_line(argv)
    return 0
