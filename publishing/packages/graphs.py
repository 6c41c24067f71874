"""Reading an ONNX graph: what it holds, what goes in and out, what had to be changed so that it can be served.

Everything that is wrong with a file is told at once, each problem with a remedy for the tool that wrote it.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field

import onnx
from onnx import TensorProto

from . import limits, mending, operators, producers, weights
from .census import Census
from .refusals import Problem, Refusal, printable, refuse_content

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
    TensorProto.FLOAT16: "FP16",
    TensorProto.FLOAT: "FP32",
    TensorProto.DOUBLE: "FP64",
    TensorProto.STRING: "BYTES",
}


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
    labels: dict = field(default_factory=dict)  # output → the class labels of its columns

    def as_data(self):
        sides = {
            side: [_tensor_data(tensor) for tensor in getattr(self, side)]
            for side in ("inputs", "outputs")
        }
        return sides | {"opset": self.opset, "producer": self.producer, "nodes": self.nodes}


@dataclass(frozen=True)
class Reading:
    """A graph that can be served.

    changes   sentences that say what is different from the uploaded file; [] when nothing is
    content   the changed file's bytes; None when nothing is
    merged    names of the files beside the graph, whose weights are inside it now
    """

    graph: Graph
    changes: list
    content: bytes | None
    merged: list


def parse(path, name):
    """The ModelProto in the file at `path`. Raises Refusal."""
    if path.stat().st_size > limits.ONNX_BYTES:
        raise Refusal(
            f"{printable(name)} is larger than 512 MiB.",
            "size",
            "Quantise the model, or host it yourself and register it as an external endpoint.",
        )
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's DecodeError has moved between versions
        raise refuse_content(name, "truncated-onnx") from error
    return model


def places_beside(model):
    """The files that the graph keeps weights in, as it spells them."""
    return weights.locations(Census.of(model).external)


def read_graph(model, name, companions=None):
    """The Reading of a parsed model that its sender calls `name`. Raises Refusal with every problem that was found.

    companions: location → path of the files that were sent with it.
    """
    return _Reader(model, name, companions or {}).read()


class _Reader:
    """One reading: collects problems and changes on its way through the model."""

    def __init__(self, model, name, companions):
        self.model, self.name, self.companions = model, name, companions
        self.producer = producers.producer_of(model)
        self.problems, self.changes, self.merged, self.labels = [], [], [], {}
        self.doubts = []  # what the checker infers to be wrong, unless ONNX Runtime infers otherwise

    def read(self):
        metadata = {_text(item.key): _text(item.value) for item in self.model.metadata_props}
        census = Census.of(self.model)
        self._check_numbers(census)
        self._take_weights(census)
        self._mend()
        census = Census.of(self.model)
        self._check_numbers(census)
        self.problems += operators.problems(
            census,
            self.name,
            self.producer,
            {(function.domain, function.name) for function in self.model.functions},
        )
        inputs, outputs = self._tensors("input"), self._tensors("output")
        self._check()
        self._try(inputs)
        if self.problems:
            raise Refusal.of(self.problems)
        graph = Graph(
            inputs=[tensor for tensor, _ in inputs],
            outputs=[tensor for tensor, _ in outputs],
            opset={item.domain: item.version for item in self.model.opset_import},
            producer=str(self.producer)[:100],
            metadata=metadata,
            nodes=len(self.model.graph.node),
            labels=mending.class_labels(self.model.graph) | self.labels,
        )
        content = self.model.SerializeToString() if self.changes else None
        return Reading(graph, self.changes, content, self.merged)

    def _check_numbers(self, census):
        if (
            census.counts["nodes"] > limits.ONNX_NODES
            or census.counts["tensors"] > limits.ONNX_TENSORS
        ):
            message = f"{printable(self.name)} has more than 200 000 nodes or 50 000 tensors."
            raise Refusal(message, "too-many-nodes", "Simplify the graph, or split the model.")

    def _take_weights(self, census):
        """Merges the weights that lie beside the graph."""
        line = producers.one_file(self.producer)
        if census.confused:
            reason = f"the tensor {printable(census.confused[0])} holds its values and names a file as well"
            self.problems.append(weights.misplaced(self.name, reason, line))
        elif (
            census.external
            and not self.companions
            and len(weights.locations(census.external)) == 1
            and _is_near_by(census.external)
        ):
            location = weights.locations(census.external).pop()
            self.problems.append(weights.missing_file(self.name, location, line))
        elif census.external:
            try:
                self.merged = weights.merge(census.external, self.companions)
                self.changes.append(
                    f"Weights from {_listed(self.merged)} were merged into the one file."
                )
            except weights.Misplaced as wrong:
                self.problems.append(weights.misplaced(self.name, str(wrong), line))

    def _mend(self):
        """What can be changed without changing an answer."""
        self._note(mending.drop_training(self.model))
        try:
            self.model, sentence = mending.inline_functions(self.model)
            self._note(sentence)
        except Refusal as refusal:
            self.problems += refusal.problems
        for sentence in mending.tidy_domains(self.model):
            self._note(sentence)
        self.labels, sentences = mending.drop_zipmaps(self.model)
        for sentence in sentences:
            self._note(sentence)

    def _note(self, sentence):
        if sentence:
            self.changes.append(sentence)

    def _tensors(self, side):
        """[(Tensor, its fixed first size or None)] of the graph's inputs or outputs that a call can carry."""
        constants = {tensor.name for tensor in self.model.graph.initializer}
        values = [
            value
            for value in getattr(self.model.graph, side)
            if side == "output" or value.name not in constants
        ]
        if not values:
            self.problems.append(
                Problem(f"The ONNX graph has no {side}.", "signature", "Export the model again.")
            )
        found = []
        for value in values:
            try:
                found.append(_tensor(value, side, self.producer))
            except Refusal as refusal:
                self.problems += refusal.problems
        return found

    def _check(self):
        """ONNX's own checker with shape inference; its complaint becomes a sentence."""
        if self.model.functions or any(
            problem.code == "external-data" for problem in self.problems
        ):
            return  # it would complain of the same, or unfold functions without end
        try:
            with _checkable(self.model):
                onnx.checker.check_model(self.model, full_check=True)
        except MemoryError:
            raise
        except (
            Exception
        ) as error:  # ValidationError, InferenceError, and whatever a broken graph provokes in them
            reason = (
                str(error).strip().splitlines()[0][:200]
                if str(error).strip()
                else type(error).__name__
            )
            if (
                any(problem.code == "custom-operator" for problem in self.problems)
                and "op" in reason.lower()
            ):
                return  # it complains of the same operator
            message = f"{printable(self.name)} is not a valid ONNX model: {reason}"
            remedy = "Run `onnx.checker.check_model(model, full_check=True)` where you export it."
            unsure = isinstance(error, onnx.shape_inference.InferenceError)
            (self.doubts if unsure else self.problems).append(
                Problem(message, "invalid-onnx", remedy)
            )

    def _try(self, inputs):
        """Loads the graph in the engine's own ONNX Runtime, and frees a batch that is fixed."""
        fixed = [(tensor, size) for tensor, size in inputs if size is not None]
        if self.problems:
            self.problems += self.doubts + (
                [_fixed_batch(self.producer, inputs, fixed, "")] if fixed else []
            )
            return
        from . import runtime  # it is not needed to say no

        try:
            loaded = runtime.session(self.model.SerializeToString())
        except runtime.CannotRun as wrong:
            self.problems += self.doubts or [
                _cannot_run(self.name, self.producer, self.model, wrong)
            ]
            return
        if fixed:
            trial = runtime.free_batch(self.model, loaded)
            if trial.model is None:
                self.problems.append(_fixed_batch(self.producer, inputs, fixed, trial.reason))
                return
            self.model = trial.model
            size = fixed[0][1]
            self._note(
                f"The first dimension, fixed to {size}, was freed for batches: with {size} and {limits.TRIAL_ROWS * size} rows "
                "the graph gives row by row the answers that it gave before."
            )


