"""The subreaper, the outermost process of a launch: it adopts orphans and ends every descendant when the supervisor has ended.

    subreaper (this, a few MB)  →  supervisor  →  postgres, redis, web, gateway, worker, beat, engine …

SIGKILL of the supervisor: the subreaper inherits and ends all that is left. SIGKILL of the subreaper: the kernel sends the
supervisor a SIGTERM, and it stops everything in order.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable

from marketplace.launcher import processes

GRACE = 5.0


def run_under_subreaper(work: Callable[[], int], own_group: bool = True) -> int:
    """Run `work` in a forked child of the subreaper; returns its exit code.

    With `own_group` Ctrl-C reaches it once, through us; without, it shares the terminal (a debugger can read from it).
    """
    processes.adopt_orphans()
    child = os.fork()
    if child == 0:
        _work_in_child(work, own_group)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda number, _frame: _pass_on(child, number))
    code = _wait_for(child)
    end_descendants()
    return code


def _work_in_child(work: Callable[[], int], own_group: bool) -> None:
    processes.die_with_parent(signal.SIGTERM)
    if own_group:
        os.setpgrp()
    code = 1
    try:
        code = work()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
        if leaving.code and not isinstance(leaving.code, int):
            print(leaving.code, flush=True)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                continue
        os._exit(code)


def _pass_on(child: int, signum: int) -> None:
    try:
        os.kill(child, signum)
    except ProcessLookupError:
        return


def _wait_for(child: int) -> int:
    """The exit code of `child`, reaping adopted orphans meanwhile."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def end_descendants(grace: float = GRACE) -> None:
    """Let dying descendants finish for `grace` seconds, then kill what is left, until nothing is left."""
    deadline = time.monotonic() + grace
    while left := [pid for pid in processes.descendants(os.getpid()) if processes.identity(pid)]:
        if time.monotonic() > deadline:
            for pid in left:
                _kill(pid)
        _reap()
        time.sleep(0.05)
    _reap()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return
