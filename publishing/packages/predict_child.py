"""Predictions for benchmark rows, in a process of its own: python -m publishing.packages.predict_child TASK, graph on standard input.

TASK is a JSON file: {"sha256", "signature", "request", "output", "memory_mb", "seed"}. Prints one line of JSON: {"values"} or
{"problem"}; with a seed, also {"probe"}: the answers to rows that were changed a little, or {"crashed"}.
No problem holds a value of a row, nor the runtime's own words, which may.
"""

import json
import sys
from typing import Any

from . import graph_task

ROWS_AT_ONCE = 1000


def _predict(
    graph: bytes, task: dict[str, Any], coercion: Any, session: Any, wire: Any
) -> dict[str, Any]:
    try:
        model = session.open_graph(graph, task["signature"], task["memory_mb"])
        request = wire.read(json.dumps(task["request"]).encode())
        columns, _ = coercion.columns_of(request, model.signature)
    except Exception:  # its words may hold a row's value
        return {"problem": "the version does not take the benchmark's rows"}
    import numpy

    from . import perturbations

    def answer(columns: dict[str, Any]) -> Any:
        count = len(next(iter(columns.values())))
        parts = [
            model.run(
                {name: array[start : start + ROWS_AT_ONCE] for name, array in columns.items()}
            )
            for start in range(0, count, ROWS_AT_ONCE)
        ]
        return numpy.concatenate([part[task["output"]] for part in parts])

    try:
        found = {"values": answer(columns).tolist()}
    except Exception:
        return {"problem": "the version failed on the benchmark's rows"}
    if task["seed"] is not None:
        try:
            found["probe"] = perturbations.probe(columns, model.signature, answer, task["seed"])
        except Exception:
            found["probe"] = {"crashed": True}
    return found


if __name__ == "__main__":
    graph_task.run(sys.argv[1], _predict)
