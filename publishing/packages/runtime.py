"""ONNX Runtime inside the limited child: does it load the graph, and does a batch that was fixed come free?

A graph is opened by the code of a replica (hosting.model_server.session): what loads here loads there.
"""

import math
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from hosting.model_server import runtime_words
from hosting.model_server.session import open_session

from . import limits

ELEMENTS = {
    "tensor(bool)": np.bool_,
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(string)": np.object_,
    **{
        f"tensor({name})": np.dtype(name)
        for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
}
# How far an answer may move when its neighbours change: what another order of adding up explains, and no more.
NEAR = {"float16": (2e-2, 2e-3), "float32": (1e-3, 1e-5), "float64": (1e-6, 1e-9)}
STATES = {
    "LSTM": (5, 6),
    "GRU": (5,),
    "RNN": (5,),
}  # inputs that hold the state before the first step


class CannotRun(Exception):
    """What ONNX Runtime says about a graph, its useful part first, and what to do about it, or ""."""

    def __init__(self, wrong, when_run=False):
        said, self.remedy = runtime_words.in_words(wrong, when_run)
        super().__init__(said)


@dataclass(frozen=True)
class Trial:
    """How the attempt to free a batch ended: `model` is the freed one, or None and `reason` says why not."""

    model: object
    reason: str = ""


def session(graph):
    """An InferenceSession for the bytes of a graph, by the code of a replica. Raises CannotRun, MemoryError."""
    try:
        return open_session(graph)
    except Exception as wrong:  # onnxruntime raises many kinds
        if runtime_words.is_lack_of_memory(wrong):
            raise MemoryError from wrong
        raise CannotRun(wrong) from None


def free_batch(model, loaded):
    """Trial of a copy of `model` whose first axes are free: does it answer 1 and 3 rows row by row as the fixed one does?

    model: a ModelProto whose inputs all begin with the same fixed size. loaded: its InferenceSession.
    """
    inputs = loaded.get_inputs()
    fixed = {value.shape[0] for value in inputs if isinstance(value.shape[0], int)}
    if len(fixed) != 1:
        return Trial(None, "its inputs begin with different sizes")
    size, reason = fixed.pop(), ""
    try:
        chunks, expected = _expected(loaded, size)
    except CannotRun as wrong:
        return Trial(None, f"the graph itself could not be run with made-up values ({wrong})")
    for loosen in (_loosen_edges, _loosen_shapes, _loosen_states):
        freed = loosen(model, size)
        if freed is None:
            continue
        reason = _difference(freed, chunks, expected, size)
        if not reason:
            return Trial(freed)
    return Trial(None, reason)


def _expected(loaded, size):
    """(feeds of TRIAL_ROWS × size rows in chunks of `size`, the fixed graph's answers to them)."""
    wrong = None
    for values in (_varied, _small, _ones):
        for free in limits.TRIAL_FREE_SIZES:
            chunks = [
                _feeds(loaded, size, free, values, np.random.default_rng(seed))
                for seed in range(limits.TRIAL_ROWS)
            ]
            try:
                return chunks, [loaded.run(None, chunk) for chunk in chunks]
            except Exception as error:  # another size or other values may fit
                wrong = error
    raise CannotRun(wrong, when_run=True)


def _feeds(loaded, size, free, values, random):
    named = {}
    feeds = {}
    for value in loaded.get_inputs():
        sizes = [
            named.setdefault(dim, free) if not isinstance(dim, int) else dim
            for dim in value.shape[1:]
        ]
        feeds[value.name] = values(random, ELEMENTS[value.type], (size, *sizes))
    return feeds


def _varied(random, dtype, shape):
    kind = np.dtype(dtype).kind
    if kind == "f":
        return random.normal(size=shape).astype(dtype)
    if kind == "O":
        return random.choice(np.array(["a", "b c", "d"], object), size=shape)
    return random.integers(0, 2 if kind == "b" else 5, size=shape).astype(dtype)


def _small(random, dtype, shape):
    return (
        random.integers(0, 2, size=shape).astype(dtype)
        if np.dtype(dtype).kind in "iu"
        else _varied(random, dtype, shape)
    )


def _ones(random, dtype, shape):
    return np.ones(shape, dtype) if np.dtype(dtype).kind in "iu" else _varied(random, dtype, shape)


def _difference(freed, chunks, expected, size):
    """Why the freed graph is not the fixed one row by row, or ""."""
    try:
        loaded = session(freed.SerializeToString())
        if reason := _compared(loaded, chunks, expected, size, range(len(chunks))):
            return reason
        rows = [
            {name: array[row : row + 1] for name, array in chunk.items()}
            for chunk in chunks
            for row in range(size)
        ]
        answers = [
            [array[row : row + 1] for array in answer] for answer in expected for row in range(size)
        ]
        if size > 1 and (reason := _compared(loaded, rows, answers, 1, [0])):
            return reason
    except CannotRun as wrong:
        return f"with another number of rows it fails ({wrong})"
    return ""


def _compared(loaded, chunks, expected, size, alone):
    """Runs some chunks alone, and all together; each must answer as expected."""
    for index in alone:
        if not all(map(_is_near, expected[index], _run(loaded, chunks[index]))):
            return "its answers change with the freed axis"
    together = _run(
        loaded, {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    )
    for position, array in enumerate(together):
        if np.ndim(array) == 0 or len(array) != size * len(chunks):
            return f"with {size * len(chunks)} rows it does not give {size * len(chunks)} answers"
        if not _is_near(np.concatenate([answer[position] for answer in expected]), array):
            return f"the answer for a row changes with the rows beside it ({size * len(chunks)} rows, differing)"
    return ""


def _run(loaded, feeds):
    try:
        return loaded.run(None, feeds)
    except Exception as wrong:  # onnxruntime raises many kinds
        raise CannotRun(wrong, when_run=True) from None


def _is_near(expected, found):
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return False
    relative, absolute = NEAR.get(str(expected.dtype), (0, 0))
    if expected.dtype.kind != "f":
        return np.array_equal(expected, found)
    return np.allclose(
        expected,
        found,
        relative,
        absolute * max(1.0, float(np.nanmax(np.abs(expected), initial=0))),
        equal_nan=True,
    )


# -- three ways to free an axis, each going further than the one before ----------------------------------------------


def _loosen_edges(model, _size):
    """Only what the inputs and outputs declare; shapes in between are inferred again."""
    freed = type(model)()
    freed.CopyFrom(model)
    constants = {tensor.name for tensor in freed.graph.initializer}
    for value in [
        *(value for value in freed.graph.input if value.name not in constants),
        *freed.graph.output,
    ]:
        for first in value.type.tensor_type.shape.dim[:1]:
            first.dim_param = "batch"
    del freed.graph.value_info[:]
    return freed


def _loosen_shapes(model, size):
    """Also the constant shapes of Reshape nodes, at the place where the batch of their input goes on."""
    freed = _loosen_edges(model, size)
    constants = _constants(freed.graph)
    reshapes = [
        node
        for node in freed.graph.node
        if node.op_type == "Reshape" and node.input[1] in constants
    ]
    if not 0 < len(reshapes) <= limits.TRIAL_RESHAPES:
        return None
    shown = _light(freed)
    for index, node in enumerate(reshapes):
        loose = _loosened(
            _shape_of(shown, node.input[0]), numpy_helper.to_array(constants[node.input[1]]), size
        )
        if loose is None:
            continue
        node.input[1] = f"freed_shape_{index}"
        freed.graph.initializer.append(
            numpy_helper.from_array(np.array(loose, np.int64), node.input[1])
        )
        shown = _light(freed)
    return freed


def _loosened(shape, target, size):
    """The target of a Reshape with -1 where the batch of its input goes on; None when the input has no batch, or needs none.

    shape: the input's sizes, None for what depends on the batch. Rows keep their order in a Reshape, so that the batch is where
    as many elements stand before it as in the input, or as many after it. Both hold where it is folded into another axis; then
    the trial shows whether the guess was right.
    """
    if shape is None or None not in shape or target.ndim != 1 or 0 in target:
        return None
    at = shape.index(None)
    before, after = math.prod(shape[:at]), math.prod(known for known in shape[at + 1 :] if known)
    sizes = _without_free(target.tolist(), shape, size)
    ahead = [place for place in range(len(sizes)) if math.prod(sizes[:place]) == before]
    behind = [place for place in range(len(sizes)) if math.prod(sizes[place + 1 :]) == after]
    folded = [*behind, *ahead] if len(sizes) < len(shape) else [*ahead, *behind]
    places = [*(place for place in [*ahead, *behind] if sizes[place] == size), *folded]
    if not places or target[places[0]] == -1:
        return None
    return [-1 if place == places[0] else length for place, length in enumerate(sizes)]


def _without_free(sizes, shape, batch):
    """The target with its -1 worked out for a batch of so many rows."""
    if -1 not in sizes:
        return sizes
    whole = math.prod(batch if length is None else length for length in shape)
    rest = math.prod(length for length in sizes if length != -1)
    return [whole // max(rest, 1) if length == -1 else length for length in sizes]


def _light(model):
    """A copy with inferred shapes and without the weights, which no shape depends on."""
    light = type(model)()
    light.CopyFrom(model)
    for tensor in light.graph.initializer:
        if math.prod(tensor.dims) > limits.TRIAL_SMALL and tensor.data_type != tensor.STRING:
            light.graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    kept = [
        tensor
        for tensor in light.graph.initializer
        if math.prod(tensor.dims) <= limits.TRIAL_SMALL or tensor.data_type == tensor.STRING
    ]
    del light.graph.initializer[:]
    light.graph.initializer.extend(kept)
    del light.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(light, data_prop=True)


def _shape_of(model, name):
    """The sizes of a value, None for those that are not known; None when nothing is."""
    for value in [*model.graph.value_info, *model.graph.input]:
        if value.name == name and value.type.tensor_type.HasField("shape"):
            return [
                dim.dim_value if dim.HasField("dim_value") else None
                for dim in value.type.tensor_type.shape.dim
            ]
    return None


def _constants(graph):
    """name → tensor of each initializer and Constant."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                found[node.output[0]] = attribute.t
    return found


def _loosen_states(model, size):
    """Also the zeros that a recurrent layer starts from, which it starts from anyway when it is given nothing."""
    freed = _loosen_shapes(model, size) or _loosen_edges(model, size)
    zeros = _zeros(freed.graph)
    changed = 0
    for node in freed.graph.node:
        for index in STATES.get(node.op_type, ()):
            if index < len(node.input) and node.input[index] in zeros:
                node.input[index] = ""
                changed += 1
    return freed if changed else None


def _zeros(graph):
    return {
        name
        for name, tensor in _constants(graph).items()
        if tensor.data_type != tensor.STRING and not numpy_helper.to_array(tensor).any()
    }
