"""What a version answers to a team's rows, in a process of its own: python -m publishing.packages.answers_child TASK, graph on standard input.

TASK is a JSON file: {"sha256", "signature", "inputs", "output", "memory_mb", "timed"}; inputs: {name: [one value a row]}. Prints
one line of JSON: {"taken": [place], "values": [one each], "refused": [[place, input, why]], "ms": [of single rows]} or {"problem"}.
"""

import json
import sys
import time
from typing import Any

from . import graph_task

ROWS_AT_ONCE = 1000
ROUNDS = 40  # each leaves out the rows that were refused, up to ten at a time
WARM_UP = 10


def answered(
    graph: bytes, task: dict[str, Any], coercion: Any, session: Any, wire: Any
) -> dict[str, Any]:
    try:
        model = session.open_graph(graph, task["signature"], task["memory_mb"])
    except Exception:
        return {"problem": "it could not be loaded"}
    columns, taken, refused = accepted(task, model.signature, coercion, wire)
    if not taken:
        return {"taken": [], "values": [], "refused": refused, "ms": []}
    import numpy

    try:
        parts = [
            model.run(slice_of(columns, start, ROWS_AT_ONCE))[task["output"]]
            for start in range(0, len(taken), ROWS_AT_ONCE)
        ]
        values = numpy.concatenate(parts).tolist()
    except Exception:  # its words may hold a row's value
        return {"problem": "it failed on these rows"}
    return {
        "taken": taken,
        "values": values,
        "refused": refused,
        "ms": timed(model, columns, min(task["timed"], len(taken))),
    }


def accepted(
    task: dict[str, Any], signature: Any, coercion: Any, wire: Any
) -> tuple[dict[str, Any], list[int], list[list[Any]]]:
    """(arrays of the rows that the contract takes, their places, the refused ones): the gateway's own rules."""
    from hosting.model_server.problems import Problem

    inputs = task["inputs"]
    places = list(range(len(next(iter(inputs.values())))))
    fields = {spec["name"]: spec for spec in task["signature"]["inputs"]}
    refused: list[list[Any]] = []
    for _ in range(ROUNDS):
        if not places:
            return {}, [], refused
        body = {"inputs": [tensor(fields[name], inputs[name], places) for name in inputs]}
        try:
            columns, _ = coercion.columns_of(wire.read(json.dumps(body).encode()), signature)
            return columns, places, refused
        except Problem as problem:
            faults = {fault.row: fault for fault in problem.faults if fault.row is not None}
            if not faults:
                why = problem.faults[0] if problem.faults else None
                told = [why.field, why.detail] if why else ["", problem.detail]
                return {}, [], refused + [[place, *told] for place in places]
            refused += [[places[row], fault.field, fault.detail] for row, fault in faults.items()]
            places = [place for row, place in enumerate(places) if row not in faults]
    return {}, [], refused + [[place, "", "is refused with too many others"] for place in places]


def tensor(spec: dict[str, Any], values: list[Any], places: list[int]) -> dict[str, Any]:
    return {
        "name": spec["name"],
        "datatype": spec["datatype"],
        "shape": [len(places), *spec["shape"][1:]],
        "data": [values[place] for place in places],
    }


def slice_of(columns: dict[str, Any], start: int, rows: int) -> dict[str, Any]:
    return {name: array[start : start + rows] for name, array in columns.items()}


def timed(model: Any, columns: dict[str, Any], count: int) -> list[float]:
    """Milliseconds that the graph takes for single rows, after some to warm up."""
    for row in range(min(WARM_UP, count)):
        model.run(slice_of(columns, row, 1))
    spent = []
    for row in range(count):
        started = time.perf_counter()
        model.run(slice_of(columns, row, 1))
        spent.append(round((time.perf_counter() - started) * 1000, 4))
    return spent


if __name__ == "__main__":
    graph_task.run(sys.argv[1], answered)
