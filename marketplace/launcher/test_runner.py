"""`manage.py test`: the tests with a Postgres and a Redis of their own; arguments go to pytest."""

import os
import subprocess
import sys
import time
from pathlib import Path

from marketplace.launcher import chromium, environment, processes
from marketplace.launcher.bootstrap import explain_os_error
from marketplace.launcher.orphaned_processes import kill_orphaned_processes
from marketplace.launcher.ports import choose_all
from marketplace.launcher.rundir import ROOT, RunDir, run_dir
from marketplace.launcher.status import Status, dim, print_error, print_line
from marketplace.launcher.stores import PROBLEMS, start_stores
from marketplace.launcher.subreaper import run_under_subreaper
from marketplace.launcher.supervisor import TICK, Stopped, Supervisor

PORTS = {"postgres": 25532, "redis": 26479}
SIMULTANEOUS = 9
NOTHING_COLLECTED = 5


def main(argv: list[str]) -> int:
    """Run pytest with `argv`; returns its exit code, or 1 with a sentence when the ground is missing."""
    try:
        run = free_run_dir()
        kill_orphaned_processes(run)
        run.wipe()
        run.prepare()
        if wants_browser(argv):
            print_line(dim(chromium.ensure()))
        ports = choose_all(PORTS)
        return run_under_subreaper(lambda: run_suite(run, ports, argv), own_group=False)
    except OSError as problem:
        print_error(explain_os_error(problem))
    except PROBLEMS as problem:
        print_error(str(problem))
    return 1


def free_run_dir() -> RunDir:
    """The first test folder that no other test run holds: several may run beside each other."""
    for number in range(1, SIMULTANEOUS + 1):
        run = RunDir(run_dir() / "test" / str(number))
        if run.lock():
            return run
    raise OSError(f"{SIMULTANEOUS} test runs are going on in this checkout")


def wants_browser(argv: list[str]) -> bool:
    """True when browser tests may be among the chosen ones: no path chosen, or one that says so."""
    paths = [
        word
        for word in argv
        if not word.startswith("-") and (ROOT / word.partition("::")[0]).exists()
    ]
    return not paths or any("browser" in word or Path(word) == Path("tests") for word in argv)


def run_suite(run: RunDir, ports: dict[str, int], argv: list[str]) -> int:
    began = time.monotonic()
    supervisor = Supervisor(run, Status(run))
    supervisor.listen_to_signals()
    try:
        start_stores(supervisor, run, ports, volatile=True)
        variables = environment.common(run) | environment.stores_as_superuser(run, ports)
        print_line(dim(f"Postgres and Redis for the tests: {time.monotonic() - began:.1f} s"))
        return explained(pytest(supervisor, variables, argv), argv)
    except Stopped:
        return 130
    except PROBLEMS as problem:
        print_error(str(problem))
        return 1
    finally:
        supervisor.stop()


def pytest(supervisor: Supervisor, variables: dict[str, str], argv: list[str]) -> int:
    """pytest on our terminal, ended with us; its exit code."""
    child = subprocess.Popen(
        [sys.executable, "-m", "pytest", *parallel(argv), *argv],
        cwd=ROOT,
        env=os.environ | variables,
        preexec_fn=processes.die_with_parent,
    )
    while child.poll() is None:
        if supervisor.asked_to_stop:
            child.wait(timeout=60)
        supervisor.tick()
        time.sleep(TICK)
    return child.returncode


def parallel(argv: list[str]) -> list[str]:
    """Two workers for a whole run; one for a chosen few, where starting a second costs more than it brings."""
    chosen = any(not word.startswith("-") for word in argv) or any(
        word in ("-n", "--pdb", "-s") or word.startswith("-n") for word in argv
    )
    return [] if chosen or (os.cpu_count() or 1) < 2 else ["-n", "2", "--dist", "loadgroup"]


def explained(code: int, argv: list[str]) -> int:
    if code == NOTHING_COLLECTED:
        print_error(f"No test matches {' '.join(argv) or 'this run'}.")
        return 1
    return code
