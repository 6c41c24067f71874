"""A version's contract, compiled once per replica: what each input takes, and how the graph's tensors are made of inputs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from math import ceil, floor
from typing import Any

import numpy as np

from hosting.model_server import datatypes

MONOTONE = {"increasing": 1, "decreasing": -1}


@dataclass(frozen=True)
class Column:
    """One input of the signature, as the contract declares it, with what is looked up per request worked out once.

    format   of BYTES only: "date" or "date-time"; the model gets ISO 8601 texts in one spelling, times without zone as UTC
    monotone 1 where the answer never falls as the value rises, -1 where it never rises; 0 where nothing is declared
    carrier  datatype of the graph's tensor that the values go into; "" for the column's own
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    enum: frozenset[Any] | None = None
    default: Any = None
    format: str | None = None
    carrier: str = ""
    monotone: int = 0

    @classmethod
    def of(cls, spec: Mapping[str, Any], carrier: str = "") -> "Column":
        known = spelling(spec.get("format"))
        enum, default = spec.get("enum"), spec.get("default")
        whole = spec["datatype"] in datatypes.INTEGERS
        return cls(
            name=spec["name"],
            datatype=spec["datatype"],
            shape=tuple(spec.get("shape") or [-1]),
            required=spec.get("required", True),
            minimum=_bound_of(spec.get("minimum"), ceil if whole else _as_float),
            maximum=_bound_of(spec.get("maximum"), floor if whole else _as_float),
            enum=_enumeration(map(known, enum), spec["datatype"]) if enum else None,
            default=default if default is None else known(default),
            format=spec.get("format"),
            carrier=carrier or spec["datatype"],
            monotone=MONOTONE.get(spec.get("monotone") or "", 0),
        )

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        return datatypes.dtype(self.datatype)

    @cached_property
    def carried(self) -> tuple[Any, Any] | None:
        """(lowest, highest) value that the graph's tensor takes without loss; None where every allowed value is one."""
        exact = datatypes.exact_in(self.carrier or self.datatype, self.datatype)
        inside = (
            exact
            and None not in (self.minimum, self.maximum)
            and exact[0] <= self.minimum
            and self.maximum <= exact[1]
        )
        return None if inside else exact

    @property
    def missing(self) -> Any:
        """The value of a missing element: the default, NaN for floats, "" for texts; None when there is none."""
        if self.default is not None:
            return self.default
        if self.datatype in datatypes.FLOATS:
            return float("nan")
        return "" if self.datatype == "BYTES" else None


@dataclass(frozen=True)
class Signature:
    """A version's contract, compiled once per replica. `outputs` maps name → declared shape."""

    columns: dict[str, Column]
    outputs: dict[str, tuple[int, ...]]
    binding_inputs: tuple[dict[str, Any], ...]
    binding_outputs: tuple[dict[str, Any], ...]
    names: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, signature: Mapping[str, Any]) -> "Signature":
        inputs, outputs = binding_of(signature)
        carriers = {
            name: row["datatype"]
            for row in inputs
            for name in row.get("columns") or [row["tensor"]]
        }
        columns = {
            spec["name"]: Column.of(spec, carriers.get(spec["name"], ""))
            for spec in signature["inputs"]
        }
        return cls(
            columns=columns,
            outputs={
                spec["name"]: tuple(spec.get("shape") or [-1]) for spec in signature["outputs"]
            },
            binding_inputs=tuple(inputs),
            binding_outputs=tuple(outputs),
            names=frozenset(columns),
        )


def binding_of(
    signature: Mapping[str, Any],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """([row of each graph input], [row of each output]): what the signature says, or name to name where it says nothing."""
    binding = signature.get("binding") or {}
    inputs = binding.get("inputs") or [
        {"tensor": spec["name"], "datatype": spec["datatype"], "columns": None}
        for spec in signature["inputs"]
    ]
    return inputs, binding.get("outputs") or [
        {"tensor": spec["name"], "output": spec["name"], "column": None}
        for spec in signature["outputs"]
    ]


def _bound_of(value: Any, exact: Callable[[Any], float]) -> float | None:
    """A limit as elements are compared with it: whole for integers, so that large ones are not rounded on the way."""
    return None if value is None else exact(value)


def _as_float(value: float) -> float:
    """numpy refuses to compare floats with an integer that it cannot hold; small ones stay as they were written."""
    return value if abs(value) <= datatypes.EXACT["FP16"] else float(value)


def _enumeration(values: Iterable[Any], datatype: str) -> frozenset[Any]:
    """The allowed values as elements of that datatype come out: 0.1 is another number as FP32."""
    return frozenset(
        np.array(list(values), datatypes.dtype(datatype)).tolist()
        if datatype in datatypes.FLOATS
        else values
    )


def spelling(form: str | None) -> Callable[[Any], Any]:
    """What makes one spelling of the many that ISO 8601 allows; it raises ValueError for another text."""
    return {"date": _date, "date-time": _date_time}.get(form or "", lambda value: value)


def _date(value: str) -> str:
    return date.fromisoformat(value).isoformat()


def _date_time(value: str) -> str:
    parsed = datetime.fromisoformat(value)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).isoformat()
