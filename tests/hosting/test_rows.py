"""Plain rows: whatever a signature takes, rows and tensors of the same data get the same answer; what is wrong is named by row."""

import asyncio
import csv
import io
import json
import random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hosting.model_server import datatypes, rows, server
from hosting.model_server.columns import Signature
from tests.hosting import packages

ONNX = {"BOOL": "BOOL", "FP16": "FLOAT16", "FP32": "FLOAT", "FP64": "DOUBLE", "BYTES": "STRING"}
TEXTS = ["", "plain", 'quotes " and, commas', "ü€😀", "line\nbreak", "null", "7", " apart "]


async def ask(app, path, body, **headers):
    """(status, headers, body) of one POST."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": f"{app.prefix}/{path}", "headers": told}
    await app(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def asked(app, path, body, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return asyncio.run(ask(app, path, body, **headers))


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """→ ModelApp of the weighted sum of income, debt and age, or of another package."""
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")
    keys = packages.Keypair()

    def served(**facts):
        manifest = packages.package(tmp_path, **facts)
        return server.app_from_manifest(
            manifest, keys.sign(manifest), root=tmp_path, public_key=keys.public
        )

    return served


# ── The same answer ───────────────────────────────────────────────────────


def drawn_signature(luck):
    """Some inputs of any datatype and shape, required, optional or with a default, each given back as an output."""
    inputs = []
    for at in range(luck.randint(1, 6)):
        datatype = luck.choice(list(datatypes.NUMPY))
        field = {
            "name": luck.choice([f"in_{at}", f"In put, {at}", f'"{at}"']),
            "datatype": datatype,
            "shape": [-1, *luck.choice([[], [], [1], [2], [2, 3], [-1]])],
            "required": luck.random() < 0.5,
        }
        has_gap = datatype in (*datatypes.FLOATS, "BYTES")
        if not field["required"] and (not has_gap or luck.random() < 0.5):
            field["default"] = drawn_value(luck, datatype)
        inputs.append(field)
    return {
        "inputs": inputs,
        "outputs": [
            {"name": f"as {field['name']}", "datatype": field["datatype"], "shape": field["shape"]}
            for field in inputs
        ],
        "binding": {
            "inputs": [
                {"tensor": f"x{at}", "datatype": field["datatype"], "columns": [field["name"]]}
                for at, field in enumerate(inputs)
            ],
            "outputs": [
                {"tensor": f"y{at}", "output": f"as {field['name']}", "column": None}
                for at, field in enumerate(inputs)
            ],
        },
    }


def drawn_value(luck, datatype):
    if datatype == "BYTES":
        return luck.choice(TEXTS)
    if datatype == "BOOL":
        return luck.random() < 0.5
    low, high = (int(limit) for limit in datatypes.span(datatype))
    if datatype in datatypes.FLOATS:
        return float(np.array(luck.uniform(-1000, 1000), datatypes.dtype(datatype)))
    return luck.choice([low, high, 0, 1, luck.randint(low, high)])


def echo(signature):
    """ONNX bytes: output y<n> is input x<n>."""
    sides = [
        [
            helper.make_tensor_value_info(
                f"{side}{at}",
                getattr(TensorProto, ONNX.get(field["datatype"], field["datatype"])),
                [None if size == -1 else size for size in field["shape"]],
            )
            for at, field in enumerate(signature["inputs"])
        ]
        for side in "xy"
    ]
    nodes = [
        helper.make_node("Identity", [f"x{at}"], [f"y{at}"])
        for at in range(len(signature["inputs"]))
    ]
    graph = helper.make_graph(nodes, "echo", *sides)
    return onnx.helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()


def drawn_rows(luck, signature):
    """Rows with gaps where they may be; what no row has is left out of all at times."""
    count, made = luck.randint(1, 5), {}
    for field in signature["inputs"]:
        sizes = [luck.randint(1, 3) if size == -1 else size for size in field["shape"][1:]]
        if not field["required"] and luck.random() < 0.3:
            continue
        made[field["name"]] = [
            None
            if not field["required"] and luck.random() < 0.3
            else nested(luck, field["datatype"], sizes)
            for _ in range(count)
        ]
    if not made:
        field = signature["inputs"][0]
        sizes = [max(size, 1) for size in field["shape"][1:]]
        made[field["name"]] = [nested(luck, field["datatype"], sizes) for _ in range(count)]
    return made


def nested(luck, datatype, sizes):
    if not sizes:
        return drawn_value(luck, datatype)
    return [nested(luck, datatype, sizes[1:]) for _ in range(sizes[0])]


def as_tensors(columns, signature):
    """The same data as a request of the protocol; an input without a value in any row stays out."""
    tensors = []
    for field in signature["inputs"]:
        values = columns.get(field["name"], [])
        given = next((value for value in values if value is not None), None)
        if given is not None or (values and len(columns) == 1):
            sizes = list(np.shape(given)) if given is not None else field["shape"][1:]
            sizes = [max(size, 1) for size in sizes]
            gap = np.full(sizes, None).tolist()
            tensors.append(
                {
                    "name": field["name"],
                    "datatype": field["datatype"],
                    "shape": [len(values), *sizes],
                    "data": [gap if value is None else value for value in values],
                }
            )
    return {"inputs": tensors}


def as_csv(columns):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(
            [json.dumps(cell) if isinstance(cell, list | bool) else cell for cell in row]
        )
    return text.getvalue().encode()


def by_rows(answer):
    """The outputs of an answer in tensors as objects."""
    columns = {
        output["name"]: np.array(output["data"], object).reshape(output["shape"]).tolist()
        for output in answer["outputs"]
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def read_csv(body, signature):
    """A CSV answer as objects again; which cells are texts, the signature says."""
    kinds = {field["name"]: field for field in signature["outputs"]}

    def cell(name, text):
        is_text = kinds[name]["datatype"] == "BYTES" and len(kinds[name]["shape"]) == 1
        return text if is_text else json.loads(text) if text else None

    lines = csv.DictReader(io.StringIO(body.decode(), newline=""))
    return [{name: cell(name, text) for name, text in line.items()} for line in lines]


@pytest.mark.parametrize("seed", range(60))
def test_rows_and_tensors_of_the_same_data_get_the_same_answer(serve, seed):
    luck = random.Random(seed)
    signature = drawn_signature(luck)
    app = serve(model="echo", content=echo(signature), signature=signature, example={})
    for _ in range(6):
        columns = drawn_rows(luck, signature)
        tensors = as_tensors(columns, signature)
        if not tensors["inputs"]:
            continue
        status, _, body = asked(app, "infer", tensors)
        assert status == 200, body
        expected = by_rows(json.loads(body))
        objects = [
            {
                name: value
                for name, value in zip(columns, row, strict=True)
                if luck.random() < 0.5 or value is not None
            }
            for row in zip(*columns.values(), strict=True)
        ]
        status, headers, body = asked(app, "rows", objects, content_type="application/json")
        assert (status, headers[b"content-type"]) == (200, b"application/json"), body
        assert json.loads(body) == expected
        status, headers, body = asked(
            app, "rows", as_csv(columns), content_type="text/csv", accept="text/csv"
        )
        assert (status, headers[b"content-type"]) == (200, rows.CSV_ANSWER.encode()), body
        if not has_empty_text(columns, signature):
            assert read_csv(body, signature) == expected


def has_empty_text(columns, signature):
    """CSV cannot tell an empty text from a gap, which an optional text may have."""
    optional = [field["name"] for field in signature["inputs"] if not field["required"]]
    return any("" in columns.get(name, []) for name in optional)


# ── What is refused ───────────────────────────────────────────────────────

ROW = {"income": 10.0, "debt": 1.0, "age": 30}
WRONG = {
    "a text for a number": ([ROW, ROW | {"income": "much"}], 422, "income", 1),
    "out of range": ([ROW | {"age": 17}], 422, "age", 0),
    "another name": ([ROW, ROW | {"colour": 1}], 422, "colour", 1),
    "a required input is left out": ([ROW, {"income": 1.0}], 422, "age", 1),
    "a required input is in no row": ([{"income": 1.0}], 422, "age", 0),
    "a required input is null": ([ROW, ROW | {"age": None}], 422, "age", 1),
    "a list for a number": ([ROW, ROW | {"income": [1.0]}], 422, "income", 1),
    "no object": ([ROW, 7], 422, None, 1),
    "no rows": ([], 422, None, None),
    "no list": (ROW, 422, None, None),
    "an input twice": (b'[{"income": 1, "age": 30, "age": 31}]', 400, None, None),
    "no number of JSON": (b'[{"income": NaN, "age": 30}]', 422, None, None),
    "no JSON": (b'[{"income": 1', 400, None, None),
    "too many rows": (b"[" + b"{}," * 100_000 + b"{}]", 413, None, None),
}


@pytest.mark.parametrize(("body", "status", "field", "row"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named_by_field_and_row(serve, body, status, field, row):
    got, headers, body = asked(serve(), "rows", body, content_type="application/json")
    problem = json.loads(body)
    assert (got, problem.get("field"), problem.get("row")) == (status, field, row), problem
    assert headers[b"content-type"] == b"application/problem+json"
    assert problem["error"] == problem["detail"] and problem["remedy"]


WRONG_CSV = {
    "a text for a number": ("income,age\n1,30\nmuch,30", 422, "income", 1),
    "a short line": ("income,age\n1,30\n2", 422, None, 1),
    "another name": ("income,age,colour\n1,30,2", 422, "colour", None),
    "an input twice": ("income,age,age\n1,30,31", 422, "age", None),
    "an empty cell": ("income,age\n1,30\n2,", 422, "age", 1),
    "underscores": ("income,age\n1_0,30", 422, "income", 0),
    "not a number": ("income,age\nnan,30", 422, "income", 0),
    "no rows": ("income,age\n", 422, None, None),
    "an open quote": ('income,age\n"1,30', 400, None, None),
    "other letters": (b"income,age\n1,30\n\xff,1", 400, None, None),
}


@pytest.mark.parametrize(
    ("text", "status", "field", "row"), WRONG_CSV.values(), ids=WRONG_CSV.keys()
)
def test_what_is_wrong_in_csv_is_named_too(serve, text, status, field, row):
    body = text if isinstance(text, bytes) else text.encode()
    got, _, body = asked(serve(), "rows", body, content_type="text/csv; charset=UTF-8")
    problem = json.loads(body)
    assert (got, problem.get("field"), problem.get("row")) == (status, field, row), problem


def test_another_media_type_is_refused(serve):
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/octet-stream"):
        status, _, body = asked(serve(), "rows", [ROW], content_type=kind)
        assert status == 415 and "text/csv" in json.loads(body)["remedy"]
    assert asked(serve(), "rows", [ROW])[0] == 200


def test_gaps_cannot_make_the_server_hold_much_more_than_was_sent():
    """Rows of which one names all inputs, and lists of which one is long, are filled in up to a bound."""
    fields = [
        {"name": f"i{at}", "datatype": "FP32", "shape": [-1], "required": False}
        for at in range(200)
    ]
    wide = Signature.of({"inputs": fields, "outputs": []})
    body = json.dumps([{field["name"]: 1 for field in fields}] + [{}] * 99).encode()
    assert rows.read(body, "", wide).inputs
    for most, signature, text in (
        (100, wide, body),
        (
            100,
            Signature.of({"inputs": [fields[0] | {"shape": [-1, -1]}], "outputs": []}),
            json.dumps([{"i0": [1] * 1000}] + [{"i0": None}] * 99).encode(),
        ),
    ):
        with pytest.raises(rows.Problem, match="leave out too much"):
            rows.read(text, "", signature, most_gaps=most)


# ── Spreadsheets ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "income;debt;age\r\n10,5;1;30\r\n1e1;;30,0\r\n",
        "\ufeffincome\tdebt\tage\n10.5\t1\t30\n10\t\t30\n\n",
        ' age , income,debt\n30," 10.5 ",1\n30,+10,\n',
    ],
    ids=["semicolons and decimal commas", "tabs, a mark and an empty line", "spaces"],
)
def test_csv_as_spreadsheets_write_it(serve, text):
    status, _, body = asked(serve(), "rows", text.encode(), content_type="text/csv")
    assert (status, json.loads(body)) == (200, [{"score": 9.5}, {"score": 10.0}]), body


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        ("*/*", False),
        ("text/csv", True),
        ("application/json, text/csv", False),
        ("application/json;q=0.5, text/csv", True),
        ("text/csv;q=0.1, */*;q=0.9", False),
        ("text/*, application/json;q=0.2", True),
        ("text/csv;q=nonsense", False),
        ("text/html", False),
    ],
)
def test_csv_is_answered_where_it_is_preferred(accept, is_csv):
    assert rows.prefers_csv(accept) is is_csv


@pytest.mark.parametrize(
    ("output", "values"),
    [
        ({"name": "y", "shape": [2], "data": [1, None]}, [1, None]),
        ({"name": "y", "shape": [2, 2], "data": [1, 2, 3, 4]}, [[1, 2], [3, 4]]),
        ({"name": "y", "shape": [2, 1], "data": [[1], [2]]}, [[1], [2]]),
        ({"name": "y", "shape": [2, 1], "data": [1, 2]}, [[1], [2]]),
    ],
)
def test_an_answer_of_the_protocol_becomes_columns(output, values):
    body = json.dumps({"outputs": [output]}).encode()
    assert rows.columns_of_answer(body, 2) == {"y": values}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"outputs": [7]}',
        b'{"outputs": [{"name": "y", "shape": [3], "data": [1, 2, 3]}]}',
        b'{"outputs": [{"name": "y", "shape": [2], "data": [1]}]}',
        b'{"outputs": [{"name": "y", "shape": [2, 1.5], "data": [1, 2, 3]}]}',
        b"\xff",
    ],
)
def test_an_answer_that_is_none_is_told(body):
    with pytest.raises(ValueError):
        rows.columns_of_answer(body, 2)