@contextmanager
def _checkable(model):
    """Within it, operators that only ONNX Runtime has in the standard domain bear its own, which the checker leaves alone."""
    nodes = [
        node
        for node in model.graph.node
        if not node.domain and node.op_type in operators.REVIEWED_IN_STANDARD
    ]
    added = bool(nodes) and all(entry.domain != operators.RUNTIME for entry in model.opset_import)
    if added:
        model.opset_import.append(onnx.helper.make_opsetid(operators.RUNTIME, 1))
    for node in nodes:
        node.domain = operators.RUNTIME
    try:
        yield
    finally:
        for node in nodes:
            node.domain = ""
        if added:
            del model.opset_import[-1]


def _cannot_run(name, producer, model, wrong):
    """The problem of a graph that the engine's ONNX Runtime does not load."""
    opset = max(
        (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
        default=0,
    )
    older = (
        producers.older(producer, opset - 1)
        if opset > limits.ONNX_OPSET_COMMON
        else "Export the model with other operators."
    )
    return Problem(
        f"ONNX Runtime cannot load {printable(name)}: {wrong}.", "engine", wrong.remedy or older
    )


def _fixed_batch(producer, inputs, fixed, reason):
    tensor, size = fixed[0]
    tried = f" Freeing it was tried, but {reason}." if reason else ""
    message = f"The first dimension of the input {printable(tensor.name)} is fixed to {size}; calls come in batches of any size.{tried}"
    return Problem(
        message, "signature", producers.free_batch(producer, [tensor for tensor, _ in inputs])
    )


def _tensor(value, side, producer):
    """(Tensor, fixed first size or None) of a graph input or output. Raises Refusal for what Open Inference cannot carry."""
    name, kind = _text(value.name), value.type.WhichOneof("value")
    if kind == "sequence_type":
        if value.type.sequence_type.elem_type.WhichOneof("value") == "map_type":
            raise _no_map(name, side, producer)
        raise Refusal(
            f"The {side} {printable(name)} is a sequence of tensors; a call carries single tensors.",
            "sequence",
            producers.no_sequence(producer, name)
            if side == "output"
            else "Take one tensor, with the parts along its second axis.",
        )
    if kind == "map_type":
        raise _no_map(name, side, producer)
    if kind != "tensor_type":
        words = {"optional_type": "optional", "sparse_tensor_type": "a sparse tensor"}.get(
            kind, "not a tensor"
        )
        raise Refusal(
            f"The {side} {printable(name)} is {words}; a call carries plain tensors.",
            "signature",
            "Export the model with tensors as inputs and outputs.",
        )
    tensor = value.type.tensor_type
    if tensor.elem_type not in DATATYPES:
        type_name = (
            TensorProto.DataType.Name(tensor.elem_type)
            if tensor.elem_type in TensorProto.DataType.values()
            else "unknown"
        )
        raise Refusal(
            f"The {side} {printable(name)} has the type {type_name}, which the protocol of calls does not have.",
            "signature",
            producers.other_type(producer, name, type_name),
        )
    shape, first = _shape(tensor, name, side)
    return Tensor(name, DATATYPES[tensor.elem_type], shape), first


def _no_map(name, side, producer):
    message = f"The {side} {printable(name)} maps labels to numbers; a call carries tensors only."
    remedy = (
        producers.no_map(producer, name)
        if side == "output"
        else "Take one tensor with a column for each key, in a fixed order."
    )
    return Refusal(message, "zipmap", remedy)


def _shape(tensor, name, side):
    """(shape with -1 for free dimensions and for the batch, the first size if an input fixes it)."""
    if not tensor.HasField("shape") or not tensor.shape.dim:
        if side == "output":
            return (-1,), None
        raise Refusal(
            f"The input {printable(name)} has no shape with a batch dimension: it is one value for all rows.",
            "signature",
            "Make it a constant of the graph, or give it one value for each row.",
        )
    dims = tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else -1
        for dim in tensor.shape.dim
    )
    return (-1, *dims[1:]), dims[0] if dims[0] != -1 and side == "input" else None


def _text(value):
    """Protobuf hands out bytes where a text is not UTF-8."""
    if not isinstance(value, str):
        raise Refusal(
            "The ONNX file has names that are not UTF-8 text.",
            "invalid-onnx",
            "Export the model again with plain names.",
        )
    return value


def _is_near_by(tensors):
    """True when the weights were meant to lie beside the graph, so that sending them too is the remedy."""
    return all(
        "/" not in location and "\\" not in location and ".." not in location and location
        for location in weights.locations(tensors)
    )


def _listed(names):
    shown = ", ".join(printable(name) for name in names[:3])
    return f"{shown} and {len(names) - 3} more files" if len(names) > 3 else shown


def _tensor_data(tensor):
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
