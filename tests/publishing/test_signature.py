"""Signatures and examples: what is wrong is named; what people wrote survives a new upload."""

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from marketplace.core.errors import Invalid
from publishing.signature import (
    carry_over,
    example_from_signature,
    validate_example,
    validate_signature,
    value_problem,
)
from tests.publishing.contracts import EXAMPLE, GRAPH, SIGNATURE, field, given

BOUND_Y = [{"tensor": "Y", "output": "y", "column": None}]


def with_input(**more):
    return {"inputs": [given("x", **more)], "outputs": [field("y")]}


def test_whole_signature_and_example_pass():
    validate_signature(SIGNATURE, GRAPH)
    validate_example(SIGNATURE, EXAMPLE)


@pytest.mark.parametrize(
    ("signature", "path"),
    [
        (None, "signature"),
        ({"inputs": [], "outputs": [field("y")]}, "inputs"),
        ({"inputs": [given("x")]}, "outputs"),
        ({"inputs": [given("x"), given("x")], "outputs": [field("y")]}, "inputs.x"),
        ({"inputs": [given("")], "outputs": [field("y")]}, "inputs.0"),
        (with_input(datatype="FP8"), "inputs.x.datatype"),
        (with_input(shape=[1]), "inputs.x.shape"),
        (with_input(shape=[-1, 0]), "inputs.x.shape"),
        (with_input(minimum=5, maximum=4), "inputs.x.minimum"),
        (with_input(datatype="BYTES", minimum=5), "inputs.x.minimum"),
        (with_input(enum=["a"]), "inputs.x.enum"),
        (with_input(enum=[1, 1]), "inputs.x.enum"),
        (with_input(format="date"), "inputs.x.format"),
        (with_input(maximum=4, default=5), "inputs.x.default"),
        (with_input(datatype="INT64", required=False), "inputs.x.default"),
        (
            {
                **SIGNATURE,
                "binding": {**SIGNATURE["binding"], "inputs": SIGNATURE["binding"]["inputs"][1:]},
            },
            "binding.inputs",
        ),
        ({**SIGNATURE, "binding": {"inputs": [None], "outputs": []}}, "binding.inputs"),
    ],
)
def test_problem_names_its_field(signature, path):
    with pytest.raises(Invalid) as problem:
        validate_signature(signature)
    assert problem.value.field == path


def test_signature_must_fit_the_graph():
    graph = {**GRAPH, "inputs": [{**GRAPH["inputs"][0], "shape": [-1, 5]}, *GRAPH["inputs"][1:]]}
    with pytest.raises(Invalid, match="N takes 5 columns; 4 are bound"):
        validate_signature(SIGNATURE, graph)


def changed(name, /, **more):
    return {
        "inputs": [
            tensor | (more if tensor["name"] == name else {}) for tensor in EXAMPLE["inputs"]
        ]
    }


@pytest.mark.parametrize(
    ("example", "words"),
    [
        ({}, "There are no inputs"),
        ({"inputs": EXAMPLE["inputs"][1:]}, "Input 'stated_income': is missing"),
        (changed("age", name="aeg"), "'aeg': is not an input of this model"),
        (changed("age", datatype="FP8"), "no datatype of the protocol"),
        (changed("age", data=[41]), "has 1 elements"),
        (changed("age", data=[41, 17]), "17 is out of range. Send 18 to 120"),
        (changed("age", data=[41, 17.5]), "17.5 is not a whole number"),
        (changed("age", data=[41, True]), "true is not a number"),
        (changed("age", data=[41, None]), "is null"),
        (changed("age", shape=[1], data=[41]), "Send the same number of rows"),
        (changed("stated_income", data=[1, float("nan")]), "NaN is not a JSON number"),
        (changed("employment", data=["salaried", "x"]), '"x" is not an allowed value'),
        (changed("since", data=["2019-04-01", "soon"]), '"soon" is not an ISO 8601 date'),
        (changed("has_account", data=[1, 0]), "not true or false"),
        (changed("pixels", shape=[2, 3]), "Send shape .rows, 2."),
    ],
)
def test_example_that_does_not_fit_is_refused(example, words):
    with pytest.raises(Invalid, match=words):
        validate_example(SIGNATURE, example)


