"""The walls around an inspection: memory, CPU, file size, open files, no network, no new programs, no unpickling."""

import ctypes
import os
import resource
import sys

from . import limits

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "pickle.",
    "ctypes.",
    "shutil.",
)


def limit_process(file_bytes):
    """Sets the kernel's limits for this process. file_bytes: size of the upload, which the memory limit follows."""
    memory = min(
        limits.CHILD_MEMORY + limits.CHILD_MEMORY_PER_BYTE * file_bytes, limits.CHILD_MEMORY_MOST
    )
    _limit(resource.RLIMIT_AS, memory)
    limit_acts(limits.CHILD_CPU_SECONDS, limits.FILE_BYTES)


def limit_acts(cpu_seconds, written_bytes):
    """Time, files and core dumps; memory is limited apart."""
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_FSIZE, written_bytes)
    _limit(resource.RLIMIT_NOFILE, limits.CHILD_OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)


def leave_network():
    """Moves this process into an empty network namespace. False where the kernel does not allow it."""
    try:
        return ctypes.CDLL(None).unshare(NEW_USER | NEW_NETWORK) == 0
    except (OSError, AttributeError):
        return False


def forbid_acts():
    """From here on, Python code in this process that connects, starts programs or unpickles dies. Cannot be undone."""
    sys.addaudithook(_refuse)


def _refuse(event, args):
    if event.startswith(FORBIDDEN):
        os._exit(86)


def _limit(kind, value):
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))
