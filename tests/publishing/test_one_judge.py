"""Issue 9, line 16: publishing and the replica decide the same question by the same code, for whatever a signature says.

A graph of the real ONNX Runtime stands behind the real server class: it gives back what it was given, so that a value that
changed on its way is seen too.
"""

import asyncio
import json
import math
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from hosting.model_server import datatypes, server
from marketplace.core.errors import Invalid
from publishing.signature import (
    example_from_signature,
    in_protocol,
    validate_example,
    validate_signature,
)
from tests.hosting import packages
from tests.hosting.test_server import infer

KEYS = packages.Keypair()
TYPES = {
    "BOOL": TensorProto.BOOL,
    "BYTES": TensorProto.STRING,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    **{name: getattr(TensorProto, name) for name in datatypes.INTEGERS},
}
DATATYPES = sorted(TYPES)


@pytest.fixture(autouse=True)
def no_limit(monkeypatch):
    """The test's own process keeps its memory."""
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")


# --- a graph that gives back what it takes -----------------------------------------------------------------------------


def described(name, datatype, **more):
    return {
        "name": name,
        "datatype": datatype,
        "shape": [-1],
        "required": True,
        "default": None,
        "enum": None,
        "minimum": None,
        "maximum": None,
        "format": None,
        "unit": "",
        "description": "",
    } | more


def echo(*bound):
    """(signature, graph description, ONNX bytes) for (field, datatype of its tensor) pairs: output "<name>!" is the tensor of <name>."""
    taken, made, nodes, rows, results, outputs = [], [], [], [], [], []
    for index, (field, carrier) in enumerate(bound):
        shape = [None, *(None if size == -1 else size for size in field["shape"][1:])]
        tensor, result = f"t{index}", f"r{index}"
        taken.append(helper.make_tensor_value_info(tensor, TYPES[carrier], shape))
        made.append(helper.make_tensor_value_info(result, TYPES[carrier], shape))
        nodes.append(helper.make_node("Identity", [tensor], [result]))
        rows.append({"tensor": tensor, "datatype": carrier, "columns": [field["name"]]})
        results.append({"tensor": result, "output": f"{field['name']}!", "column": None})
        outputs.append({**described(f"{field['name']}!", carrier), "shape": field["shape"]})
    signature = {
        "inputs": [field for field, _ in bound],
        "outputs": outputs,
        "binding": {"inputs": rows, "outputs": results},
    }
    sides = {
        side: [_tensor(info) for info in infos]
        for side, infos in (("inputs", taken), ("outputs", made))
    }
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(
        helper.make_graph(nodes, "echo", taken, made), opset_imports=opsets, ir_version=8
    )
    return signature, sides, model.SerializeToString()


def _tensor(info):
    named = {number: name for name, number in TYPES.items()}
    dims = [
        dim.dim_value if dim.HasField("dim_value") else -1
        for dim in info.type.tensor_type.shape.dim
    ]
    return {"name": info.name, "datatype": named[info.type.tensor_type.elem_type], "shape": dims}


def replica(folder, signature, content):
    manifest = packages.package(folder, content=content, signature=signature, example={})
    return server.app_from_manifest(
        manifest, KEYS.sign(manifest), root=folder, public_key=KEYS.public
    )


def publishing_accepts(signature, example):
    try:
        validate_example(signature, example)
    except Invalid as refusal:
        assert refusal.field.startswith("example") and refusal.message
        return False
    return True


def answered(app, example):
    """{output: values}, or None when the replica refuses. A refusal is the caller's fault, never the model's: below 500."""
    status, document = asyncio.run(infer(app, json.dumps(example).encode()))
    assert status == 200 or 400 <= status < 500, document
    return {output["name"]: output for output in document["outputs"]} if status == 200 else None


# --- random signatures and values ------------------------------------------------------------------------------------

EDGES = [
    0,
    1,
    -1,
    2,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**24,
    2**24 + 1,
    2**31,
    2**32 - 1,
    2**53,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**31),
    -(2**63),
    -(2**63) - 1,
    10**400,
    0.0,
    -0.0,
    0.1,
    1.0,
    2.5,
    65504.0,
    65520.0,
    3.4e38,
    1e39,
    1e308,
    1e-50,
    5e-324,
    float("nan"),
    float("inf"),
    -float("inf"),
    True,
    False,
    None,
    "",
    "a",
    "ü",
    "🚀",
    "\0",
    "\ud800",
    "2024-01-01",
    "20240101",
    "2024-01-01T10:00:00Z",
    "2024-13-01",
    "x" * 70_000,
    [],
    [1],
    [[1.0]],
    {},
    {"a": 1},
]
VALUES = (
    st.sampled_from(EDGES)
    | st.integers(-300, 300)
    | st.floats(width=32)
    | st.text(max_size=4)
    | st.booleans()
)


