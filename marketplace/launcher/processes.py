"""What a supervised process is, and the operating-system calls that tie its life to ours."""

import ctypes
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWUSER = 0x10000000

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Process:
    """One long-running program under the supervisor.

    `ready` answers whether it serves; `ready_within` and `stop_within` are seconds. `log_says` is a text which its log
    must hold before it counts as ready (for programs without a port). `before_start` runs here before each start,
    `on_child` in the child before exec. `inherits` False: `env` is the whole environment, not an addition to ours.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = lambda: True
    log_says: str = ""
    ready_within: float = 120.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 10.0
    death_signal: signal.Signals = signal.SIGKILL
    user: str | int | None = None
    cwd: Path | None = None
    inherits: bool = True
    is_store: bool = False  # stops after everything that uses it
    before_start: Callable[[], object] | None = None
    on_child: Callable[[], None] | None = None


def die_with_parent(signum: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send `signum` to this process when the thread that started it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def enter_user_namespace(uid: int, gid: int) -> None:
    """Appear as `uid`:`gid` to ourselves while the files of our real user stay reachable. Raises OSError where forbidden."""
    real_uid, real_gid = os.geteuid(), os.getegid()
    if _libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "no user namespaces here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {real_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {real_gid} 1")


def children_by_parent() -> dict[int, list[int]]:
    """Every visible process by its parent's pid, from one walk over /proc."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (parent := parent_of(int(entry))):
            children.setdefault(parent, []).append(int(entry))
    return children


def descendants(pid: int, children: dict[int, list[int]] | None = None) -> list[int]:
    """All live processes below `pid`, nearest first."""
    children = children_by_parent() if children is None else children
    pids: list[int] = []
    wave = list(children.get(pid, ()))
    while wave:
        pids += wave
        wave = [grandchild for child in wave for grandchild in children.get(child, ())]
    return pids


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on; [] when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def parent_of(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def identity(pid: int) -> tuple[int, int] | None:
    """(pid, start time in clock ticks): the same pair is the same process even when pids are used again. None when it is gone."""
    fields = _stat(pid)
    return (pid, int(fields[19])) if fields and fields[0] != "Z" else None


def signal_all(identities: set[tuple[int, int]], signum: signal.Signals) -> None:
    """Send `signum` to those of `identities` that are still the same process."""
    for pid, started in identities:
        if identity(pid) == (pid, started):
            try:
                os.kill(pid, signum)
            except (ProcessLookupError, PermissionError):
                continue
