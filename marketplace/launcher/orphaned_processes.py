"""Kills orphaned processes: those of an earlier launch whose subreaper and supervisor were killed at once."""

import os
import signal
import time
from pathlib import Path

from marketplace.launcher import processes
from marketplace.launcher.rundir import RunDir
from marketplace.launcher.supervisor import MARK


def kill_orphaned_processes(run: RunDir) -> int:
    """Kill every process that was launched from this run folder, except us; the number of them.

    Only for the process that has the folder's lock: no other one may have live processes here.
    """
    ours = {os.getpid(), *_ancestors(os.getpid())}
    left = {
        identity
        for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
        if pid not in ours and _belongs(pid, run) and (identity := processes.identity(pid))
    }
    processes.signal_all(left, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(
        processes.identity(pid) == (pid, started) for pid, started in left
    ):
        time.sleep(0.05)
    return len(left)


def _ancestors(pid: int) -> list[int]:
    chain = []
    while (pid := processes.parent_of(pid)) > 1:
        chain.append(pid)
    return chain


def _belongs(pid: int, run: RunDir) -> bool:
    """Launched by the supervisor of this folder, which marks its children."""
    try:
        return f"{MARK}={run.path}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(
            b"\0"
        )
    except OSError:
        return False