def fitting(datatype):
    """Values of the datatype, most of them at its edges."""
    if datatype == "BOOL":
        return st.booleans()
    if datatype == "BYTES":
        return st.sampled_from(["a", "b", "ü", "2024-01-01", "2024-01-01T10:00:00+02:00", ""])
    low, high = datatypes.span(datatype)
    if datatype in datatypes.INTEGERS:
        return st.integers(int(low), int(high)) | st.sampled_from(
            [int(low), int(high), 0, 1]
        ).filter(lambda value: low <= value <= high)
    return st.floats(
        float(low), float(high), width={"FP16": 16, "FP32": 32, "FP64": 64}[datatype]
    ) | st.integers(0, 2000)


@st.composite
def fields(draw, name):
    datatype = draw(st.sampled_from(DATATYPES))
    inside = fitting(datatype)
    more = {
        "shape": draw(st.sampled_from([[-1], [-1], [-1, 1], [-1, 2], [-1, 2, 2], [-1, -1]])),
        "required": draw(st.booleans()),
    }
    if not more["required"] or draw(st.integers(0, 3)) == 0:
        more["default"] = draw(inside | st.none())
    if draw(st.integers(0, 3)) == 0:
        more["enum"] = draw(st.lists(inside, min_size=1, max_size=3, unique=True))
    if datatype in datatypes.NUMBERS and draw(st.booleans()):
        more |= dict(
            zip(
                ("minimum", "maximum"),
                sorted(draw(st.lists(inside, min_size=2, max_size=2))),
                strict=True,
            )
        )
        more.pop(draw(st.sampled_from(["minimum", "maximum", "neither"])), None)
    if datatype == "BYTES" and draw(st.booleans()):
        more["format"] = draw(st.sampled_from(["date", "date-time"]))
    able = [carrier for carrier in DATATYPES if datatypes.carries(carrier, datatype)]
    return described(name, datatype, **more), draw(st.sampled_from([datatype, datatype, *able]))


def nested(values, shape):
    """Flat values as lists in lists."""
    for size in reversed(shape[1:]):
        values = [values[at : at + size] for at in range(0, len(values), size)] if size else values
    return values


def allowed(field):
    """Values that the field takes, unless its graph's tensor is too narrow for them."""
    if field["enum"]:
        return st.sampled_from(field["enum"])
    if field["format"]:
        return st.sampled_from(
            ["2024-01-01", "20240229"]
            if field["format"] == "date"
            else ["2024-01-01T10:00:00+02:00", "20240101T10"]
        )
    low, high = field["minimum"], field["maximum"]
    within = fitting(field["datatype"])
    known = [value for value in (low, high, field["default"]) if value is not None]
    fits = within.filter(
        lambda value: (low is None or value >= low) and (high is None or value <= high)
    )
    return st.sampled_from(known) if known else fits


@st.composite
def tensors(draw, field):
    """What a caller sends for the field: half of them in good order, the rest wrong in one way or several."""
    rows, sound = draw(st.integers(1, 3)), draw(st.booleans())
    shape = [
        rows,
        *(draw(st.sampled_from([1, 2])) if size == -1 else size for size in field["shape"][1:]),
    ]
    if not sound and draw(st.integers(0, 4)) == 0:
        shape = draw(st.lists(st.sampled_from([0, 1, 2, 3, -1, 2**40, 1.5, True]), max_size=3))
    count = math.prod(size for size in shape if type(size) is int and 0 <= size < 100)
    values = allowed(field) if sound or draw(st.booleans()) else fitting(field["datatype"]) | VALUES
    data = draw(st.lists(values, min_size=count, max_size=count))
    if not sound and draw(st.integers(0, 4)) == 0:
        data = data[:-1] + draw(st.sampled_from([[], [None], [[1]], [draw(VALUES)]]))
    if draw(st.booleans()) and all(type(size) is int and size > 0 for size in shape):
        data = nested(data, shape)
    datatype = (
        field["datatype"] if sound or draw(st.booleans()) else draw(st.sampled_from(DATATYPES))
    )
    return {"name": field["name"], "datatype": datatype, "shape": shape, "data": data}


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_publishing_accepts_an_example_exactly_when_a_replica_answers_it(tmp_path, data):
    both_judge_alike(tmp_path, data)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_publishing_and_replicas_agree_about_thousands(tmp_path, data):
    both_judge_alike(tmp_path, data)


