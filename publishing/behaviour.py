"""Behaviour without a benchmark: a version and the one in use answer the same made-up rows (docs/evaluation.md, "Behaviour").

Where both take a benchmark, the run of the independent evaluation compares them (governance.behaviour). Both versions run in the
limited child that makes predictions, and nowhere else.
"""

from math import isfinite
from typing import Any

import numpy as np
from django.conf import settings

from catalog.models import ModelVersion
from governance import behaviour, benchmarks
from governance.actions import record_gate
from governance.models import GateResult
from hosting.model_server.datatypes import INTEGERS
from hosting.model_server.examples import example_value
from publishing.predictions import predict

GATE = behaviour.GATE
TOOL = "behaviour/1"
ROWS = 200
MOST_OUTPUTS = 2  # that are compared, in the order of the signature
SEED = 15
ONE_A_ROW = ([-1], [-1, 1])
Verdict = GateResult.Verdict


class CannotCompare(Exception):
    """Why two versions cannot answer the same made-up rows, for people."""


def record_for_submission(version: ModelVersion) -> None:
    """Say at once where there is nothing to compare."""
    previous = version.predecessor()
    if previous is None:
        _keep(version, Verdict.NOT_APPLICABLE, "It follows no approved version.")
    elif _is_not_asked(version, previous):
        said = "One of the two is hosted outside, and this installation asks such endpoints for their example only."
        _keep(version, Verdict.NOT_APPLICABLE, said)


def is_due(version: ModelVersion) -> bool:
    """Is there a version to compare with, no benchmark that both take, and no result about these files?"""
    known = version.gate_results.filter(gate=GATE, manifest_sha256=version.manifest_sha256)
    previous = version.predecessor()
    return (
        previous is not None
        and not _is_not_asked(version, previous)
        and not known.exists()
        and not _have_benchmark(version, previous)
    )


def record_on_made_up_rows(version: ModelVersion) -> None:
    """Compare with the version in use, unless a benchmark does or there is none."""
    previous = version.predecessor()
    if previous is None or _is_not_asked(version, previous) or _have_benchmark(version, previous):
        return
    try:
        request = made_up(previous.signature, version.signature)
        compared = [
            _compared(
                output, _answers(previous, request, output), _answers(version, request, output)
            )
            for output in _outputs(previous.signature, version.signature)
        ]
    except CannotCompare as problem:
        if behaviour.declared_by(version, previous) == "major":
            said = f"{problem} It is a major version, which nobody is moved to unasked."
            _keep(version, Verdict.NOT_APPLICABLE, said)
        else:
            _keep(version, Verdict.INCONCLUSIVE, str(problem), GateResult.Severity.WARN)
        return
    _judge(version, previous, compared)


def made_up(previous: dict[str, Any], signature: dict[str, Any]) -> dict[str, Any]:
    """A request of ROWS rows inside the ranges that both signatures declare; always the same. Raises CannotCompare."""
    former = {field["name"]: field for field in previous["inputs"]}
    random = np.random.default_rng(SEED)
    tensors = []
    for field in signature["inputs"]:
        name, older = field["name"], former.get(field["name"])
        if older is None and not field.get("required", True):
            continue
        if older is None or older["datatype"] != field["datatype"]:
            raise CannotCompare(f"The version in use does not take the input {name} as it is now.")
        if field["shape"] not in ONE_A_ROW:
            raise CannotCompare(
                f"The input {name} takes more than one value a row: no rows are made up."
            )
        data = _column(field, older, random)
        shape = [ROWS, *field["shape"][1:]]
        tensors.append({"name": name, "datatype": field["datatype"], "shape": shape, "data": data})
    lacking = {field["name"] for field in previous["inputs"] if field.get("required", True)}
    if missing := sorted(lacking - {tensor["name"] for tensor in tensors}):
        raise CannotCompare(f"The version in use needs the input {missing[0]}, which is gone.")
    return {"inputs": tensors}


def _column(field: dict[str, Any], older: dict[str, Any], random: np.random.Generator) -> list[Any]:
    if field.get("enum"):
        allowed = [value for value in field["enum"] if value in older.get("enum", field["enum"])]
        return (
            [allowed[place] for place in random.integers(0, len(allowed), ROWS)] if allowed else []
        )
    if field["datatype"] == "BOOL":
        return [bool(value) for value in random.integers(0, 2, ROWS)]
    usual = example_value(field)
    if field["datatype"] == "BYTES":
        return [usual] * ROWS
    low, high = (
        [one[end] for one in (field, older) if one.get(end) is not None]
        for end in ("minimum", "maximum")
    )
    least = max(low) if low else min(0.0, *high, float(usual)) if high else 0.0
    most = min(high) if high else max(least, 2 * abs(float(usual)), 1.0)
    drawn = random.uniform(least, max(least, most), ROWS)
    if field["datatype"] in INTEGERS:
        return [
            int(value)
            for value in np.clip(np.round(drawn), np.ceil(least), np.floor(max(least, most)))
        ]
    return [float(value) for value in drawn]


