"""Packages to inspect, made on the spot: good ones, and harmless copies of what attackers send."""

import io
import json
import os
import tarfile
import zipfile

import onnx
from onnx import TensorProto, helper


class Payload:
    """Unpickling this creates the file `marker`: proof that somebody opened it."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.system, (f"touch '{self.marker}'",)


def tensor(name, kind=TensorProto.FLOAT, shape=(None, 3)):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes=None, inputs=None, outputs=None, initializers=(), opset=17, metadata=None, **more):
    """A small ONNX model: by default Y = X + X over three columns."""
    nodes = nodes or [helper.make_node("Add", ["X", "X"], ["Y"])]
    graph = helper.make_graph(
        nodes, "g", inputs or [tensor("X")], outputs or [tensor("Y")], list(initializers)
    )
    opsets = more.pop("opset_imports", [helper.make_opsetid("", opset)])
    made = helper.make_model(
        graph, opset_imports=opsets, ir_version=8, producer_name="tests", **more
    )
    helper.set_model_props(made, metadata or {})
    return made


def onnx_bytes(**options):
    return model(**options).SerializeToString()


def custom_operator():
    node = helper.make_node("PyOp", ["X"], ["Y"], domain="ai.onnx.contrib")
    return onnx_bytes(
        nodes=[node],
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.contrib", 1)],
    )


def hidden_custom_operator():
    """The custom operator sits in a branch of an If."""
    branch = helper.make_graph(
        [helper.make_node("Evil", [], ["B"], domain="com.evil")], "b", [], [tensor("B")]
    )
    node = helper.make_node("If", ["C"], ["Y"], then_branch=branch, else_branch=branch)
    condition = helper.make_tensor("C", TensorProto.BOOL, [], [True])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.evil", 1)]
    return onnx_bytes(nodes=[node], initializers=[condition], opset_imports=opsets)


def external_data(location="../../etc/passwd"):
    weights = helper.make_tensor("W", TensorProto.FLOAT, [3], [1, 2, 3])
    weights.ClearField("float_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    return onnx_bytes(nodes=[helper.make_node("Add", ["X", "W"], ["Y"])], initializers=[weights])


def external_attribute():
    """External data inside a node's attribute, where CVE-2024-27318 and its relatives hid it."""
    value = helper.make_tensor("V", TensorProto.FLOAT, [1], [1])
    value.data_location = TensorProto.EXTERNAL
    value.external_data.add(key="location", value="secrets.bin")
    nodes = [
        helper.make_node("Constant", [], ["C"], value=value),
        helper.make_node("Add", ["X", "C"], ["Y"]),
    ]
    return onnx_bytes(nodes=nodes)


def local_function():
    function = helper.make_function(
        "local",
        "Twice",
        ["a"],
        ["b"],
        [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )
    return onnx_bytes(functions=[function])


def endless_function():
    """A function that calls itself: it never ends being written out."""
    node = helper.make_node("Again", ["a"], ["b"], domain="local")
    function = helper.make_function(
        "local", "Again", ["a"], ["b"], [node], [helper.make_opsetid("local", 1)]
    )
    call = helper.make_node("Again", ["X"], ["Y"], domain="local")
    return onnx_bytes(
        nodes=[call],
        functions=[function],
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("local", 1)],
    )


def zip_of(files, compression=zipfile.ZIP_DEFLATED):
    """files: {name: bytes} or [(name or ZipInfo, bytes)]."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return stream.getvalue()


def tar_of(files, format=tarfile.PAX_FORMAT):
    """files: {name: bytes} or [(name or TarInfo, bytes)]."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=format) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def tar_link(name, kind, target="/etc/passwd"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


def mlmodel(signature=True, flavors=None, extra=""):
    """The text of an MLmodel file for three columns."""
    columns = [
        {"type": "double", "name": "income"},
        {"type": "long", "name": "age"},
        {"type": "double", "name": "debt", "required": False},
    ]
    default = {
        "onnx": {"data": "model.onnx"},
        "python_function": {"loader_module": "mlflow.onnx", "data": "model.onnx"},
    }
    body = {
        "flavors": flavors or default,
        "saved_input_example_info": {"artifact_path": "input_example.json", "type": "dataframe"},
    }
    if signature:
        body["signature"] = {"inputs": json.dumps(columns), "outputs": None}
    return json.dumps(body).encode() + extra.encode()  # JSON is YAML


def mlflow_files(**options):
    example = {
        "columns": ["income", "age", "debt"],
        "data": [[52000.0, 41, 1200.5], [18000.0, 22, None]],
    }
    return {
        "model/MLmodel": mlmodel(**options),
        "model/model.onnx": onnx_bytes(),
        "model/input_example.json": json.dumps(example).encode(),
        "model/requirements.txt": b"onnx==1.23.2\n",
        "model/python_env.yaml": b"python: 3.11.9\n",
    }


def save(model_bytes, path):
    path.write_bytes(model_bytes)
    return path


def load_onnx(data):
    return onnx.load_from_string(data)


def calling_function(*nodes):
    """Y = Twice(X), where Twice is a local function (by default of one Add) with an older operator set."""
    body = list(nodes) or [helper.make_node("Add", ["a", "a"], ["b"])]
    imports = [
        helper.make_opsetid("", 17),
        helper.make_opsetid("local", 1),
        helper.make_opsetid("com.evil", 1),
    ]
    function = helper.make_function(
        "local",
        "Twice",
        ["a"],
        ["b"],
        body,
        [helper.make_opsetid("", 13), helper.make_opsetid("com.evil", 1)],
    )
    call = helper.make_node("Twice", ["X"], ["Y"], domain="local")
    return onnx_bytes(nodes=[call], functions=[function], opset_imports=imports)


def doubling_functions(depth):
    """A few functions, each of which calls the next one twice: 2^depth nodes once they are written out."""
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    functions = []
    for level in range(depth):
        inner = f"f{level + 1}" if level + 1 < depth else "Abs"
        domain = "local" if level + 1 < depth else ""
        body = [
            helper.make_node(inner, ["a"], ["m"], domain=domain),
            helper.make_node(inner, ["m"], ["b"], domain=domain),
        ]
        functions.append(helper.make_function("local", f"f{level}", ["a"], ["b"], body, opset))
    return onnx_bytes(
        nodes=[helper.make_node("f0", ["X"], ["Y"], domain="local")],
        functions=functions,
        opset_imports=opset,
    )
