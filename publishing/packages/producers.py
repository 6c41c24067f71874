"""The tool that wrote an ONNX file, and the line of code that makes this very tool write it otherwise.

Lines stand in backticks and run as they are, where `model` is the trained model, `example` a tuple of sample inputs of two
rows, and `X` a table of inputs: `tests/tools/test_remedies.py` runs each with its tool.
"""

import re
from dataclasses import dataclass

SKL_TYPES = {
    "BOOL": "BooleanTensorType",
    "BYTES": "StringTensorType",
    "FP32": "FloatTensorType",
    "FP64": "DoubleTensorType",
    "INT32": "Int32TensorType",
    "INT64": "Int64TensorType",
}
TF_TYPES = {
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BOOL": "bool",
    "BYTES": "string",
}
TORCH_DYNAMO = (
    "torch.onnx.export(model, example, 'model.onnx', dynamo=True, external_data=False{more})"
)
TORCH_SCRIPT = "torch.onnx.export(model, example, 'model.onnx', dynamo=False{more})"
SKLEARN = "skl2onnx.to_onnx(model, X[:1], options={'zipmap': False})"
ONE_FILE = "onnx.save(onnx.load('model.onnx'), 'single.onnx', save_as_external_data=False)"
PORTABLE = (
    "Save it from ONNX Runtime without the layout of one processor: "
    "`options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED`."
)


@dataclass(frozen=True)
class Producer:
    """Who wrote a file. `id` is one of torch-dynamo, torch-script, skl2onnx, onnxmltools, catboost, tf2onnx, keras, onnxruntime
    or other; `name` and `version` are for people."""

    id: str
    name: str
    version: str

    def __str__(self):
        return f"{self.name} {self.version}".strip()


def producer_of(model):
    """The Producer of a ModelProto, from its producer_name and what its exporter leaves on nodes."""
    name, version = _line(model.producer_name), _version(model.producer_version)
    known = {
        "skl2onnx": "skl2onnx",
        "onnxmltools": "onnxmltools",
        "catboost": "catboost",
        "tf2onnx": "tf2onnx",
        "onnx.quantize": "onnxruntime",
    }
    lowered = name.lower()
    if lowered == "pytorch":
        return Producer("torch-dynamo" if _is_dynamo(model) else "torch-script", "PyTorch", version)
    if lowered.startswith("onnxruntime"):
        return Producer("onnxruntime", name, version)
    if "keras" in lowered:
        return Producer("keras", name, version)
    return Producer(known.get(lowered, "other"), name, version)


def export_line(producer, **more):
    """The producer's plain export, as one line; "" for an unknown one."""
    lines = {
        "torch-dynamo": f"`{TORCH_DYNAMO.format(more='')}`",
        "torch-script": f"`{TORCH_SCRIPT.format(more='')}`",
        "skl2onnx": f"`{SKLEARN}`",
        "catboost": "`model.save_model('model.onnx', format='onnx')`",
        "keras": "`model.export('model.onnx', format='onnx')`",
    }
    return f"Export it with {lines[producer.id]}." if producer.id in lines else ""


def one_file(producer):
    """How this producer keeps weights inside the graph's file."""
    lines = {
        "torch-dynamo": TORCH_DYNAMO.format(more=""),
        "torch-script": TORCH_SCRIPT.format(more=""),
    }
    return f"`{lines.get(producer.id, ONE_FILE)}`."


def free_batch(producer, tensors):
    """How this producer leaves the batch of its inputs free. tensors: the graph's inputs (name, datatype, shape)."""
    names = [tensor.name for tensor in tensors]
    if producer.id == "torch-dynamo":
        shapes = (
            "({0: torch.export.Dim('batch')},)"
            if len(names) == 1
            else f"({', '.join(['{0: torch.export.Dim(' + repr('batch') + ')}'] * len(names))})"
        )
        line = TORCH_DYNAMO.format(more=f", dynamic_shapes={shapes}")
        return f"Export it with a free batch, from a sample of two rows or more: `{line}`."
    if producer.id == "torch-script":
        axes = "{" + ", ".join(f"{name!r}: {{0: 'batch'}}" for name in names) + "}"
        line = TORCH_SCRIPT.format(more=f", input_names={names!r}, dynamic_axes={axes}")
        return f"Export it with a free batch: `{line}`."
    if producer.id in ("skl2onnx", "onnxmltools"):
        return _initial_types(producer, tensors)
    if producer.id == "tf2onnx":
        specs = ", ".join(
            f"tf.TensorSpec({_tf_shape(tensor)}, tf.{_tf_type(tensor)}, name={tensor.name!r})"
            for tensor in tensors
        )
        call = "lambda x: model(x)" if len(tensors) == 1 else "lambda *x: model(list(x))"
        line = f"tf2onnx.convert.from_function(tf.function({call}), input_signature=[{specs}], output_path='model.onnx')"
        return f"Convert it with a free batch: `{line}`."
    if producer.id == "keras":
        shape = tuple(None if size == -1 else size for size in tensors[0].shape[1:])
        return f"Build it without a batch size, `keras.Input({shape!r})`, and export it again: `model.export('model.onnx', format='onnx')`."
    return (
        "Export it with a free first axis, or free it in the file: "
        "`for value in [*model.graph.input, *model.graph.output]: value.type.tensor_type.shape.dim[0].dim_param = 'batch'`."
    )


