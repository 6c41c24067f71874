"""The execution gates, in a process of its own: python -m publishing.packages.gates_child TASK, with the graph on its standard input.

TASK is a JSON file: {"sha256", "signature", "example", "sla", "memory_mb", "started"}. Prints one JSON object a line, as it
goes, so that what was found before a crash is known: {"at": [gate, what is asked]}, {"finding": {...}}, {"problem": why none}.
"""

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from . import confinement, limits

MANIFEST = {"model": "model", "version": "1", "format": "onnx"}


def main(path: str) -> None:
    task = json.loads(Path(path).read_text("utf-8"))
    confinement.limit_acts(limits.GATES_CPU_SECONDS, written_bytes=limits.MIB)
    confinement.leave_network()
    from hosting.model_server import checks, session  # numpy and ONNX Runtime

    loop = asyncio.new_event_loop()  # has a pair of sockets, which nothing may make from here on
    confinement.forbid_acts()
    session.bound_memory(task["memory_mb"])
    graph = sys.stdin.buffer.read()
    if hashlib.sha256(graph).hexdigest() != task["sha256"]:
        _tell(problem="The stored bytes are not those that were inspected.")
        return
    try:
        model = session.open_graph(graph, task["signature"], task["memory_mb"])
    except session.CannotLoad as wrong:
        _tell(problem=str(wrong))
        return
    manifest = MANIFEST | {"signature": task["signature"], "example": task["example"]}
    for finding in checks.all_checks(
        checks.Replica(model, manifest, loop),
        task["signature"],
        task["example"],
        checks.Promise.of(task["sla"], task["memory_mb"]),
        task["started"],
        at=lambda gate, asked: _tell(at=[gate, asked]),
    ):
        _tell(finding=vars(finding))


def _tell(**line: Any) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
