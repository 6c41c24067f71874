"""Input coercion: a read request → one numpy array per signature input → the graph's tensors. Pure; bad input is a Problem.

A signature input of shape [-1] is a column of n rows; it is sent as [n] or [n,1]. All inputs have the same n.
"""

import numpy as np

from hosting.model_server import request_forms
from hosting.model_server.columns import Column, Signature
from hosting.model_server.elements import Array, Completed, Refused, elements_of, require_allowed
from hosting.model_server.limits import MOST_ROWS
from hosting.model_server.problems import MOST_FAULTS_TOLD, Fault, bad_input, too_large
from hosting.model_server.wire import RawRequest


def columns_of(
    request: RawRequest,
    signature: Signature,
    *,
    strict: bool = True,
    most_rows: int = MOST_ROWS,
    only_given: bool = False,
) -> tuple[dict[str, Array], int]:
    """RawRequest → ({input name: array of n rows}, n). Raises Problem 422 naming field, row and remedy, or 413.

    only_given   leave out the inputs that the request leaves out, in place of filling them in
    """
    given, faults = _by_name(request, signature, strict)
    rows = _rows(given, signature, faults)
    if rows > most_rows:
        raise too_large(
            f"{rows} rows in one request; at most {most_rows} are taken.",
            "Send fewer rows per request.",
            limit_rows=most_rows,
        )
    found = {}
    for column in signature.columns.values():
        if only_given and column.name not in given:
            continue
        try:
            found[column.name] = _column(column, given.get(column.name), rows)
        except Refused as no:
            row = None if no.at is None else given[column.name].row(no.at)
            faults.append(Fault(no.detail, column.name, row, no.remedy))
    if faults:
        raise bad_input(*faults[:MOST_FAULTS_TOLD])
    return found, rows


def _by_name(
    request: RawRequest, signature: Signature, strict: bool
) -> tuple[dict[str, Completed], list[Fault]]:
    given: dict[str, Completed] = {}
    faults: list[Fault] = []
    sent = (
        request_forms.tensors(request.form, request.content, signature)
        if request.form
        else request.inputs
    )
    for tensor in sent:
        if tensor.name in given:
            faults.append(Fault("is sent twice.", tensor.name, remedy="Send each input once."))
        elif tensor.name in signature.names:
            is_complete = tensor.datatype is not None and tensor.shape is not None
            given[tensor.name] = (
                tensor
                if is_complete
                else request_forms.completed(tensor, signature.columns[tensor.name])
            )
        elif strict:
            known = ", ".join(list(signature.columns)[:20])
            faults.append(
                Fault(
                    "is not an input of this model.",
                    tensor.name,
                    remedy=f"Its inputs are: {known}.",
                )
            )
    return given, faults


def _rows(given: dict[str, Completed], signature: Signature, faults: list[Fault]) -> int:
    """The batch size that the inputs agree on; the first input given decides."""
    first = next(iter(given.values()), None)
    if first is None:
        raise bad_input(*faults, *_absent(signature))
    rows = first.shape[0]
    if rows == 0:
        raise bad_input(Fault("has no rows.", first.name, remedy="Send at least one row."))
    for tensor in given.values():
        if tensor.shape[0] != rows:
            detail = f"has {tensor.shape[0]} rows; input '{first.name}' has {rows}."
            faults.append(
                Fault(detail, tensor.name, remedy="Send the same number of rows for every input.")
            )
    if faults:
        raise bad_input(*faults[:MOST_FAULTS_TOLD])
    return rows


def _absent(signature: Signature) -> list[Fault]:
    needed = [column for column in signature.columns.values() if column.required]
    return [
        Fault("is missing.", column.name, remedy=_sample(column))
        for column in needed[:MOST_FAULTS_TOLD]
    ] or [
        Fault(
            "No input of this model was sent.",
            remedy="Send at least one input, so that the number of rows is known.",
        )
    ]


def _sample(column: Column) -> str:
    return f"Send it as {column.datatype} with shape [rows]."


def _column(column: Column, tensor: Completed | None, rows: int) -> Array:
    if tensor is None:
        if column.required:
            raise Refused("is missing.", remedy=_sample(column))
        if column.missing is None:
            raise Refused("is missing and has no default.", remedy=_sample(column))
        return np.full(
            (rows, *(max(size, 1) for size in column.shape[1:])), column.missing, dtype=column.dtype
        )
    _shape_fits(column, tensor)
    elements = elements_of(column, tensor)
    array = elements.reshape(rows, *tensor.shape[1:]) if len(column.shape) > 1 else elements
    require_allowed(column, elements)
    return array


def _shape_fits(column: Column, tensor: Completed) -> None:
    shape, declared = tensor.shape, column.shape
    if 0 in shape:
        raise Refused(f"has no elements: its shape is {shape}.", remedy="Send sizes from 1.")
    if len(declared) == 1 and (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        return
    same = len(shape) == len(declared) and all(
        d in (-1, s) for s, d in zip(shape[1:], declared[1:], strict=True)
    )
    if not same or len(declared) == 1:
        wanted = ["rows", *declared[1:]]
        raise Refused(
            f"has shape {shape}.", remedy=f"Send shape {wanted} (-1 is any size).".replace("'", "")
        )


def chosen(request: RawRequest, signature: Signature) -> list[tuple[str, bool]]:
    """[(output name, binary?)] in the order asked for. Raises Problem 422 for an output that the model has not."""
    if request.outputs is None:
        return [(name, request.binary_output) for name in signature.outputs]
    for wanted in request.outputs:
        if wanted.name not in signature.outputs:
            known = ", ".join(signature.outputs)
            raise bad_input(
                Fault(f"'{wanted.name[:200]}' is not an output.", remedy=f"Ask for: {known}.")
            )
    every = request.binary_output
    return [
        (wanted.name, every if wanted.binary is None else wanted.binary)
        for wanted in request.outputs
    ]
