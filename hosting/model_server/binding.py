"""Between a signature's columns and the graph's tensors: several columns are one tensor, one tensor several outputs. Pure."""

import numpy as np

from hosting.model_server import datatypes


def bind(columns, signature, ranks):
    """{input: array} → {graph tensor: array}. `ranks` tells each graph input's number of dimensions."""
    return {
        spec["tensor"]: _bound(spec, columns, ranks.get(spec["tensor"]))
        for spec in signature.binding_inputs
    }


def _bound(spec, columns, rank):
    names, dtype = spec.get("columns"), datatypes.dtype(spec["datatype"])
    if not names:
        array = columns[spec["tensor"]]
    elif len(names) == 1:
        array = columns[names[0]]
    else:
        array = _stacked([columns[name] for name in names], dtype)
    array = array.astype(dtype, copy=False)
    return array.reshape(-1, 1) if array.ndim == 1 and rank == 2 else array


def _stacked(arrays, dtype):
    """Columns side by side, row-major. Filling a fresh array is faster than column_stack for small batches."""
    matrix = np.empty((len(arrays[0]), len(arrays)), dtype=dtype)
    for index, array in enumerate(arrays):
        matrix[:, index] = array
    return matrix


def results_of(tensors, signature):
    """{graph tensor: array} → {output name: array}, by the binding: one column of a matrix, or the whole tensor."""
    return {
        spec["output"]: _result(spec, tensors[spec["tensor"]], signature.outputs[spec["output"]])
        for spec in signature.binding_outputs
    }


def _result(spec, array, shape):
    array = np.asarray(array)
    if spec.get("column") is not None:
        return array[:, spec["column"]]
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 and len(shape) == 1 else array
