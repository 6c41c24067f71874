"""The signature and example request of a demo model, from its columns and its training data."""

from __future__ import annotations

from math import floor, log10
from typing import Any

import numpy as np

from .listing import Column, Output, Recipe, Sample


def signature(recipe: Recipe, kept: Sample) -> dict[str, Any]:
    """Inputs with ranges seen in training, outputs, and how they bind to the graph."""
    return {
        "inputs": [input_field(column, kept.inputs[column.name]) for column in recipe.columns],
        "outputs": [output_field(output) for output in recipe.outputs],
        "binding": {
            "inputs": bound_inputs(recipe),
            "outputs": [bound_output(o) for o in recipe.outputs],
        },
    }


def input_field(column: Column, values: np.ndarray) -> dict[str, Any]:
    numeric = column.datatype in ("FP32", "INT64")
    low, high = training_range(values) if numeric else (None, None)
    return {
        "name": column.name,
        "datatype": column.datatype,
        "shape": [-1],
        "required": True,
        "description": column.description,
        "unit": column.unit,
        "minimum": low,
        "maximum": high,
        "enum": list(column.enum) or None,
        "default": None,
        "format": None,
    }


def training_range(values: np.ndarray) -> tuple[float, float]:
    """The 0.1 % and 99.9 % quantiles, widened outwards to two significant digits."""
    low, high = np.quantile(values, [0.001, 0.999])
    return outwards(float(low), -1), outwards(float(high), +1)


def outwards(value: float, direction: int) -> float:
    if value == 0:
        return 0
    step = 10.0 ** (floor(log10(abs(value))) - 1)
    steps = value / step
    rounded = np.ceil(round(steps, 6)) if direction > 0 else np.floor(round(steps, 6))
    result = round(float(rounded * step), 6)
    return int(result) if result == int(result) else result


def output_field(output: Output) -> dict[str, Any]:
    return {
        "name": output.name,
        "datatype": output.datatype,
        "shape": [-1] if output.width is None else [-1, output.width],
        "description": output.description,
        "unit": output.unit,
        "minimum": output.minimum,
        "maximum": output.maximum,
        "enum": list(output.enum) or None,
    }


def bound_inputs(recipe: Recipe) -> list[dict[str, Any]]:
    if recipe.estimator.kind == "words":
        return [{"tensor": "text", "datatype": "BYTES", "columns": ["text"]}]
    if any(column.datatype == "BYTES" for column in recipe.columns):
        return [
            {
                "tensor": c.name,
                "datatype": "BYTES" if c.datatype == "BYTES" else "FP32",
                "columns": [c.name],
            }
            for c in recipe.columns
        ]
    return [{"tensor": "X", "datatype": "FP32", "columns": [c.name for c in recipe.columns]}]


def bound_output(output: Output) -> dict[str, Any]:
    return {"tensor": output.tensor, "output": output.name, "column": output.column}


def example(recipe: Recipe, held: Sample, rows: int = 2) -> dict[str, Any]:
    """An Open Inference request with hold-out rows whose values lie well inside the training range."""
    picked = typical_rows(recipe, held, rows)
    return {
        "inputs": [
            {
                "name": c.name,
                "datatype": c.datatype,
                "shape": [len(picked)],
                "data": [plain(c, held.inputs[c.name][row]) for row in picked],
            }
            for c in recipe.columns
        ]
    }


def typical_rows(recipe: Recipe, held: Sample, rows: int) -> list[int]:
    inside = np.ones(len(held.target), dtype=bool)
    for column in recipe.columns:
        if column.datatype in ("FP32", "INT64"):
            values = held.inputs[column.name]
            low, high = np.quantile(values, [0.02, 0.98])
            inside &= (values >= low) & (values <= high)
    return [int(row) for row in np.flatnonzero(inside)[:rows]]


def plain(column: Column, value: Any) -> Any:
    if column.datatype == "BYTES":
        return str(value)
    if column.datatype == "BOOL":
        return bool(value)
    if column.datatype == "INT64":
        return int(value)
    return round(float(value), 4)