def test_made_example_fits():
    validate_example(SIGNATURE, example_from_signature(SIGNATURE, rows=3))


@drawn(
    st.sampled_from(["INT32", "INT64", "UINT64", "FP32", "FP64"]),
    st.tuples(st.integers(-100, 100), st.integers(1, 50)),
    st.booleans(),
    st.booleans(),
)
def test_made_value_lies_in_the_range(datatype, span, low, high):
    start = max(span[0], 0) if datatype.startswith("U") else span[0]
    made = given(
        "x", datatype, minimum=start if low else None, maximum=start + span[1] if high else None
    )
    example = example_from_signature({"inputs": [made]})
    assert value_problem(made, example["inputs"][0]["data"][0]) == ""


def test_new_upload_keeps_names_and_details():
    fresh = {
        "inputs": [given("f0", "FP32"), given("f1", "FP32")],
        "outputs": [field("y", "FP32")],
        "binding": {
            "inputs": [{"tensor": "X", "datatype": "FP32", "columns": ["f0", "f1"]}],
            "outputs": BOUND_Y,
        },
    }
    named = {
        "inputs": [given("income", "FP32", unit="USD", minimum=0), given("age", "FP32")],
        "outputs": [field("y", "FP32", description="Accepted income")],
        "binding": {
            "inputs": [{"tensor": "X", "datatype": "FP32", "columns": ["income", "age"]}],
            "outputs": BOUND_Y,
        },
    }
    kept, sentences = carry_over(named, fresh)
    assert kept["inputs"] == named["inputs"]
    assert kept["outputs"][0]["description"] == "Accepted income"
    assert kept["binding"]["inputs"][0]["columns"] == ["income", "age"]
    assert "those of the former one were kept: income, age" in sentences[0]
    assert carry_over({}, fresh) == (fresh, [])


@pytest.mark.parametrize(
    "other",
    [
        {"tensor": "X", "datatype": "FP64", "columns": ["f0", "f1"]},
        {"tensor": "X", "datatype": "FP32", "columns": ["f0", "f1", "f2"]},
    ],
)
def test_another_package_does_not_take_the_names_of_the_former_one(other):
    """Issue 9, line 7: it kept them, and said the opposite."""
    named = {
        "inputs": [given("income", "FP32", unit="USD", minimum=0), given("f1", "FP32", minimum=5)],
        "outputs": [field("y", "FP32")],
        "binding": {
            "inputs": [{"tensor": "X", "datatype": "FP32", "columns": ["income", "f1"]}],
            "outputs": BOUND_Y,
        },
    }
    columns = other["columns"]
    fresh = {
        "inputs": [given(name, other["datatype"]) for name in columns],
        "outputs": [field("y", "FP32")],
        "binding": {"inputs": [other], "outputs": BOUND_Y},
    }
    assert carry_over(named, fresh) == (fresh, [])


def test_what_would_not_fit_the_new_package_is_left_out_and_told():
    bound = [{"tensor": "X", "datatype": "FP64", "columns": ["income"]}]
    old = {
        "inputs": [given("income", "FP64", maximum=1e300, default=1e300)],
        "outputs": [field("y")],
        "binding": {"inputs": bound, "outputs": BOUND_Y},
    }
    new = {
        "inputs": [given("income", "FP64")],
        "outputs": [field("y")],
        "binding": {"inputs": [bound[0] | {"datatype": "FP32"}], "outputs": BOUND_Y},
    }
    kept, [sentence] = carry_over(old, new)
    assert kept == new and "left out" in sentence and "inputs.income" in sentence
