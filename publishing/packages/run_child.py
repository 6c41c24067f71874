"""The trial itself, in a process of its own: python -m publishing.packages.run_child TASK, with the graph on its standard input.

TASK is a JSON file: {"signature", "example", "memory_mb"}. Prints one line of JSON, a Trial's members.
"""

import json
import sys
from pathlib import Path

from . import confinement, limits


def main(task):
    task = json.loads(Path(task).read_text("utf-8"))
    confinement.limit_acts(limits.RUN_CPU_SECONDS, written_bytes=limits.MIB)
    confinement.leave_network()
    from hosting.model_server import session, trial  # numpy and ONNX Runtime

    confinement.forbid_acts()
    session.bound_memory(task["memory_mb"])
    graph = sys.stdin.buffer.read()
    found = trial.try_out(graph, task["signature"], task["example"], task["memory_mb"])
    json.dump(vars(found), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
