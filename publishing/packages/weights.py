"""Weights that an exporter keeps beside the graph (ONNX external data), merged into the one file that is served.

ONNX's own loader is not used: it opened files outside the package four times (CVE-2022-25882, 2024-27318, 2026-27489,
2026-34445). Here a location is a key into the archive's members, and nothing else.
"""

import math
from collections import defaultdict

import numpy as np
from onnx import TensorProto, helper

from . import archives, limits
from .refusals import Problem, Refusal, printable

KEYS = {"location", "offset", "length", "checksum"}
BITS = {TensorProto.INT4: 4, TensorProto.UINT4: 4, TensorProto.FLOAT4E2M1: 4}
BITS |= {getattr(TensorProto, name): 2 for name in ("INT2", "UINT2") if hasattr(TensorProto, name)}


class Misplaced(Exception):
    """Why a tensor's values cannot be taken from where it says."""


def locations(tensors):
    """The files that the tensors name, as they spell them."""
    return {
        entry.value
        for tensor in tensors
        for entry in tensor.external_data
        if entry.key == "location"
    }


def merge(tensors, companions):
    """Moves the values of external `tensors` into the model; returns the names of the files that were used up.

    companions: location → path of a file of the same package. Raises Misplaced before anything is moved or read.
    """
    places = [(tensor, *_place(tensor, companions)) for tensor in tensors]
    _check_together(places)
    for tensor, location, offset, length in places:
        with open(companions[location], "rb") as file:
            file.seek(offset)
            tensor.raw_data = file.read(length)
        del tensor.external_data[:]
        tensor.ClearField("data_location")
    return sorted({location for _, location, _, _ in places})


def missing_file(name, location, remedy):
    """The problem of a graph whose weights were not sent with it."""
    return Problem(
        f"{printable(name)} keeps weights in another file ({printable(location)}), which was not sent with it.",
        "external-data",
        f"Upload both together: zip model.zip {_shell(name)} {_shell(location)}. Or write one file: {remedy}",
    )


def misplaced(name, reason, remedy):
    return Problem(
        f"{printable(name)} keeps weights in another file, and {reason}.",
        "external-data",
        f"Write one file: {remedy}",
    )


def _place(tensor, companions):
    """(location, offset, length) of a tensor's values, all checked."""
    if not _is_plain(tensor):
        raise Misplaced(
            f"the entry of the tensor {printable(tensor.name)} has parts that ONNX does not know"
        )
    entries = _entries(tensor)
    location = entries.get("location", "")
    try:
        archives.check_name(location)
    except Refusal:
        raise Misplaced(
            f"its place {printable(location)} is not a plain path inside the package"
        ) from None
    if location not in companions:
        raise Misplaced(f"the file {printable(location)} is not in the package")
    size, needed = companions[location].stat().st_size, _bytes_of(tensor)
    offset = _whole(entries.get("offset", "0"), tensor)
    length = _whole(entries["length"], tensor) if "length" in entries else size - offset
    if length != needed:
        raise Misplaced(
            f"the tensor {printable(tensor.name)} needs {needed} bytes, but {length} are named for it"
        )
    if offset + length > size:
        raise Misplaced(
            f"the tensor {printable(tensor.name)} lies outside {printable(location)}, which has {size} bytes"
        )
    return location, offset, length


def _check_together(places):
    """Ranges may be shared as a whole (tied weights), not in part; and all together they fit into one model."""
    ranges = defaultdict(set)
    for _, location, offset, length in places:
        ranges[location].add((offset, length))
    for location, pieces in ranges.items():
        end = 0
        for offset, length in sorted(piece for piece in pieces if piece[1]):
            if offset < end:
                raise Misplaced(f"two tensors overlap in {printable(location)}")
            end = offset + length
    if sum(length for *_, length in places) > limits.ONNX_BYTES:
        raise Misplaced("its weights are larger than 512 MiB")


def _bytes_of(tensor):
    if tensor.data_type == TensorProto.STRING or any(size < 0 for size in tensor.dims):
        raise Misplaced(
            f"the tensor {printable(tensor.name)} is of a kind that is never kept outside"
        )
    elements = math.prod(tensor.dims)
    if tensor.data_type in BITS:
        return -(-elements * BITS[tensor.data_type] // 8)
    try:
        return elements * np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
    except (KeyError, ValueError, TypeError):
        raise Misplaced(f"the tensor {printable(tensor.name)} has no known type") from None


def _is_plain(tensor):
    keys = [entry.key for entry in tensor.external_data]
    return len(keys) == len(set(keys)) and set(keys) <= KEYS


def _entries(tensor):
    return {entry.key: entry.value for entry in tensor.external_data}


def _whole(text, tensor):
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Misplaced(f"the tensor {printable(tensor.name)} names a place that is not a number")
    return int(text)


def _shell(name):
    """A file name in a command: as it is when it is plain, else in words."""
    base = name.rsplit("/", 1)[-1]
    return base if base and all(char.isalnum() or char in "._-" for char in base) else "FILE"
