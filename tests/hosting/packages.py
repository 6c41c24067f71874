"""Small signed packages for tests: a graph made with onnx.helper, stored by its digest, signed with a fresh key."""

import hashlib

import numpy as np
import onnx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from onnx import TensorProto, helper, numpy_helper

from marketplace.lib.canonical import canonical

FEATURES = ("income", "debt", "age")
SIGNATURE = {
    "inputs": [
        {"name": "income", "datatype": "FP32", "shape": [-1], "required": True, "minimum": 0},
        {"name": "debt", "datatype": "FP32", "shape": [-1], "required": False, "default": 0.0},
        {"name": "age", "datatype": "INT64", "shape": [-1], "required": True, "minimum": 18, "maximum": 120},
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
    nodes = [helper.make_node("MatMul", ["X", "W"], ["XW"]), helper.make_node("Add", ["XW", "B"], ["Y"])]
    graph = helper.make_graph(
        nodes,
        "weighted_sum",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, len(weights)])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [None, 1])],
        [matrix, offset],
    )
    opsets = [helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def looping():
    """ONNX bytes: Y = income of the first row + its number of turns through a loop, which is that income too. 1e12 never ends."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["turns", "one"], ["more"])],
        "turn",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("turns", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("more", TensorProto.FLOAT, [1])],
    )
    nodes = [
        *_first_income(),
        helper.make_node("Loop", ["times", "", "zero"], ["counted"], body=body),
        helper.make_node("Add", ["X_income", "counted"], ["Y"]),
    ]
    return _graph("looping", nodes, zero=np.zeros(1, np.float32), one=np.ones(1, np.float32))


def hungry():
    """ONNX bytes: Y = income, after a tensor of as many MiB as the first row's income was made and looked at."""
    nodes = [
        *_first_income(),
        helper.make_node("Mul", ["times", "mebi"], ["cells"]),
        helper.make_node("ConstantOfShape", ["cells"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["peak"], keepdims=0),
        helper.make_node("Add", ["X_income", "peak"], ["Y"]),
    ]
    return _graph("hungry", nodes, mebi=np.array([2**18], np.int64))


def _first_income():
    """Nodes: X → X_income [n, 1], and `times` [1], the first row's as a whole number."""
    return [
        helper.make_node("Gather", ["X", "first"], ["X_income"], axis=1),
        helper.make_node("Gather", ["X_income", "first"], ["one_income"], axis=0),
        helper.make_node("Reshape", ["one_income", "flat"], ["income"]),
        helper.make_node("Cast", ["income"], ["times"], to=TensorProto.INT64),
    ]


def _graph(name, nodes, **constants):
    constants |= {"first": np.zeros(1, np.int64), "flat": np.array([1], np.int64)}
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, len(FEATURES)])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(value, label) for label, value in constants.items()],
    )
    return onnx.helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def store(root, content):
    """Write `content` where the artifacts storage would; its digest."""
    sha256 = hashlib.sha256(content).hexdigest()
    path = root / sha256[:2] / sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return sha256


def package(root, *, model="income-check", version="1.0.0", content=None, signature=SIGNATURE, example=EXAMPLE, **more):
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
