"""Open Inference Protocol datatypes and what numpy calls them."""

import numpy as np

NUMPY = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
FLOATS = frozenset({"FP16", "FP32", "FP64"})
INTEGERS = frozenset(name for name in NUMPY if "INT" in name)
NUMBERS = FLOATS | INTEGERS
WHOLE_IN_FLOAT = 2**53  # every integer up to here has an exact FP64


def dtype(datatype):
    """The numpy dtype of an Open Inference datatype. Raises KeyError for an unknown one."""
    return np.dtype(NUMPY[datatype])


def item_size(datatype):
    """Bytes per element in the binary form; None for BYTES, whose elements carry their length."""
    return None if datatype == "BYTES" else dtype(datatype).itemsize


def of_array(array):
    """The Open Inference datatype of a numpy array."""
    if array.dtype.kind in "OSU":
        return "BYTES"
    for name, kind in NUMPY.items():
        if array.dtype == np.dtype(kind):
            return name
    raise TypeError(f"{array.dtype} has no Open Inference datatype.")
