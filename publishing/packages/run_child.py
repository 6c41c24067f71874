"""The trial itself, in a process of its own: python -m publishing.packages.run_child TASK, with the graph on its standard input.

TASK is a JSON file: {"sha256", "signature", "example", "memory_mb"}. Prints one line of JSON, a Trial's members.
"""

import hashlib
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
    if hashlib.sha256(graph).hexdigest() != task["sha256"]:
        found = {
            "problem": "The stored bytes are not those that were inspected. Upload the package again.",
            "said": "",
            "figures": {},
        }
        found["verdict"] = "error"
    else:
        found = vars(trial.try_out(graph, task["signature"], task["example"], task["memory_mb"]))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