def other_type(producer, tensor_name, type_name):
    """What to do about a tensor of a type that no call can carry."""
    if producer.id.startswith("torch"):
        return "Take and give float32 at the edge: `model = model.float()` before the export."
    return f"Add a Cast at the edge of the graph, from or to FLOAT: `onnx.helper.make_node('Cast', [{tensor_name!r}], ['{tensor_name}_float'], to=onnx.TensorProto.FLOAT)`."


def no_sequence(producer, tensor_name):
    """What to do about an output that is a sequence of tensors."""
    if producer.id.startswith("torch"):
        return "Return one tensor, `torch.stack(parts, dim=1)`, or a tuple of tensors, instead of a list."
    stacked = f"onnx.helper.make_node('ConcatFromSequence', [{tensor_name!r}], ['{tensor_name}_stacked'], axis=1, new_axis=1)"
    return f"Stack its parts into one tensor as the last step of the graph, and make that the output: `{stacked}`."


def no_map(producer, tensor_name):
    """What to do about an output that maps labels to numbers, where it is not a ZipMap at the end."""
    if producer.id in ("skl2onnx", "onnxmltools"):
        return f"Export it with `{SKLEARN}`."
    return f"Make the tensor before {tensor_name!r} the output of the graph."


def older(producer, opset):
    """How this producer writes an older operator set. opset: the newest one that is served."""
    lines = {
        "torch-dynamo": TORCH_DYNAMO.format(more=f", opset_version={min(opset, 20)}"),
        "torch-script": TORCH_SCRIPT.format(more=f", opset_version={min(opset, 20)}"),
        "skl2onnx": f"skl2onnx.to_onnx(model, X[:1], target_opset={min(opset, 21)})",
    }
    line = lines.get(
        producer.id,
        f"onnx.version_converter.convert_version(onnx.load('model.onnx'), {min(opset, 21)})",
    )
    return f"Write it for an older operator set: `{line}`."


def standard_operators(producer):
    """How this producer keeps to ONNX's own operators."""
    if producer.id == "torch-script":
        return f"The other exporter splits it into standard ones: `{TORCH_DYNAMO.format(more='')}`."
    if producer.id == "tf2onnx":
        return "Convert it without --custom-ops and with a newer operator set: `python -m tf2onnx.convert --saved-model DIR --opset 18 --output model.onnx`."
    return "Export the model with standard operators (domains ai.onnx and ai.onnx.ml)."


def unfused(producer):
    """How to write a graph that ONNX Runtime fused for another processor."""
    return (
        "Fuse it for processors, not for graphics cards, or leave it as it was exported: "
        "`onnxruntime.transformers.optimizer.optimize_model('model.onnx', use_gpu=False)`."
    )


def _initial_types(producer, tensors):
    module = "skl2onnx" if producer.id == "skl2onnx" else "onnxmltools.convert"
    kinds = sorted({SKL_TYPES.get(tensor.datatype, "FloatTensorType") for tensor in tensors})
    pairs = ", ".join(
        f"({t.name!r}, {SKL_TYPES.get(t.datatype, 'FloatTensorType')}({_skl_shape(t)}))"
        for t in tensors
    )
    lead = f"`from {module}.common.data_types import {', '.join(kinds)}`"
    call = (
        f"skl2onnx.to_onnx(model, initial_types=[{pairs}])"
        if producer.id == "skl2onnx"
        else f"initial_types=[{pairs}]"
    )
    verb = "convert it with" if producer.id == "skl2onnx" else "give the converter"
    return f"Leave the batch free: {lead} and {verb} `{call}`."


def _skl_shape(tensor):
    return [None, *(None if size == -1 else size for size in tensor.shape[1:])]


def _tf_shape(tensor):
    return [None, *(None if size == -1 else size for size in tensor.shape[1:])]


def _tf_type(tensor):
    return TF_TYPES.get(tensor.datatype, tensor.datatype.lower())


def _is_dynamo(model):
    """The exporter of torch.export writes where each node came from, or keeps onnxscript's functions."""
    marked = any(
        item.key.startswith("pkg.")
        for node in list(model.graph.node)[:50]
        for item in node.metadata_props
    )
    return marked or any(_line(entry.domain).startswith("pkg.") for entry in model.opset_import)


def _version(text):
    """CatBoost writes the whole of its build's history into this field."""
    if isinstance(text, bytes):
        return _line(text)
    tag = re.search(r"tags/v(\S+)", text)
    return tag.group(1) if tag else _line(text)


def _line(text):
    """At most 40 characters of its first line. protobuf gives bytes where a damaged file holds no UTF-8."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return text.strip().splitlines()[0][:40] if text.strip() else ""
