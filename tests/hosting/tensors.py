"""Signatures, tensors and requests of the protocol in a few words, for tests of the server class."""

import json

import pytest

from hosting.model_server import coercion, wire
from hosting.model_server.columns import Signature
from hosting.model_server.problems import Problem


def column(datatype="FP32", name="x", **spec):
    return {"name": name, "datatype": datatype, "shape": [-1], "required": True, **spec}


def signature(*columns, outputs=("y",)):
    described = [{"name": name, "datatype": "FP32", "shape": [-1]} for name in outputs]
    return Signature.of({"inputs": list(columns), "outputs": described})


def tensor(data, datatype="FP32", name="x", shape=None):
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def read(*tensors, header_length=None, **members):
    return wire.read(json.dumps({"inputs": list(tensors), **members}).encode(), header_length)


def coerce(spec, *tensors, strict=True, **members):
    return coercion.columns_of(read(*tensors, **members), signature(spec), strict=strict)[0]["x"]


def refused(call, status=422):
    with pytest.raises(Problem) as caught:
        call()
    assert caught.value.status == status
    body = json.loads(caught.value.body("rid"))
    assert body["error"] == body["detail"]
    assert body["request_id"] == "rid"
    return body


def binary(raw, datatype="FP32", shape=None, size=None, **more):
    """A request with one binary tensor, as bytes and header length."""
    parameters = {"binary_data_size": len(raw) if size is None else size}
    entry = {
        "name": "x",
        "datatype": datatype,
        "shape": shape or [1],
        "parameters": parameters,
        **more,
    }
    head = json.dumps({"inputs": [entry]}).encode()
    return head + raw, str(len(head))