def both_judge_alike(tmp_path, data):
    signature, graph, content = echo(
        *[data.draw(fields(name)) for name in data.draw(st.sampled_from(["x", "x", "xy"]))]
    )
    try:
        validate_signature(signature, graph)
    except Invalid:
        assume(False)
    app = replica(tmp_path, signature, content)
    for _ in range(3):
        example = {
            "inputs": [
                data.draw(tensors(field))
                for field in signature["inputs"]
                if field["required"] or data.draw(st.booleans())
            ]
        }
        answers = answered(app, example)
        assert publishing_accepts(signature, example) == (answers is not None), example
        event("answered" if answers else "refused")
        if answers:
            came_back_whole(signature, example, answers)


def came_back_whole(signature, example, answers):
    """Whole numbers, texts and truth values are the very ones that were sent; a fraction is the nearest of its datatype."""
    sent = {tensor["name"]: tensor for tensor in example["inputs"]}
    for field, row in zip(signature["inputs"], signature["binding"]["inputs"], strict=True):
        if field["name"] not in sent:
            continue
        for value, back in zip(
            _flat(sent[field["name"]]["data"]), answers[f"{field['name']}!"]["data"], strict=True
        ):
            assert _is_same(field, row["datatype"], value, back), (field, row, value, back)


def _flat(data):
    return [inner for item in data for inner in _flat(item)] if isinstance(data, list) else [data]


def _is_same(field, carrier, value, back):
    if value is None or (value == "" and field["format"]):
        missing = field["default"]
        return (
            _is_same(field, carrier, missing, back) if missing is not None else back in (None, "")
        )
    if field["format"] == "date":
        return date.fromisoformat(value) == date.fromisoformat(back)
    if field["format"] == "date-time":
        return _instant(value) == _instant(back)
    if field["datatype"] in datatypes.FLOATS:
        return datatypes.dtype(carrier).type(
            datatypes.dtype(field["datatype"]).type(value)
        ) == datatypes.dtype(carrier).type(back)
    return back == value


def _instant(text):
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_example_that_is_made_up_is_one_that_a_replica_answers(tmp_path, data):
    signature, graph, content = echo(data.draw(fields("x")))
    try:
        validate_signature(signature, graph)
    except Invalid:
        assume(False)
    app = replica(tmp_path, signature, content)
    example = example_from_signature(signature)
    assert publishing_accepts(signature, example) == (answered(app, example) is not None)


# --- what both sides must say no to ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "carrier", "tensor"),
    [
        (described("x", "FP32"), "FP32", {"shape": [1], "data": [1e39]}),
        (described("x", "FP16"), "FP16", {"shape": [1], "data": [65520.0]}),
        (described("x", "FP64"), "FP64", {"shape": [1], "data": [2**53 + 1]}),
        (described("x", "FP64"), "FP32", {"shape": [1], "data": [1e39]}),
        (described("x", "FP64"), "FP32", {"shape": [1], "data": [1e-50]}),
        (described("x", "INT64"), "FP32", {"shape": [1], "data": [2**24 + 1]}),
        (described("x", "INT64"), "FP64", {"shape": [1], "data": [2**53 + 1]}),
        (described("x", "UINT64"), "INT64", {"shape": [1], "data": [2**63]}),
        (described("x", "INT64"), "INT8", {"shape": [1], "data": [128]}),
        (described("x", "UINT64"), "UINT64", {"shape": [1], "data": [2**64]}),
        (
            described("x", "FP32", shape=[-1, 2]),
            "FP32",
            {"shape": [2, 2], "data": [[1], [2, 3, 4]]},
        ),
        (described("x", "BYTES"), "BYTES", {"shape": [1], "data": ["\ud800"]}),
        (described("x", "BYTES"), "BYTES", {"shape": [1], "data": ["a\0b"]}),
        (described("x", "BYTES", format="date"), "BYTES", {"shape": [1], "data": ["2024-02-30"]}),
        (described("x", "BOOL"), "BOOL", {"shape": [1], "data": [1]}),
        (described("x", "FP32"), "FP32", {"shape": [0], "data": []}),
        (described("x", "FP32"), "FP32", {"shape": [1], "data": [None]}),
    ],
)
def test_what_would_be_lost_is_refused_by_both(tmp_path, field, carrier, tensor):
    signature, graph, content = echo((field, carrier))
    validate_signature(signature, graph)
    example = {"inputs": [{"name": "x", "datatype": field["datatype"], **tensor}]}
    assert answered(replica(tmp_path, signature, content), example) is None
    assert not publishing_accepts(signature, example)


