"""Judging an ONNX graph without running it: size, domains, operators, external data, and what goes in and out."""

from collections import Counter
from dataclasses import dataclass, field

import onnx
from onnx import TensorProto

from . import limits
from .refusals import SKLEARN, Refusal, printable, refuse_content

# ONNX element type → Open Inference Protocol datatype. Types that are missing here are refused with a remedy.
DATATYPES = {
    TensorProto.BOOL: "BOOL",
    TensorProto.UINT8: "UINT8",
    TensorProto.UINT16: "UINT16",
    TensorProto.UINT32: "UINT32",
    TensorProto.UINT64: "UINT64",
    TensorProto.INT8: "INT8",
    TensorProto.INT16: "INT16",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.FLOAT: "FP32",
    TensorProto.DOUBLE: "FP64",
    TensorProto.STRING: "BYTES",
}
DYNAMIC = "Export it with a dynamic first axis, for example FloatTensorType([None, 4]) or dynamic_axes={'X': {0: 'batch'}}."


@dataclass(frozen=True)
class Tensor:
    """A graph input or output: OIP datatype and shape, where -1 is a free dimension and the first one is the batch."""

    name: str
    datatype: str
    shape: tuple


@dataclass(frozen=True)
class Graph:
    """What the marketplace needs to know about an ONNX file."""

    inputs: list
    outputs: list
    opset: dict  # domain ("" is the standard one) → version
    producer: str
    metadata: dict = field(default_factory=dict)
    nodes: int = 0

    def as_data(self):
        sides = {side: [_tensor_data(tensor) for tensor in getattr(self, side)] for side in ("inputs", "outputs")}
        return sides | {"opset": self.opset, "producer": self.producer, "nodes": self.nodes}


def read_graph(path, name):
    """The Graph of the ONNX file at `path`. Raises Refusal with a sentence that names `name`."""
    size = path.stat().st_size
    if size > limits.ONNX_BYTES:
        raise Refusal(
            f"{printable(name)} is larger than 512 MiB.",
            "size",
            "Quantise the model, or host it yourself and register it as an external endpoint.",
        )
    model = _parsed(path, name)
    check_contents(model, name)
    check_operators(model, name)
    return Graph(
        inputs=_tensors(model.graph, "input"),
        outputs=_tensors(model.graph, "output"),
        opset={item.domain: item.version for item in model.opset_import},
        producer=f"{_text(model.producer_name)} {_text(model.producer_version)}".strip()[:100],
        metadata={_text(item.key): _text(item.value) for item in model.metadata_props},
        nodes=len(model.graph.node),
    )


def _parsed(path, name):
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's DecodeError has moved between versions
        raise refuse_content(name, "truncated-onnx") from error
    return model


def check_contents(model, name):
    """Refuses what the checker lets pass: foreign domains, functions, training graphs, external data, sheer numbers."""
    census = Census()
    census.take(model.graph, depth=0)
    domains = census.domains | {item.domain for item in model.opset_import}
    foreign = sorted(domains - limits.ONNX_DOMAINS)
    if census.custom or foreign:
        operator, domain = (sorted(census.custom) or [("", foreign[0])])[0]
        raise custom_operator(name, operator, domain)
    if model.functions or model.training_info:
        what = "local functions" if model.functions else "a training graph"
        raise Refusal(
            f"{printable(name)} contains {what}, which cannot be reviewed as one graph.",
            "functions",
            "Inline them: onnx.inliner.inline_local_functions(model).",
        )
    if census.external:
        raise external_data(name, sorted(census.external)[0])
    if census.counts["nodes"] > limits.ONNX_NODES or census.counts["tensors"] > limits.ONNX_TENSORS:
        raise Refusal(
            f"{printable(name)} has more than 200 000 nodes or 50 000 tensors.", "too-many-nodes", "Simplify the graph, or split the model."
        )


