"""`manage.py restore <folder>`: the database of a backup in the place of this installation's, then what the journals know."""

import argparse
import os
import subprocess
from pathlib import Path
from urllib.parse import urlparse

from marketplace.launcher import embedded_postgres, environment, process_definitions
from marketplace.launcher.orphaned_processes import kill_orphaned_processes
from marketplace.launcher.rundir import RunDir
from marketplace.launcher.status import print_error, print_line
from marketplace.launcher.stores import PROBLEMS, with_stores
from marketplace.launcher.subreaper import run_under_subreaper
from marketplace.operations import backup


def main(argv: list[str]) -> int:
    """Replace the stopped installation's database by a backup; returns an exit code."""
    parser = argparse.ArgumentParser(prog="manage.py restore", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="what manage.py backup made")
    options = parser.parse_args(argv)
    if os.environ.get("DATABASE_URL"):
        print_error(
            "DATABASE_URL names a Postgres of yours: restore it with its own tools, then run: manage.py replay"
        )
        return 1
    run = RunDir()
    if not run.lock():
        print_error(f"{run.path} is in use: stop the demo first (Ctrl-C in its window).")
        return 1
    return run_under_subreaper(lambda: restore(run, options.folder))


def restore(run: RunDir, folder: Path) -> int:
    """Returns an exit code; nothing is changed when the backup does not fit."""
    run.prepare()
    kill_orphaned_processes(
        run
    )  # a Postgres that outlived its launcher would write into data that moves
    try:
        aside = backup.put_back(run, folder)
    except (backup.CannotBackUp, *PROBLEMS) as problem:
        print_error(str(problem))
        return 1
    if aside:
        print_line(f"The data that was there is kept at {aside}: remove it when all is well.")
    return with_stores(run, lambda variables: catch_up(run, variables))


def catch_up(run: RunDir, variables: dict[str, str]) -> int:
    """Play the log, bring the tables to today's schema, replay the journals, verify the record."""
    env = os.environ | environment.common(run) | variables
    try:
        server = embedded_postgres.as_superuser(run, variables["DATABASE_URL"])
        backup.await_recovery(server)
        embedded_postgres.ensure_roles(run, urlparse(server).port or 5432)
    except backup.CannotBackUp as problem:
        print_error(str(problem))
        return 1
    for command in (("migrate", "--no-input", "--verbosity", "0"), ("replay",), ("audit_verify",)):
        if subprocess.run(process_definitions.manage(*command), env=env, check=False).returncode:
            return 1
    print_line("Restored. Start it as usual.")
    return 0
