"""What a child process does before it asks a stored graph anything: limits first, then numpy, then the graph's bytes, by their digest."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import confinement, limits

# (graph, task, and the modules coercion, session and wire of hosting.model_server) → what is printed
Answer = Callable[[bytes, dict[str, Any], Any, Any, Any], dict[str, Any]]


def run(path: str, answer: Answer) -> None:
    """Give up all rights, read the task at `path` and its graph from standard input, and print the answer as one line of JSON.

    A graph that is not the one of the task's "sha256" is not opened: {"problem"}.
    """
    task = json.loads(Path(path).read_text("utf-8"))
    confinement.limit_acts(limits.PREDICT_CPU_SECONDS, written_bytes=limits.MIB)
    confinement.leave_network()
    from hosting.model_server import coercion, session, wire  # numpy and ONNX Runtime

    confinement.forbid_acts()
    session.bound_memory(task["memory_mb"])
    graph = sys.stdin.buffer.read()
    if hashlib.sha256(graph).hexdigest() != task["sha256"]:
        found = {"problem": "the stored bytes are not those that were inspected"}
    else:
        found = answer(graph, task, coercion, session, wire)
    json.dump(found, sys.stdout)
