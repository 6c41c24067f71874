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
FLOATS = ("FP16", "FP32", "FP64")  # the narrowest first
INTEGERS = frozenset(name for name in NUMPY if "INT" in name)
NUMBERS = INTEGERS.union(FLOATS)
WHOLE_IN_FLOAT = 2**53  # every integer up to here has an exact FP64
EXACT = {
    "FP16": 2**11,
    "FP32": 2**24,
    "FP64": WHOLE_IN_FLOAT,
}  # the same for each float (IEEE 754: the bits of its significand)


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


def span(datatype):
    """(lowest, highest) value of a number type: an integer's whole range, a float's finite one."""
    if datatype in INTEGERS:
        limits = np.iinfo(dtype(datatype))
        return limits.min, limits.max
    limits = np.finfo(dtype(datatype))
    return float(limits.min), float(limits.max)


def smallest(datatype):
    """The smallest positive value of a float; what lies below becomes zero."""
    return float(np.finfo(dtype(datatype)).smallest_subnormal)


def carries(tensor, column):
    """True when a tensor of the graph can take the values of a column, though perhaps not each of them exactly.

    Texts stay texts. True and false become 1 and 0, numbers never become true or false. Fractions need a float.
    """
    if tensor == column:
        return True
    if "BYTES" in (tensor, column) or tensor == "BOOL":
        return False
    return tensor in FLOATS or column not in FLOATS


def exact_in(tensor, column):
    """(lowest, highest) of the column's type that a tensor takes without loss; None when it takes each value.

    A fraction is rounded to the nearest FP32 or FP16, as everything that the graph computes; only its range counts.
    """
    if column not in NUMBERS or tensor == column:
        return None
    low, high = (
        (-EXACT[tensor], EXACT[tensor]) if tensor in FLOATS and column in INTEGERS else span(tensor)
    )
    own_low, own_high = span(column)
    return None if low <= own_low and own_high <= high else (low, high)
