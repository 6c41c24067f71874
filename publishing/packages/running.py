"""The parent's side of a trial: does a package answer its own example where replicas run? In a limited child, like an inspection."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from . import limits
from .inspection import ROOT, Refused, _end, _environment
from .table_child import UNREADABLE


def try_out(graph, sha256, signature, example, memory_mb, *, quarantine=None):
    """Runs the trial. Returns {"problem": "" or why it does not run, "said": the runtime's own words, "figures": {...}}, and
    {"verdict": "error"} when the bytes are not those that were inspected.

    graph       open binary stream of the ONNX bytes; sha256: their digest, in hex
    memory_mb   what the version declares that it needs; the child gets as much as a replica
    quarantine  the folder for the child's own files, by default the system's temporary one
    """
    task = {
        "sha256": sha256,
        "signature": signature,
        "example": example,
        "memory_mb": memory_mb,
    }
    try:
        code, reply = _reply_of("run_child", task, graph, quarantine, limits.RUN_SECONDS)
    except subprocess.TimeoutExpired:
        return _broken(f"it did not answer its example within {limits.RUN_SECONDS} seconds")
    if code or len(reply) > limits.CHILD_REPLY_BYTES:
        return _broken(_reason(code))
    try:
        return json.loads(reply)
    except ValueError:
        return _broken("its answer could not be read")


def predict(graph, sha256, signature, request, output, memory_mb, *, seed=None, quarantine=None):
    """What an output answers to the rows of a request: {"values": [one a row]} or {"problem": a phrase without any value}.

    With a seed also {"probe"}: what it answers to rows that were changed a little (perturbations.probe), or {"crashed": True}.
    Like `try_out`, in a limited child without network; what the child writes elsewhere is thrown away.
    """
    task = {
        "sha256": sha256,
        "signature": signature,
        "request": request,
        "output": output,
        "memory_mb": memory_mb,
        "seed": seed,
    }
    return _answers_of("predict_child", task, graph, limits.PREDICT_SECONDS, quarantine)


def answer_rows(graph, task, seconds, *, quarantine=None):
    """What a version answers to rows, within `seconds`: the reply of answers_child, or {"problem": a phrase}."""
    return _answers_of("answers_child", task, graph, seconds, quarantine)


def _answers_of(module, task, graph, seconds, quarantine):
    try:
        code, reply = _reply_of(module, task, graph, quarantine, seconds)
    except subprocess.TimeoutExpired:
        return {"problem": f"it did not answer within {seconds:.0f} seconds"}
    if code or len(reply) > limits.PREDICT_REPLY_BYTES:
        return {"problem": "the process broke off"}
    try:
        return json.loads(reply)
    except ValueError:
        return {"problem": "its answer could not be read"}


@contextmanager
def table(blocks, kind, most_rows, most_columns, *, quarantine=None):
    """The bytes of a CSV, block by block, that a limited child makes of an Excel or Parquet file. Raises Refused at its end.

    The open file lies in a room of its own while the child reads it, and goes with it.
    """
    if quarantine:
        Path(quarantine).mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix="table-", dir=quarantine))
    try:
        with open(room / f"table.{kind}", "wb") as file:
            for block in blocks:
                file.write(block)
        task = {
            "kind": kind,
            "path": str(room / f"table.{kind}"),
            "most_rows": most_rows,
            "most_columns": most_columns,
        }
        (room / "task.json").write_text(json.dumps(task), "utf-8")
        child = subprocess.Popen(
            [
                sys.executable,
                "-B",
                "-m",
                "publishing.packages.table_child",
                str(room / "task.json"),
            ],
            cwd=ROOT,
            env=_environment(room),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        late = threading.Timer(limits.TABLE_SECONDS, child.kill)
        late.start()
        try:
            yield _table_bytes(child)
        finally:
            late.cancel()
            _end(child)
            if child.stderr:
                child.stderr.close()
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _table_bytes(child):
    size = 0
    while block := child.stdout.read(limits.CHUNK):
        size += len(block)
        if size > limits.TABLE_BYTES:
            raise Refused("The table is too large once it is unpacked.", "table-too-large")
        yield block
    if child.wait():
        said = child.stderr.read(limits.KIB).decode("utf-8", "replace").strip().splitlines()
        is_ours = child.returncode == UNREADABLE and said
        reason = said[-1][:300] if is_ours else "It took more time or memory than a table may."
        raise Refused(
            f"The file cannot be read. {reason}",
            "table-unreadable",
            "Save it as CSV and try again.",
        )


def check(graph, sha256, signature, example, sla, memory_mb, *, quarantine=None):
    """What the execution gates' child told before it ended: ([its lines, as dicts], why it ended early or "").

    Like `try_out`, in a limited child without network.
    """
    task = {
        "sha256": sha256,
        "signature": signature,
        "example": example,
        "sla": sla,
        "memory_mb": memory_mb,
        "started": time.time(),
    }
    early = ""
    try:
        code, reply = _reply_of("gates_child", task, graph, quarantine, limits.GATES_SECONDS)
        early = _end_of_gates(code) if code else ""
    except subprocess.TimeoutExpired as late:
        early = f"the checks did not end within {limits.GATES_SECONDS} seconds"
        reply = late.stdout or b""
    lines = []
    for line in reply[: limits.CHILD_REPLY_BYTES].splitlines():
        with suppress(ValueError):  # what a process wrote while it died may be cut off
            lines.append(json.loads(line))
    return lines, early


def _end_of_gates(code):
    if code == -signal.SIGXCPU:
        return f"the checks used more than {limits.GATES_CPU_SECONDS} seconds of processor time"
    if code < 0:
        return f"the process was ended by signal {signal.Signals(-code).name}"
    return f"the process broke off (exit code {code})"


def _reply_of(module, task, graph, quarantine, seconds):
    """(exit code, what it printed) of a child with a room of its own. Raises TimeoutExpired; child and room end in any case."""
    if quarantine:
        Path(quarantine).mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=f"{module}-", dir=quarantine))
    try:
        path = room / "task.json"
        path.write_text(json.dumps(task), "utf-8")
        child = subprocess.Popen(
            [sys.executable, "-B", "-m", f"publishing.packages.{module}", str(path)],
            cwd=ROOT,
            env=_environment(room),
            stdin=_as_file(graph, room),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            reply, _ = child.communicate(timeout=seconds)
        finally:
            _end(child)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return child.returncode, reply


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
