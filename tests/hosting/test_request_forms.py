"""Requests as pandas, MLflow and TensorFlow Serving write them (issue 9, line 19): the signature knows what they leave out."""

import asyncio
import copy
import json
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import uvicorn
from onnx import TensorProto, helper

from hosting.model_server import server
from marketplace.launcher.ports import choose
from publishing.contract import Contract
from tests.hosting import packages
from tests.hosting.test_server import infer

ROWS = [[10.0, 1.0, 30], [20.0, 2.0, 40], [30.5, 3.0, 50]]
NAMES = list(packages.FEATURES)
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
COLUMNS = {name: [row[at] for row in ROWS] for at, name in enumerate(NAMES)}
SCORES = [9.0, 18.0, 27.5]


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


def asked(app, body, header_length=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"inference_header_content_length": str(header_length)} if header_length else {}
    return asyncio.run(infer(app, body, **headers))


FORMS = {
    "tensors without datatype and shape": {
        "inputs": [{"name": name, "data": values} for name, values in COLUMNS.items()]
    },
    "tensors without datatype": {
        "inputs": [
            {"name": name, "shape": [3, 1], "data": values} for name, values in COLUMNS.items()
        ]
    },
    "tensors without shape": {
        "inputs": [
            {"name": name, "datatype": "FP64", "data": [[value] for value in values]}
            for name, values in COLUMNS.items()
        ]
    },
    "dataframe_split": {"dataframe_split": {"columns": NAMES, "index": [7, 8, 9], "data": ROWS}},
    "dataframe_split, other order": {
        "dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1] for row in ROWS]}
    },
    "dataframe_split without names": {"dataframe_split": {"columns": [0, 1, 2], "data": ROWS}},
    "dataframe_records": {"dataframe_records": RECORDS},
    "instances, objects": {"instances": RECORDS, "signature_name": "serving_default"},
    "instances, rows": {"instances": ROWS},
    "inputs by name": {"inputs": COLUMNS},
    "inputs by name, nested": {
        "inputs": {name: [[value] for value in values] for name, values in COLUMNS.items()}
    },
    "inputs, rows": {"inputs": ROWS},
    "inputs, records": {"inputs": RECORDS},
    "inputs by the graph's tensor": {"inputs": {"X": ROWS}},
}


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS.keys())
def test_every_form_is_understood(serve, body):
    status, answer = asked(serve(), body)
    assert status == 200, answer
    assert answer["outputs"] == [
        {"name": "score", "datatype": "FP32", "shape": [3], "data": SCORES}
    ]


def test_who_sends_rows_gets_rows(serve):
    app = serve()
    assert asked(app, {"dataframe_records": RECORDS})[1]["predictions"] == [
        {"score": score} for score in SCORES
    ]
    assert asked(app, {"dataframe_split": {"columns": NAMES, "data": ROWS}})[1]["predictions"] == [
        {"score": score} for score in SCORES
    ]
    assert asked(app, {"instances": ROWS})[1]["predictions"] == SCORES
    assert "predictions" not in asked(app, {"inputs": COLUMNS})[1]


def test_gaps_are_filled_as_in_the_protocols_own_form(serve):
    rows = [
        {"income": 10.0, "age": 30},
        {"income": 20.0, "age": 40, "debt": None},
        {"income": 30.0, "age": 50, "debt": 1.0},
    ]
    assert asked(serve(), {"dataframe_records": rows})[1]["outputs"][0]["data"] == [
        10.0,
        20.0,
        29.0,
    ]


@pytest.mark.parametrize(
    "form", [{"instances": ...}, {"inputs": ...}, {"inputs": {"X": ...}}], ids=str
)
def test_rows_without_names_may_end_before_the_optional_inputs(serve, form):
    """They were written for the version before, which did not have them."""
    signature = copy.deepcopy(packages.SIGNATURE)
    signature["inputs"][-1] |= {"required": False, "default": 30}
    app = serve(signature=signature)

    def answered(rows):
        text = json.dumps(form, default=lambda _: rows)
        return asked(app, text.encode())

    status, answer = answered([[10.0, 1.0], [20.0, 2.0]])
    assert status == 200 and answer["outputs"][0]["data"] == [9.0, 18.0]
    assert answered([[10.0], [20.0]])[1]["outputs"][0]["data"] == [10.0, 20.0]
    assert answered([[10.0, 1.0], [20.0, 2.0, 40]])[0] == 422


def test_plain_rows_keep_their_values_when_an_output_is_added(serve):
    signature = copy.deepcopy(packages.SIGNATURE)
    [output] = signature["outputs"]
    signature["outputs"].append(output | {"name": "again"})
    signature["binding"]["outputs"].append(signature["binding"]["outputs"][0] | {"output": "again"})
    objects = asked(serve(signature=signature), {"instances": ROWS})[1]["predictions"]
    assert objects[0] == {"score": SCORES[0], "again": SCORES[0]}
    plain = asked(serve(signature=signature, plain_output="score"), {"instances": ROWS})[1]
    assert plain["predictions"] == SCORES and len(plain["outputs"]) == 2


