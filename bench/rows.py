"""What a call in plain rows costs, set beside the same data in tensors: processor time of the model server's whole call.

    .venv/bin/python -m bench.rows [rounds]

One process, no network: a call is read, judged, run by ONNX Runtime and written, as in a replica; what the gateway and HTTP
take is the same for both and left out, which flatters the tensors. The data is six inputs, numbers and a text, in JSON. The
last line is one JSON object: {rows: {form: ratio to the tensor call}}; docs/gateway.md names the goal, at most 2.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

from bench import ground
from hosting.model_server import server

ROWS = (1, 10, 100, 1000, 10_000)
CALLS = 20_000  # rows in a measurement, and at least three calls
NUMBERS = ("monthly_income", "stated_income", "debt", "account_balance")
GOAL = 2.0


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        app = scoring(Path(folder))
        ratios = {count: compare(app, count, rounds) for count in ROWS}
    ground.table(
        "bench.rows: processor time of a call in rows, as a multiple of the same data in tensors",
        [
            (
                f"{count:6d} rows",
                f"JSON {by_form['json']:.2f} ×   CSV {by_form['csv']:.2f} ×   goal ≤ {GOAL:g}",
            )
            for count, by_form in ratios.items()
        ],
    )
    print(json.dumps(ratios))
    return 0


def scoring(folder: Path) -> server.ModelApp:
    """A small dense network over five numbers and a text, as a replica serves it."""
    import os

    from tests.hosting import packages

    os.environ["REPLICA_LIMIT_MEMORY"] = "0"
    keys = packages.Keypair()
    manifest = packages.package(
        folder, model="scoring", content=graph(), signature=signature(), example={}
    )
    return server.app_from_manifest(
        manifest, keys.sign(manifest), root=folder, public_key=keys.public
    )


def signature() -> dict[str, Any]:
    numbers = [{"name": name, "datatype": "FP32", "shape": [-1]} for name in NUMBERS]
    return {
        "inputs": [
            *numbers,
            {"name": "age", "datatype": "INT64", "shape": [-1], "minimum": 18, "maximum": 120},
            {"name": "employment", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "verified_income", "datatype": "FP32", "shape": [-1]},
            {"name": "band", "datatype": "BYTES", "shape": [-1]},
        ],
        "binding": {
            "inputs": [
                {"tensor": "X", "datatype": "FP32", "columns": [*NUMBERS, "age"]},
                {"tensor": "T", "datatype": "BYTES", "columns": ["employment"]},
            ],
            "outputs": [
                {"tensor": "Y", "output": "verified_income", "column": 0},
                {"tensor": "B", "output": "band", "column": None},
            ],
        },
    }


def graph() -> bytes:
    luck = random.Random(1)
    layers = [
        helper.make_tensor(
            name, TensorProto.FLOAT, shape, [luck.gauss(0, 1) for _ in range(shape[0] * shape[1])]
        )
        for name, shape in (("W1", (5, 64)), ("W2", (64, 1)))
    ]
    nodes = [
        helper.make_node("MatMul", ["X", "W1"], ["H"]),
        helper.make_node("Relu", ["H"], ["R"]),
        helper.make_node("MatMul", ["R", "W2"], ["Y"]),
        helper.make_node("Identity", ["T"], ["B"]),
    ]
    sides = (
        [
            helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 5]),
            helper.make_tensor_value_info("T", TensorProto.STRING, [None]),
        ],
        [
            helper.make_tensor_value_info("Y", TensorProto.FLOAT, [None, 1]),
            helper.make_tensor_value_info("B", TensorProto.STRING, [None]),
        ],
    )
    model = helper.make_graph(nodes, "scoring", *sides, layers)
    opsets = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(model, opset_imports=opsets, ir_version=8).SerializeToString())


def compare(app: server.ModelApp, count: int, rounds: int) -> dict[str, float]:
    """{form: median ratio of its processor time to that of tensors}, the forms in turn."""
    columns = data(count)
    calls = {
        "tensors": ("infer", "application/json", tensors(columns)),
        "json": ("rows", "application/json", objects(columns)),
        "csv": ("rows", "text/csv", lines(columns)),
    }
    seconds: dict[str, list[float]] = {form: [] for form in calls}
    for _ in range(rounds):
        for form, call in calls.items():
            seconds[form].append(timed(app, *call, max(3, CALLS // count)))
    return {
        form: round(
            statistics.median(
                of_rows / of_tensors
                for of_rows, of_tensors in zip(seconds[form], seconds["tensors"], strict=True)
            ),
            2,
        )
        for form in ("json", "csv")
    }


def data(count: int) -> dict[str, list[Any]]:
    luck = random.Random(count)
    numbers = {name: [round(luck.uniform(0, 9e4), 2) for _ in range(count)] for name in NUMBERS}
    jobs = ["salaried", "self-employed", "retired"]
    return numbers | {
        "age": [luck.randint(18, 90) for _ in range(count)],
        "employment": [luck.choice(jobs) for _ in range(count)],
    }


def tensors(columns: dict[str, list[Any]]) -> bytes:
    kinds = {field["name"]: field["datatype"] for field in signature()["inputs"]}
    inputs = [
        {"name": name, "datatype": kinds[name], "shape": [len(values)], "data": values}
        for name, values in columns.items()
    ]
    return json.dumps({"inputs": inputs}).encode()


def objects(columns: dict[str, list[Any]]) -> bytes:
    rows = zip(*columns.values(), strict=True)
    return json.dumps([dict(zip(columns, row, strict=True)) for row in rows]).encode()


def lines(columns: dict[str, list[Any]]) -> bytes:
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    return "\n".join([",".join(columns), *rows]).encode()


def timed(app: server.ModelApp, verb: str, kind: str, body: bytes, calls: int) -> float:
    """Processor seconds of one call, of all threads."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{app.prefix}/{verb}",
        "headers": [(b"content-type", kind.encode()), (b"accept", kind.encode())],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        assert message.get("status", 200) == 200

    async def run(ask: Callable[..., Any]) -> None:
        for _ in range(calls):
            await ask(scope, receive, send)

    before = time.process_time()
    asyncio.run(run(app))
    return (time.process_time() - before) / calls


if __name__ == "__main__":
    sys.exit(main())
