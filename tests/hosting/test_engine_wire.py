"""The protocol's bytes: which are a request, and how answers are written. Pure; no Ray, no Django rows."""

import json
import struct

import numpy as np
import pytest

from hosting.model_server import coercion, wire
from tests.hosting.tensors import binary, column, read, refused, signature, tensor


@pytest.mark.parametrize("length", ["", "x", "-1", "0", "999999", "1e3", "١", "9" * 20])
def test_header_lengths_that_are_none(length):
    body, _right = binary(struct.pack("<f", 1.0))
    refused(lambda: wire.read(body, length), 400)


def test_bytes_that_belong_to_nobody_are_refused():
    body, length = binary(struct.pack("<f", 1.0))
    refused(lambda: wire.read(body + b"more", length), 400)
    refused(lambda: wire.read(*binary(b"\0" * 4, size=-1)))
    refused(lambda: wire.read(*binary(b"\0" * 4, size=8)))
    refused(lambda: wire.read(*binary(b"\0" * 4, data=[1.0])))


# --- framing of JSON ---


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "is not JSON"),
        (b"[", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"1", "is not a JSON object"),
        (b"\xff\xfe", "is not"),
        (b'{"id":"\xff"}', "is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"inputs":1,"inputs":2}', "twice"),
        (b'{"a":' + b"9" * 5000 + b"}", "thousands of digits"),
    ],
)
def test_bodies_that_are_no_request(body, says):
    problem = refused(lambda: wire.read(body), 400)
    assert says in problem["detail"]
    assert problem["remedy"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"inputs": []},
        {"inputs": {}},
        {"inputs": [{"name": 1}]},
        {"inputs": [{"name": "x", "datatype": "FP99", "shape": [1], "data": [1]}]},
        {"inputs": [{"name": "x", "datatype": [], "shape": [1], "data": [1]}]},
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]},
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": 1.0}]},
        {"inputs": [tensor([1.0])], "id": 4},
        {"inputs": [tensor([1.0])], "outputs": "y"},
        {"inputs": [tensor([1.0])], "outputs": [{"name": "y"}, {"name": "y"}]},
        {"inputs": [tensor([1.0])], "outputs": [{}]},
        {"inputs": [tensor([1.0])], "parameters": []},
        {"inputs": [{**tensor([1.0]), "parameters": {"shared_memory_region": "r"}}]},
        {
            "inputs": [tensor([1.0])],
            "outputs": [{"name": "y", "parameters": {"classification": 2}}],
        },
    ],
)
def test_requests_that_are_not_in_order(document):
    refused(lambda: wire.read(json.dumps(document).encode()))


# --- outputs ---


def test_outputs_are_chosen_and_encoded():
    two = signature(column(), outputs=("y", "label"))
    assert coercion.chosen(read(tensor([1.0])), two) == [("y", False), ("label", False)]
    everything = read(tensor([1.0]), parameters={"binary_data_output": True})
    assert coercion.chosen(everything, two) == [("y", True), ("label", True)]
    one = read(tensor([1.0]), outputs=[{"name": "label", "parameters": {"binary_data": True}}])
    assert coercion.chosen(one, two) == [("label", True)]
    refused(lambda: coercion.chosen(read(tensor([1.0]), outputs=[{"name": "z"}]), two))


def test_answers_are_read_back():
    arrays = [
        ("y", np.array([1.5, np.nan], np.float32), False),
        ("b", np.array([1, 2], np.int64), True),
    ]
    body, length = wire.write({"model_name": "m", "model_version": "1.0.0", "id": "q"}, arrays)
    head = json.loads(body[:length])
    assert head["id"] == "q"
    assert head["outputs"][0] == {
        "name": "y",
        "datatype": "FP32",
        "shape": [2],
        "data": [1.5, None],
    }
    assert head["outputs"][1]["parameters"] == {"binary_data_size": 16}
    assert np.frombuffer(body[length:], np.int64).tolist() == [1, 2]


def test_text_answers_in_both_forms():
    texts = np.array(["own", "ü"], object)
    body, _length = wire.write({}, [("t", texts, False)])
    assert json.loads(body)["outputs"][0]["data"] == ["own", "ü"]
    body, length = wire.write({}, [("t", texts, True)])
    assert wire.strings(wire.RawTensor("t", "BYTES", [2], body[length:], binary=True)) == [
        "own",
        "ü",
    ]