WRONG = {
    "a short row": ({"dataframe_split": {"columns": NAMES, "data": [[1.0]]}}, "row 0"),
    "no data": ({"dataframe_split": [[1.0]]}, "columns and data"),
    "records that are rows": ({"dataframe_records": ROWS}, "list of objects"),
    "rows of another width": ({"instances": [[1.0, 2.0]]}, "3 values"),
    "one value": ({"instances": 5}, "list of rows"),
}


@pytest.mark.parametrize(("body", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_answered_with_this_models_example_in_the_same_form(serve, body, words):
    app = serve()
    status, problem = asked(app, body)
    assert status == 422 and words in problem["detail"], problem
    sample = json.loads(problem["remedy"].removeprefix("Send for example ").removesuffix("."))
    assert sample.keys() == body.keys()
    assert asked(app, sample)[0] == 200


@pytest.mark.parametrize(
    ("body", "field", "row"),
    [
        (
            {"dataframe_records": [{"income": 1.0, "age": 30}, {"income": "much", "age": 30}]},
            "income",
            1,
        ),
        ({"instances": [{"income": 1.0, "age": 17}]}, "age", 0),
        ({"dataframe_records": [{"income": 1.0, "age": 30, "colour": 1}]}, "colour", None),
        ({"inputs": {"income": [1.0]}}, "age", None),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_field_and_row(serve, body, field, row):
    status, problem = asked(serve(), body)
    assert (status, problem["field"], problem.get("row")) == (422, field, row)


def test_two_forms_at_once_are_refused(serve):
    assert asked(serve(), {"instances": ROWS, "inputs": COLUMNS})[0] == 422


def images():
    """ONNX bytes and signature: Y = X + X over images of 2 × 3."""
    sides = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2, 3]) for name in ("X", "Y")
    ]
    graph = helper.make_graph(
        [helper.make_node("Add", ["X", "X"], ["Y"])], "g", sides[:1], sides[1:]
    )
    content = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    fields = [{"name": name, "datatype": "FP32", "shape": [-1, 2, 3]} for name in ("X", "Y")]
    return {
        "content": content,
        "signature": {"inputs": fields[:1], "outputs": fields[1:], "binding": {}},
        "example": None,
    }


PIXELS = np.arange(12, dtype=np.float32).reshape(2, 2, 3)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": PIXELS.tolist()},
        {"instances": [{"X": image} for image in PIXELS.tolist()]},
        {"inputs": {"X": PIXELS.tolist()}},
        {"inputs": PIXELS.tolist()},
        {"inputs": [{"name": "X", "data": PIXELS.tolist()}]},
        {"inputs": [{"name": "X", "data": PIXELS.ravel().tolist()}]},
        {"dataframe_split": {"columns": ["X"], "data": [[image] for image in PIXELS.tolist()]}},
    ],
)
def test_tensors_of_several_dimensions_need_no_shape(serve, body):
    status, answer = asked(serve(**images()), body)
    assert status == 200, answer
    assert answer["outputs"][0]["shape"] == [2, 2, 3]
    assert answer["outputs"][0]["data"] == (PIXELS * 2).ravel().tolist()


def test_binary_data_needs_neither(serve):
    raw = PIXELS.tobytes()
    head = json.dumps(
        {"inputs": [{"name": "X", "parameters": {"binary_data_size": len(raw)}}]}
    ).encode()
    assert asked(serve(**images()), head + raw, len(head))[1]["outputs"][0]["shape"] == [2, 2, 3]
    head = json.dumps({"inputs": [{"name": "X", "parameters": {"binary_data_size": 20}}]}).encode()
    assert asked(serve(**images()), head + raw[:20], len(head))[0] == 422


def test_binary_texts_need_neither(serve):
    fields = [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in ("X", "Y")]
    sides = [helper.make_tensor_value_info(name, TensorProto.STRING, [None]) for name in ("X", "Y")]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["X"], ["Y"])], "g", sides[:1], sides[1:]
    )
    content = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    app = serve(
        content=content,
        signature={"inputs": fields[:1], "outputs": fields[1:], "binding": {}},
        example=None,
    )
    raw = b"".join(struct.pack("<I", len(text)) + text for text in (b"a", b"", "é".encode()))
    head = json.dumps(
        {"inputs": [{"name": "X", "parameters": {"binary_data_size": len(raw)}}]}
    ).encode()
    assert asked(app, head + raw, len(head))[1]["outputs"][0]["data"] == ["a", "", "é"]


@pytest.fixture
def address(serve):
    """(address, manifest facts) of a server class behind a gateway's address, which names no version."""
    app, port = serve(), choose(28700)

    async def gateway(scope, receive, send):
        await app({**scope, "path": f"{app.prefix}/infer"}, receive, send)

    running = uvicorn.Server(uvicorn.Config(gateway, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join()


@pytest.mark.parametrize("kind", ["pandas", "python"])
def test_the_snippet_of_the_api_tab_is_answered_by_the_real_server(address, tmp_path, kind):
    pytest.importorskip("pandas")
    made = Contract(
        address,
        "income-check",
        "Income check",
        "1.0.0",
        packages.SIGNATURE,
        packages.EXAMPLE,
        key="mkc_x",
    )
    snippet = next(snippet for snippet in made.snippets() if snippet.id == kind)
    (tmp_path / snippet.filename).write_text(snippet.text)
    ran = subprocess.run(
        [sys.executable, snippet.filename], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "score" in ran.stdout and "9.0" in ran.stdout and "18.0" in ran.stdout
