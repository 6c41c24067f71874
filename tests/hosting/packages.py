"""Small signed packages for tests: a graph made with onnx.helper, stored by its digest, signed with a fresh key."""

import hashlib

import numpy as np
import onnx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from onnx import TensorProto, helper, numpy_helper

from marketplace.core.canonical import canonical

FEATURES = ("income", "debt", "age")
SIGNATURE = {
    "inputs": [
        {"name": "income", "datatype": "FP32", "shape": [-1], "required": True, "minimum": 0},
        {"name": "debt", "datatype": "FP32", "shape": [-1], "required": False, "default": 0.0},
        {
            "name": "age",
            "datatype": "INT64",
            "shape": [-1],
            "required": True,
            "minimum": 18,
            "maximum": 120,
        },
    ],
    "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1]}],
    "binding": {
        "inputs": [{"tensor": "X", "datatype": "FP32", "columns": list(FEATURES)}],
        "outputs": [{"tensor": "Y", "output": "score", "column": 0}],
    },
}
EXAMPLE = {
    "inputs": [
        {"name": "income", "datatype": "FP32", "shape": [2], "data": [10.0, 20.0]},
        {"name": "debt", "datatype": "FP32", "shape": [2], "data": [1.0, 2.0]},
        {"name": "age", "datatype": "INT64", "shape": [2], "data": [30, 40]},
    ]
}

# income and debt → score, bound one to one: what the tests' versions of the marketplace have too.
PLAIN = {
    "inputs": [
        {"name": name, "datatype": "FP32", "shape": [-1], "required": True}
        for name in ("income", "debt")
    ],
    "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1]}],
    "binding": {
        "inputs": [
            {"tensor": name, "datatype": "FP32", "columns": [name]} for name in ("income", "debt")
        ],
        "outputs": [{"tensor": "score", "output": "score", "column": None}],
    },
}


def plain_request(income=10.0):
    """A request of one row, as PLAIN wants it."""
    columns = {"income": income, "debt": 1.0}
    return {
        "inputs": [
            {"name": name, "datatype": "FP32", "shape": [1], "data": [value]}
            for name, value in columns.items()
        ]
    }


class Keypair:
    """A throw-away signing key. `public` is hex, as MANIFEST_PUBLIC_KEY."""

    def __init__(self):
        self._private = Ed25519PrivateKey.generate()
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        self.public = self._private.public_key().public_bytes(*raw).hex()

    def sign(self, manifest):
        return self._private.sign(canonical(manifest)).hex()


def weighted_sum(weights=(1.0, -1.0, 0.0), bias=0.0):
    """ONNX bytes: Y[n,1] = X[n,3] · weights + bias."""
    matrix = numpy_helper.from_array(np.array(weights, np.float32).reshape(-1, 1), "W")
    offset = numpy_helper.from_array(np.array([bias], np.float32), "B")
    nodes = [
        helper.make_node("MatMul", ["X", "W"], ["XW"]),
        helper.make_node("Add", ["XW", "B"], ["Y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "weighted_sum",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, len(weights)])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [None, 1])],
        [matrix, offset],
    )
    opsets = [helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def difference():
    """ONNX bytes, PLAIN: score = income - debt. Not the bytes of factories.tiny_onnx, which a test spoils in the common store."""
    return _plain("difference", [helper.make_node("Sub", ["income", "debt"], ["score"])])


def looping():
    """ONNX bytes, PLAIN: score = income + its whole part, after as many turns through a loop as the first row's income. 1e12 never
    ends. What the turns count is taken times nothing: each row's answer is its own, as the run gate asks."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Add", ["turns", "one"], ["more"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("turns", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]),
        ],
    )
    nodes = [
        helper.make_node("Gather", ["income", "first"], ["turns_wanted"]),
        helper.make_node("Cast", ["turns_wanted"], ["times"], to=TensorProto.INT64),
        helper.make_node("Loop", ["times", "", "zero"], ["counted"], body=body),
        helper.make_node("Mul", ["counted", "zero"], ["no_more"]),
        helper.make_node("Floor", ["income"], ["whole"]),
        helper.make_node("Sum", ["income", "whole", "no_more"], ["reached"]),
        helper.make_node("Add", ["reached", "nothing"], ["score"]),
    ]
    return _plain("looping", nodes, zero=np.zeros(1, np.float32), one=np.ones(1, np.float32))


def hungry():
    """ONNX bytes, PLAIN: score = income, after a tensor of as many KiB as the first row's income was made and looked at."""
    nodes = [
        helper.make_node("Gather", ["income", "first"], ["kibibytes"]),
        helper.make_node("Cast", ["kibibytes"], ["wanted"], to=TensorProto.INT64),
        helper.make_node("Mul", ["wanted", "cells_of_one"], ["cells"]),
        helper.make_node("ConstantOfShape", ["cells"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["peak"], keepdims=0),
        helper.make_node("Add", ["income", "peak"], ["reached"]),
        helper.make_node("Add", ["reached", "nothing"], ["score"]),
    ]
    return _plain("hungry", nodes, cells_of_one=np.array([256], np.int64))


def _plain(name, nodes, **constants):
    """A graph of income and debt, each one number a row; debt counts for nothing."""
    named = {
        side: helper.make_tensor_value_info(side, TensorProto.FLOAT, [None])
        for side in ("income", "debt", "score")
    }
    nodes = [helper.make_node("Mul", ["debt", "none"], ["nothing"]), *nodes]
    constants |= {"first": np.zeros(1, np.int64), "none": np.zeros(1, np.float32)}
    tensors = [numpy_helper.from_array(value, label) for label, value in constants.items()]
    graph = helper.make_graph(
        nodes, name, [named["income"], named["debt"]], [named["score"]], tensors
    )
    return onnx.helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()


def store(root, content):
    """Write `content` where the artifacts storage would; its digest."""
    sha256 = hashlib.sha256(content).hexdigest()
    path = root / sha256[:2] / sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return sha256


def package(
    root,
    *,
    model="income-check",
    version="1.0.0",
    content=None,
    signature=SIGNATURE,
    example=EXAMPLE,
    **more,
):
    """A stored package's manifest. `more` replaces members."""
    content = weighted_sum() if content is None else content
    return {
        "schema": "package/1",
        "model": model,
        "version": version,
        "format": "onnx",
        "flavor": "onnx",
        "environment": "onnx",
        "entry": "model.onnx",
        "files": [{"name": "model.onnx", "sha256": store(root, content), "size": len(content)}],
        "signature": signature,
        "example": example,
        "resources": {"num_cpus": 0.1, "memory_mb": 512},
        **more,
    }