def _outputs(previous: dict[str, Any], signature: dict[str, Any]) -> list[str]:
    """The names of the outputs that both have and that are compared. Raises CannotCompare."""
    former = {field["name"]: field["datatype"] for field in previous["outputs"]}
    names = [
        field["name"]
        for field in signature["outputs"]
        if former.get(field["name"]) == field["datatype"]
    ]
    if not names:
        raise CannotCompare("The two have no output in common.")
    return names[:MOST_OUTPUTS]


def _answers(version: ModelVersion, request: dict[str, Any], output: str) -> list[Any]:
    names = {field["name"] for field in version.signature["inputs"]}
    asked = {"inputs": [tensor for tensor in request["inputs"] if tensor["name"] in names]}
    try:
        found = predict(version, asked, output)
    except OSError:
        raise CannotCompare(f"The stored file of {version} cannot be read.") from None
    values = found.get("values")
    if not isinstance(values, list) or len(values) != ROWS:
        why = str(found.get("problem", "it did not answer each row once"))
        raise CannotCompare(f"{version} could not be asked the made-up rows: {why}.")
    return values


def _compared(output: str, before: list[Any], after: list[Any]) -> dict[str, Any]:
    """How far the answers of one output lie apart. Raises CannotCompare."""
    try:
        one, other = np.array(before, dtype=float), np.array(after, dtype=float)
    except (ValueError, TypeError):
        differ = float(np.mean([left != right for left, right in zip(before, after, strict=True)]))
        return {
            "output": output,
            "rows_that_differ": differ,
            "largest_difference": float(differ > 0),
        }
    if one.shape != other.shape:
        return {"output": output, "rows_that_differ": 1.0, "largest_difference": 1.0}
    one, other = one.reshape(ROWS, -1), other.reshape(ROWS, -1)
    scale = max(1.0, float(np.abs(one).max(initial=0.0)))
    apart = np.abs(other - one).max(axis=1) / scale
    if not isfinite(float(apart.max())):
        raise CannotCompare(f"The output {output} is not a finite number for every made-up row.")
    return {
        "output": output,
        "rows_that_differ": float((apart > behaviour.SAME).mean()),
        "largest_difference": float(apart.max()),
        "mean_difference": float(apart.mean()),
    }


def _judge(version: ModelVersion, previous: ModelVersion, compared: list[dict[str, Any]]) -> None:
    """Equality can be judged on made-up rows, a limit cannot: they are not like those that are called with."""
    declared = behaviour.declared_by(version, previous)
    metrics = {
        "previous": previous.number,
        "declared": declared,
        "on": "made-up rows",
        "rows": ROWS,
        "outputs": compared,
    }
    if all(one["largest_difference"] <= behaviour.SAME for one in compared):
        said = f"{ROWS} made-up rows are answered as {previous.number} answers them."
        _keep(version, Verdict.PASS, said, metrics=metrics)
        return
    worst = max(compared, key=lambda one: float(one["rows_that_differ"]))
    said = f"Of {ROWS} made-up rows, {worst['output']} answers {worst['rows_that_differ']:.0%} otherwise than in {previous.number}."
    if declared == "patch":
        said += " A patch answers every row alike; this needs at least a minor version."
        _keep(version, Verdict.FAIL, said, metrics=metrics)
    elif declared == "major":
        said += " It is a major version, which nobody is moved to unasked."
        _keep(version, Verdict.PASS, said, metrics=metrics)
    else:
        said += " There is no benchmark that both take, and made-up rows are not like real ones: no limit is applied."
        _keep(version, Verdict.INCONCLUSIVE, said, GateResult.Severity.INFO, metrics)


def _keep(
    version: ModelVersion,
    verdict: str,
    summary: str,
    severity: str = "",
    metrics: dict[str, Any] | None = None,
) -> None:
    record_gate(version, GATE, verdict, summary, severity=severity, tool=TOOL, metrics=metrics)


def _is_not_asked(version: ModelVersion, previous: ModelVersion) -> bool:
    """Made-up rows tell nobody anything; yet each is a call of somebody else's endpoint."""
    is_outside = ModelVersion.Kind.EXTERNAL in (previous.kind, version.kind)
    return is_outside and not settings.ENDPOINT_CHECKS


def _have_benchmark(version: ModelVersion, previous: ModelVersion) -> bool:
    """The run of the independent evaluation compares them."""
    dataset = benchmarks.fit_of(version).dataset
    return dataset is not None and benchmarks.fit_of(previous).dataset == dataset