def check_operators(model, name):
    """Runs ONNX's own checker with shape inference; its complaint becomes a sentence."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except MemoryError:
        raise
    except Exception as error:  # ValidationError, InferenceError, and whatever a broken graph provokes in them
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise Refusal(
            f"{printable(name)} is not a valid ONNX model: {reason}",
            "invalid-onnx",
            "Run onnx.checker.check_model(model, full_check=True) where you export it.",
        ) from error


class Census:
    """Counts nodes and tensors of a graph and its subgraphs, and notes foreign operators and external data."""

    def __init__(self):
        self.counts, self.domains, self.custom, self.external = Counter(), set(), set(), set()

    def take(self, graph, depth):
        if depth > limits.ONNX_DEPTH:
            raise Refusal("The ONNX graph nests subgraphs more than 16 deep.", "too-many-nodes", "Simplify the graph.")
        for tensor in graph.initializer:
            self.take_tensor(tensor)
        for sparse in graph.sparse_initializer:
            self.take_sparse(sparse)
        for node in graph.node:
            self.take_node(node, depth)

    def take_node(self, node, depth):
        self.counts["nodes"] += 1
        self.domains.add(node.domain)
        if node.domain not in limits.ONNX_DOMAINS:
            self.custom.add((node.op_type, node.domain))
        for attribute in node.attribute:
            self.take_attribute(attribute, depth)

    def take_attribute(self, attribute, depth):
        for tensor in [*_present(attribute, "t"), *attribute.tensors]:
            self.take_tensor(tensor)
        for sparse in [*_present(attribute, "sparse_tensor"), *attribute.sparse_tensors]:
            self.take_sparse(sparse)
        for graph in [*_present(attribute, "g"), *attribute.graphs]:
            self.take(graph, depth + 1)

    def take_sparse(self, sparse):
        self.take_tensor(sparse.values)
        self.take_tensor(sparse.indices)

    def take_tensor(self, tensor):
        self.counts["tensors"] += 1
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            places = [item.value for item in tensor.external_data if item.key == "location"]
            self.external.add(places[0] if places else tensor.name)


def _present(message, field):
    return [getattr(message, field)] if message.HasField(field) else []


def custom_operator(name, operator, domain):
    what = f"the custom operator {printable(operator)} of the domain" if operator else "operators of the domain"
    return Refusal(
        f"{printable(name)} uses {what} {printable(domain)}. Only the standard ONNX operators are served, because custom ones are code.",
        "custom-operator",
        "Export the model with standard operators (domains ai.onnx and ai.onnx.ml), and do other pre-processing in the caller.",
    )


def external_data(name, location):
    return Refusal(
        f"{printable(name)} keeps weights in another file ({printable(location)}). The marketplace accepts models that are one file.",
        "external-data",
        "Save it as one file: onnx.save(onnx.load('model.onnx'), 'single.onnx', save_as_external_data=False).",
    )


def _tensors(graph, side):
    constants = {tensor.name for tensor in graph.initializer}
    values = [value for value in getattr(graph, side) if side == "output" or value.name not in constants]
    if not values:
        raise Refusal(f"The ONNX graph has no {side}.", "signature", "Export the model again.")
    return [_tensor(value, side) for value in values]


def _tensor(value, side):
    """The Tensor of a graph input or output, refusing the kinds that Open Inference cannot carry."""
    kind = value.type.WhichOneof("value")
    if side == "output" and kind in ("sequence_type", "map_type"):
        raise Refusal(
            f"The output {printable(value.name)} is a list of dictionaries (ZipMap); the inference protocol carries tensors only.",
            "zipmap",
            SKLEARN,
        )
    if kind != "tensor_type":
        raise Refusal(
            f"The {side} {printable(value.name)} is not a tensor.", "signature", "Export the model with tensors as inputs and outputs."
        )
    tensor = value.type.tensor_type
    if tensor.elem_type not in DATATYPES:
        type_name = TensorProto.DataType.Name(tensor.elem_type)
        raise Refusal(
            f"The {side} {printable(value.name)} has the type {type_name}, which is not served.",
            "signature",
            "Add a Cast to float32 at the edge of the graph.",
        )
    return Tensor(_text(value.name), DATATYPES[tensor.elem_type], _shape(tensor, value.name, side))


def _shape(tensor, name, side):
    """The shape with -1 for free dimensions; the first must be free, because it is the batch."""
    if not tensor.HasField("shape") or not tensor.shape.dim:
        if side == "output":
            return (-1,)
        raise Refusal(f"The {side} {printable(name)} has no shape with a batch dimension.", "signature", DYNAMIC)
    dims = tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else -1 for dim in tensor.shape.dim)
    if dims[0] != -1 and side == "input":
        raise Refusal(
            f"The first dimension of the input {printable(name)} is fixed to {dims[0]}; calls come in batches of any size.",
            "signature",
            DYNAMIC,
        )
    return (-1, *dims[1:])


def _text(value):
    """Protobuf hands out bytes where a text is not UTF-8."""
    if not isinstance(value, str):
        raise Refusal("The ONNX file has names that are not UTF-8 text.", "invalid-onnx", "Export the model again with plain names.")
    return value


def _tensor_data(tensor):
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
