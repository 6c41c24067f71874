"""The parent's side of a trial: does a package answer its own example where replicas run? In a limited child, like an inspection."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from . import limits
from .inspection import ROOT, _end, _environment


def try_out(graph, sha256, signature, example, memory_mb, *, quarantine=None):
    """Runs the trial. Returns {"problem": "" or why it does not run, "said": the runtime's own words, "figures": {...}}, and
    {"verdict": "error"} when the bytes are not those that were inspected.

    graph       open binary stream of the ONNX bytes; sha256: their digest, in hex
    memory_mb   what the version declares that it needs; the child gets as much as a replica
    quarantine  the folder for the child's own files, by default the system's temporary one
    """
    if quarantine:
        Path(quarantine).mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix="trial-", dir=quarantine))
    try:
        task = room / "task.json"
        task.write_text(
            json.dumps(
                {
                    "sha256": sha256,
                    "signature": signature,
                    "example": example,
                    "memory_mb": memory_mb,
                }
            ),
            "utf-8",
        )
        return _ask_child(task, graph, room)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _ask_child(task, graph, room):
    command = [sys.executable, "-B", "-m", "publishing.packages.run_child", str(task)]
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env=_environment(room),
        stdin=_as_file(graph, room),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        reply, _ = child.communicate(timeout=limits.RUN_SECONDS)
    except subprocess.TimeoutExpired:
        return _broken(f"it did not answer its example within {limits.RUN_SECONDS} seconds")
    finally:
        _end(child)
    if child.returncode or len(reply) > limits.CHILD_REPLY_BYTES:
        return _broken(_reason(child.returncode))
    try:
        return json.loads(reply)
    except ValueError:
        return _broken("its answer could not be read")


def _as_file(stream, room):
    """Something with a file descriptor: the stored file itself, or a copy where the store keeps it elsewhere."""
    try:
        stream.fileno()
        return stream
    except (AttributeError, OSError):
        copy = room / "graph"
        with open(copy, "wb") as file:
            shutil.copyfileobj(stream, file, limits.CHUNK)
        return open(copy, "rb")


def _reason(code):
    if code == -signal.SIGXCPU:
        return (
            f"it used more than {limits.RUN_CPU_SECONDS} seconds of processor time for a few rows"
        )
    if code in (-signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV, 1):
        return "the runtime broke off, as it does when there is too little memory"
    return "the trial broke off"


def _broken(reason):
    remedy = "Make the model smaller or quicker, or host it yourself and register it as an external endpoint."
    return {"problem": f"The package did not run: {reason}. {remedy}", "said": "", "figures": {}}