@pytest.mark.parametrize(
    ("field", "carrier", "path"),
    [
        (described("x", "FP32", required=False, default=1e39), "FP32", "inputs.x.default"),
        (described("x", "FP64", required=False, default=1e39), "FP32", "inputs.x.default"),
        (described("x", "INT64", required=False, default=2**24 + 1), "FP32", "inputs.x.default"),
        (described("x", "INT64", enum=[1, 2**24 + 1]), "FP32", "inputs.x.enum"),
        (described("x", "FP32", enum=[0.1, 0.1 + 1e-12]), "FP32", "inputs.x.enum"),
        (
            described("x", "BYTES", format="date", enum=["2024-01-01", "20240101"]),
            "BYTES",
            "inputs.x.enum",
        ),
        (described("x", "FP32", maximum=1e39), "FP32", "inputs.x.maximum"),
        (described("x", "UINT8", minimum=-1), "UINT8", "inputs.x.minimum"),
        (described("x", "INT8", minimum=0.2, maximum=0.8), "INT8", "inputs.x.minimum"),
        (described("x", "BYTES", format="date-time"), "FP32", "inputs.x.datatype"),
        (described("x", "BYTES", format="date"), "INT64", "inputs.x.datatype"),
        (described("x", "FP64"), "INT64", "inputs.x.datatype"),
        (described("x", "INT64"), "BOOL", "inputs.x.datatype"),
        (described("x", "FP32", description="\ud800"), "FP32", "signature"),
        (described("x", "FP32", unit="\0"), "FP32", "signature"),
        (described("x\u202ey", "FP32"), "FP32", "inputs.0"),
        (described("x", "FP32", shape=[-1, 30_000_000]), "FP32", "inputs.x.shape"),
        (described("x", "FP32", shape=[-1, 2**40]), "FP32", "inputs.x.shape"),
        (described("x", "FP64", shape=[-1, 7_000_000]), "FP64", "inputs"),
        (described("x", "FP32", shape=[-1] * 9), "FP32", "inputs.x.shape"),
    ],
)
def test_a_signature_that_would_lose_values_or_that_no_call_can_fill_is_refused(
    field, carrier, path
):
    signature, graph, _content = echo((field, carrier))
    with pytest.raises(Invalid) as refusal:
        validate_signature(signature, graph)
    assert refusal.value.field == path


def test_an_integer_whose_range_its_tensor_holds_needs_no_look():
    """The usual case, an age in a matrix of FP32, costs a call nothing."""
    from hosting.model_server.columns import Column

    assert Column.of(described("age", "INT64", minimum=18, maximum=120), "FP32").carried is None
    assert Column.of(described("age", "INT64"), "FP32").carried == (-(2**24), 2**24)


def test_an_example_too_large_for_people_is_neither_made_nor_asked_for():
    """Issue 8, line 3: nothing is made that is as large as a number in a file says."""
    signature, graph, _content = echo((described("x", "FP32", shape=[-1, 3, 1000, 1000]), "FP32"))
    validate_signature(signature, graph)
    assert example_from_signature(signature) == {}
    validate_example(signature, {})


@pytest.mark.parametrize(
    "example",
    [
        {"dataframe_split": {"columns": ["x", "y"], "data": [[1.5, 2], [2.5, 3]]}},
        {
            "inputs": [
                {"name": "x", "datatype": "FP64", "shape": [2], "data": [1.5, 2.5]},
                {"name": "y", "datatype": "INT32", "shape": [2], "data": [2, 3]},
            ]
        },
        {"inputs": [{"name": "x", "data": [1.5, 2.5]}, {"name": "y", "data": [2, 3]}]},
    ],
    ids=["pandas", "other datatypes", "nothing but data"],
)
def test_an_example_is_kept_in_the_signatures_own_words(example):
    """Any form that a replica takes may be given; documents, probes and endpoints need the protocol's."""
    signature, _graph, _content = echo(
        (described("x", "FP32"), "FP32"), (described("y", "INT64"), "INT64")
    )
    validate_example(signature, example)
    kept = {
        tensor["name"]: (tensor["datatype"], tensor["shape"], tensor["data"])
        for tensor in in_protocol(example, signature)["inputs"]
    }
    assert kept == {"x": ("FP32", [2], [1.5, 2.5]), "y": ("INT64", [2], [2, 3])}


def test_numpy_agrees_about_what_each_float_holds_exactly():
    for name, most in datatypes.EXACT.items():
        kind = datatypes.dtype(name).type
        assert int(kind(most)) == most and int(kind(most + 1)) != most + 1
        assert np.isfinite(kind(datatypes.span(name)[1]))
