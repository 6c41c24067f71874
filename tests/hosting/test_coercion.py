"""Input coercion: what is taken, what is refused, and in which words. Pure; no Ray, no Django rows."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.model_server import binding, coercion, datatypes, wire
from hosting.model_server.columns import Signature
from hosting.model_server.problems import Problem
from tests.hosting.tensors import binary, coerce, column, read, refused, signature, tensor

# --- numbers ---


@pytest.mark.parametrize(
    ("datatype", "data", "expected"),
    [
        ("FP32", [1, 2.5], [1.0, 2.5]),
        ("FP64", [2**53], [2.0**53]),
        ("INT64", [1, 2.0, -3], [1, 2, -3]),
        ("UINT8", [0, 255], [0, 255]),
        ("BOOL", [True, False], [True, False]),
        ("BYTES", ["a", "ü", ""], ["a", "ü", ""]),
    ],
)
def test_json_values_are_taken(datatype, data, expected):
    array = coerce(column(datatype), tensor(data, datatype))
    assert array.tolist() == expected
    assert array.dtype == datatypes.dtype(datatype)


@pytest.mark.parametrize(
    ("datatype", "data", "row", "says"),
    [
        ("FP32", [1.0, True], 1, "not a number"),
        ("FP32", ["1"], 0, "not a number"),
        ("FP32", [None], 0, "null"),
        ("FP32", [1.0, 2**53 + 1], 1, "too large to be exact"),
        ("FP32", [1e39], 0, "finite"),
        ("FP64", [10**400], 0, "too large to be exact"),
        ("INT64", [1.5], 0, "not a whole number"),
        ("INT64", [2**63], 0, "outside INT64"),
        ("INT64", [1, False], 1, "not a number"),
        ("INT8", [0, 128], 1, "outside INT8"),
        ("UINT16", [-1], 0, "outside UINT16"),
        ("BOOL", [1], 0, "not true or false"),
        ("BYTES", [1], 0, "not a text"),
        ("FP32", [[1.0]], 0, "not a number"),
        ("FP32", [{}], 0, "not a number"),
    ],
)
def test_json_values_are_refused_by_name_and_row(datatype, data, row, says):
    body = refused(lambda: coerce(column(datatype), tensor(data, datatype)))
    assert (body["field"], body["row"]) == ("x", row)
    assert says in body["detail"]
    assert body["remedy"]


def test_nan_and_infinity_literals_are_refused():
    for literal in ("NaN", "Infinity", "-Infinity", "1e999"):
        text = f'{{"inputs":[{{"name":"x","datatype":"FP32","shape":[1],"data":[{literal}]}}]}}'
        refused(
            lambda text=text: coercion.columns_of(wire.read(text.encode()), signature(column()))
        )


def test_range_and_enumeration():
    bounded = column("INT64", minimum=18, maximum=120)
    assert coerce(bounded, tensor([18, 120], "INT64")).tolist() == [18, 120]
    assert refused(lambda: coerce(bounded, tensor([18, 17], "INT64")))["row"] == 1
    named = column("BYTES", enum=["own", "rent"])
    assert coerce(named, tensor(["rent"], "BYTES")).tolist() == ["rent"]
    assert (
        "own, rent" in refused(lambda: coerce(named, tensor(["own", "lease"], "BYTES")))["remedy"]
    )


# --- shapes and batches ---


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_an_enumeration_of_fractions_is_met_in_every_width(datatype):
    spec = column(datatype, enum=[0.1, 0.25])
    assert len(coerce(spec, tensor([0.1, 0.25], datatype))) == 2
    assert refused(lambda: coerce(spec, tensor([0.2], datatype)))["row"] == 0


def test_half_a_surrogate_pair_is_no_text():
    assert refused(lambda: coerce(column("BYTES"), tensor(["a", "\ud800"], "BYTES")))["row"] == 1


@pytest.mark.parametrize(("datatype", "shape"), [("INT64", [3, 0]), ("FP32", [100_000, 0])])
def test_rows_without_elements_are_refused(datatype, shape):
    refused(lambda: coerce(column(datatype, shape=[-1, -1]), tensor([], datatype, shape=shape)))


def test_a_column_may_be_sent_as_n_or_n_by_1():
    assert coerce(column(), tensor([1.0, 2.0])).shape == (2,)
    assert coerce(column(), tensor([1.0, 2.0], shape=[2, 1])).shape == (2,)
    assert coerce(column(), tensor([[1.0], [2.0]], shape=[2, 1])).tolist() == [1.0, 2.0]


def test_a_matrix_keeps_its_shape_flat_or_nested():
    matrix = column(shape=[-1, 2])
    for data in ([1.0, 2.0, 3.0, 4.0], [[1.0, 2.0], [3.0, 4.0]]):
        assert coerce(matrix, tensor(data, shape=[2, 2])).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert (
        "shape" in refused(lambda: coerce(matrix, tensor([1.0, 2.0, 3.0], shape=[1, 3])))["detail"]
    )


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("FP32", [1, 2, 3, 4, 5, "a"]),
        ("FP32", [1, 2, 3, 4, 5, 1e39]),
        ("FP32", [1, 2, 3, 4, 2**60, 6]),
        ("UINT8", [1, 2, 3, 4, 256, 6]),
        ("UINT8", [1, 2, 3, 4, 1.5, 6]),
        ("BYTES", ["a", "b", "c", "d", "\ud800", "f"]),
        ("FP32", [[1, 2], [3, 4], [5]]),
        ("FP32", [[1, 2], [3, 4], 5]),
    ],
)
def test_a_fault_in_a_matrix_is_told_by_its_row(datatype, data):
    spec = column(datatype, shape=[-1, 2])
    assert refused(lambda: coerce(spec, tensor(data, datatype, shape=[3, 2])))["row"] == 2


@pytest.mark.parametrize(
    ("raw", "datatype", "spec"),
    [
        (b"\0" * 4 * 5 + b"\xff", "BYTES", "BYTES"),
        (b"\0" * 4 * 5 + b"\1\0\0\0", "BYTES", "BYTES"),
        (b"\0" * 4 * 5 + b"\1\0\0\0\xff", "BYTES", "BYTES"),
        (struct.pack("<6q", 1, 2, 3, 4, 300, 6), "INT64", "UINT8"),
        (struct.pack("<6q", 1, 2, 3, 4, 2**60, 6), "INT64", "FP32"),
        (struct.pack("<6f", 1, 2, 3, 4, float("nan"), 6), "FP32", "FP32"),
    ],
)
def test_a_fault_in_a_binary_matrix_is_told_by_its_row(raw, datatype, spec):
    body, length = binary(raw, datatype, [3, 2])
    problem = refused(
        lambda: coercion.columns_of(wire.read(body, length), signature(column(spec, shape=[-1, 2])))
    )
    assert problem["row"] == 2
    assert problem["remedy"]


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        ([1.0], [2]),
        ([1.0, 2.0], [1]),
        ([1.0, 2.0], [1, 2]),
        ([[1.0, 2.0]], [2, 1]),
        ([[1.0], 2.0], [2, 1]),
    ],
)
def test_shapes_that_do_not_fit_are_refused(data, shape):
    assert refused(lambda: coerce(column(), tensor(data, shape=shape)))["field"] == "x"


@pytest.mark.parametrize("shape", [[], [-1], [1.0], [True], ["1"], "1", [1] * 9])
def test_shapes_that_are_none_are_refused(shape):
    refused(lambda: read({"name": "x", "datatype": "FP32", "shape": shape, "data": [1.0]}))


def test_no_rows_and_too_many():
    assert (
        "at least one row"
        in refused(lambda: coerce(column(), {**tensor([]), "shape": [0]}))["detail"]
    )
    refused(lambda: read(tensor([1.0], shape=[10**9])), 413)
    many = signature(column())
    refused(lambda: coercion.columns_of(read(tensor([1.0, 2.0])), many, most_rows=1), 413)


def test_every_input_has_the_same_rows():
    two = signature(column(), column(name="z"))
    body = refused(
        lambda: coercion.columns_of(read(tensor([1.0]), tensor([1.0, 2.0], name="z")), two)
    )
    assert body["field"] == "z"
    assert "2 rows" in body["detail"]


# --- missing, unknown, twice ---


def test_missing_inputs():
    two = signature(column(), column(name="z"))
    body = refused(lambda: coercion.columns_of(read(tensor([1.0])), two))
    assert (body["field"], "missing" in body["detail"]) == ("z", True)


def test_optional_inputs_are_filled():
    def filled(**spec):
        both = signature(column(), column(name="z", required=False, **spec))
        return coercion.columns_of(read(tensor([1.0, 2.0])), both)[0]["z"]

    assert np.isnan(filled()).all()
    assert filled(default=7).tolist() == [7.0, 7.0]
    assert signature(column("BYTES", required=False)).columns["x"].missing == ""


def test_null_means_missing_where_the_input_is_optional():
    assert np.isnan(coerce(column(required=False), tensor([1.0, None]))[1])
    assert coerce(column(required=False, default=3), tensor([1.0, None])).tolist() == [1.0, 3.0]
    refused(lambda: coerce(column("INT64", required=False), tensor([None], "INT64")))


def test_an_optional_integer_without_default_cannot_be_left_out():
    both = signature(column(), column("INT64", name="z", required=False))
    assert refused(lambda: coercion.columns_of(read(tensor([1.0])), both))["field"] == "z"


def test_unknown_inputs_are_refused_unless_lenient():
    body = refused(lambda: coerce(column(), tensor([1.0]), tensor([1.0], name="extra")))
    assert body["field"] == "extra"
    assert "x" in body["remedy"]
    assert coerce(column(), tensor([1.0]), tensor([1.0], name="extra"), strict=False).tolist() == [
        1.0
    ]


def test_an_input_sent_twice_is_refused():
    assert "twice" in refused(lambda: coerce(column(), tensor([1.0]), tensor([1.0])))["detail"]


def test_several_faults_are_told_at_once():
    three = signature(column(), column(name="y"), column(name="z"))
    body = refused(
        lambda: coercion.columns_of(read(tensor(["a"]), tensor([True], name="y")), three)
    )
    assert [fault["field"] for fault in body["errors"]] == ["x", "y", "z"]


# --- dates ---


def dated(form, **spec):
    return column("BYTES", format=form, **spec)


@pytest.mark.parametrize(
    ("form", "given", "expected"),
    [
        ("date", "2026-11-23", "2026-11-23"),
        ("date", "20261123", "2026-11-23"),
        ("date-time", "1970-01-01T00:01:00Z", "1970-01-01T00:01:00+00:00"),
        ("date-time", "1970-01-01T00:01", "1970-01-01T00:01:00+00:00"),
        ("date-time", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_the_model_gets_one_spelling_of_iso_texts(form, given, expected):
    assert coerce(dated(form), tensor([given], "BYTES")).tolist() == [expected]


@pytest.mark.parametrize("given", ["23.11.2026", "2026-13-01", "", True, [], 3, 10**400])
@pytest.mark.parametrize("form", ["date", "date-time"])
def test_other_texts_are_no_dates(form, given):
    assert refused(lambda: coerce(dated(form), tensor([given], "BYTES")))["row"] == 0


def test_an_empty_date_is_missing():
    assert (
        coerce(
            dated("date", required=False, default="19700102"), tensor(["", None], "BYTES")
        ).tolist()
        == ["1970-01-02"] * 2
    )
    assert coerce(dated("date-time", required=False), tensor([""], "BYTES")).tolist() == [""]


def test_an_enumeration_of_times_is_met_in_every_spelling():
    spec = dated("date-time", enum=["2026-01-31T12:00:00Z"])
    assert len(coerce(spec, tensor(["2026-01-31T12:00:00Z", "2026-01-31T12:00"], "BYTES"))) == 2
    refused(lambda: coerce(spec, tensor(["2026-01-31T12:00:01Z"], "BYTES")))


# --- the binary tensor extension ---


def test_binary_tensors_of_other_widths():
    raw = struct.pack("<2i", 3, -4)
    body, length = binary(raw, "INT32", [2])
    found, rows = coercion.columns_of(wire.read(body, length), signature(column("FP64")))
    assert (found["x"].tolist(), rows) == ([3.0, -4.0], 2)


def test_binary_texts():
    raw = b"".join(struct.pack("<I", len(text)) + text for text in (b"own", "früh".encode()))
    body, length = binary(raw, "BYTES", [2])
    found, _rows = coercion.columns_of(wire.read(body, length), signature(column("BYTES")))
    assert found["x"].tolist() == ["own", "früh"]


@pytest.mark.parametrize(
    ("raw", "datatype", "shape", "spec"),
    [
        (b"\0" * 4, "FP32", [2], "FP32"),
        (struct.pack("<f", float("nan")), "FP32", [1], "FP32"),
        (struct.pack("<d", 1e300), "FP64", [1], "FP32"),
        (struct.pack("<q", 2**60), "INT64", [1], "FP64"),
        (struct.pack("<f", 1.0), "FP32", [1], "INT64"),
        (struct.pack("<q", 300), "INT64", [1], "UINT8"),
        (b"\2", "BOOL", [1], "BOOL"),
        (b"\1", "BOOL", [1], "FP32"),
        (b"\xff\xff\xff\xff", "BYTES", [1], "BYTES"),
        (b"\1\0\0\0\xff", "BYTES", [1], "BYTES"),
        (b"\1\0", "BYTES", [1], "BYTES"),
        (struct.pack("<f", 1.0), "FP32", [1], "BYTES"),
        (b"\0" * 12, "BYTES", [2], "BYTES"),
        (b"\0" * 4, "BYTES", [2], "BYTES"),
    ],
)
def test_binary_values_are_refused(raw, datatype, shape, spec):
    body, length = binary(raw, datatype, shape)
    assert (
        refused(lambda: coercion.columns_of(wire.read(body, length), signature(column(spec))))[
            "field"
        ]
        == "x"
    )


def test_nan_in_an_optional_binary_column_is_missing():
    body, length = binary(struct.pack("<f", float("nan")))
    found, _rows = coercion.columns_of(
        wire.read(body, length), signature(column(required=False, default=5))
    )
    assert found["x"].tolist() == [5.0]


# --- the graph's binding ---


def test_columns_are_stacked_in_the_order_of_the_binding():
    spec = {"tensor": "X", "datatype": "FP32", "columns": ["b", "a"]}
    one = Signature({}, {"p": (-1,)}, (spec,), ({"tensor": "P", "output": "p", "column": 1},))
    made = binding.bind({"a": np.array([1, 2]), "b": np.array([3.0, 4.0])}, one, {"X": 2})
    assert made["X"].tolist() == [[3.0, 1.0], [4.0, 2.0]]
    assert made["X"].dtype == np.float32
    assert binding.results_of({"P": np.array([[0.1, 0.9]])}, one)["p"].tolist() == [0.9]


@pytest.mark.parametrize(("rank", "shape"), [(1, (2,)), (2, (2, 1))])
def test_a_single_column_takes_the_rank_of_the_graph(rank, shape):
    spec = {"tensor": "X", "datatype": "FP32", "columns": ["a"]}
    one = Signature({}, {}, (spec,), ())
    assert binding.bind({"a": np.array([1.0, 2.0])}, one, {"X": rank})["X"].shape == shape


# --- whatever is sent: an answer or a 4xx, never another exception ---

LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
)
DATATYPES = st.sampled_from([*datatypes.NUMPY, "FP7"])
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "z", ""]),
        "datatype": DATATYPES,
        "shape": st.lists(st.integers(-1, 3), max_size=3),
    },
    optional={
        "data": st.lists(LEAF, max_size=4) | VALUES,
        "parameters": VALUES | st.just({"binary_data_size": 4}),
    },
)


@settings(max_examples=300, deadline=None)
@given(
    tensors=st.lists(TENSORS, min_size=1, max_size=3),
    outputs=st.none() | VALUES,
    datatype=DATATYPES.filter(lambda name: name != "FP7"),
    form=st.sampled_from([None, "date", "date-time"]),
    required=st.booleans(),
    tail=st.binary(max_size=8),
)
def test_any_request_is_answered_or_refused(tensors, outputs, datatype, form, required, tail):
    document = {"inputs": tensors} | ({"outputs": outputs} if outputs is not None else {})
    head = json.dumps(document).encode()
    spec = signature(
        column(datatype, required=required, format=form if datatype == "BYTES" else None, minimum=0)
    )
    try:
        request = wire.read(head + tail, str(len(head)) if tail else None)
        coercion.chosen(request, spec)
        found, rows = coercion.columns_of(request, spec)
    except Problem as problem:
        assert problem.status in (400, 413, 422)
        json.loads(problem.body())
    else:
        assert len(found["x"]) == rows


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=64), length=st.none() | st.text(max_size=4))
def test_any_bytes_are_refused(body, length):
    try:
        wire.read(body, length)
    except Problem as problem:
        assert problem.status in (400, 413, 422)


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(
        st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20
    )
)
def test_json_and_binary_say_the_same(values):
    by_json = coerce(column(), tensor(values))
    body, length = binary(np.array(values, "<f4").tobytes(), shape=[len(values)])
    by_bytes, _rows = coercion.columns_of(wire.read(body, length), signature(column()))
    assert by_json.tolist() == by_bytes["x"].tolist()
