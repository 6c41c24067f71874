"""Work in a forked process that is killed at a numbered point: before a statement, around a commit, around a file's move."""

import os
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from consumption.metering import shipping

FAILED = 3


class Points:
    """Counts the points that work passes; the process dies at number `deadly`, or never when that is 0."""

    def __init__(self, deadly: int) -> None:
        self.deadly = deadly
        self.passed = 0

    def pass_one(self) -> None:
        self.passed += 1
        if self.passed == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable) -> Callable:
        """`function` with a point before and one after it."""

        def with_points(*args, **kwargs):
            self.pass_one()
            answer = function(*args, **kwargs)
            self.pass_one()
            return answer

        return with_points

    def before_statement(self, execute, statement, params, many, context):
        self.pass_one()
        return execute(statement, params, many, context)


def run(work: Callable[[], object], deadly: int = 0) -> int:
    """Do `work` in a process of its own. Returns how many points it passed; 0 when it was killed at `deadly`.

    Raises RuntimeError when it failed by itself.
    """
    child, told = start(work, deadly)
    with os.fdopen(told) as said:
        words = said.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == FAILED:
        raise RuntimeError(words)
    return int(words or 0) if status == 0 else 0


def start(work: Callable[[], object], deadly: int = 0) -> tuple[int, int]:
    """(pid, the end of a pipe that says the points passed, or the traceback)."""
    connection.close()
    connection.close_pool()
    heard, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(heard)
        _be_child(work, Points(deadly), tell)
    os.close(tell)
    return child, heard


def _be_child(work: Callable[[], object], points: Points, tell: int) -> None:
    code = 0
    connection.settings_dict["OPTIONS"].pop("pool", None)  # its threads did not come along
    try:
        BaseDatabaseWrapper._commit = points.around(BaseDatabaseWrapper._commit)
        Path.rename = points.around(Path.rename)
        Path.unlink = points.around(Path.unlink)
        shipping.archive = points.around(shipping.archive)
        with connection.execute_wrapper(points.before_statement):
            work()
        said = str(points.passed)
    except BaseException:
        code, said = FAILED, traceback.format_exc()
    try:
        os.write(tell, said.encode()[:60_000])
    finally:
        os._exit(code)  # whatever happens: this is a copy of pytest


def kill_after(work: Callable[[], object], seconds: float) -> bool:
    """SIGKILL it after so long. Returns whether it was still at work."""
    child, told = start(work)
    os.close(told)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])
