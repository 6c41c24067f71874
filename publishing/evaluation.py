"""The runner of independent evaluations: predictions of a version on a benchmark, made in a limited child (docs/evaluation.md).

Only predictions come back from the child, one a row, checked here; metrics are computed outside of it.
"""

import hashlib
import time
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np
from django.utils import timezone

from catalog.models import ModelVersion
from governance import benchmarks, evaluation_runs, suites
from governance.actions import record_gate
from governance.evaluations import artifact_digest
from governance.models import BenchmarkDataset, EvaluationRun, GateResult, RunState, Task
from governance.robustness import Probe
from hosting.model_server.datatypes import FLOATS
from marketplace.core.errors import RuleError
from marketplace.core.transitions import StaleState, transition
from publishing.predictions import predict


class CannotEvaluate(RuleError):
    """Why there are no predictions, without a value of any row."""


def run(run_id: int) -> None:
    """Make one run that waits. Anything that goes wrong ends it as broken; a second call does nothing."""
    found = EvaluationRun.objects.select_related("version__model", "dataset").get(pk=run_id)
    if found.state != RunState.WAITING:
        return
    try:
        transition(found, RunState.RUNNING, started_at=timezone.now())
    except StaleState:
        return
    started = time.monotonic()
    try:
        assessment, evidence = assess(found)
    except CannotEvaluate as problem:
        evaluation_runs.end_broken(found, problem.message)
        return
    except Exception:
        evaluation_runs.end_broken(found, "The run broke off for a reason of the marketplace.")
        raise RuntimeError(f"evaluation run {run_id} broke off") from None  # no row in the log
    evaluation_runs.score(found, assessment, evidence, round((time.monotonic() - started) * 1000))


def assess(run: EvaluationRun) -> tuple[suites.Assessment, dict[str, Any]]:
    """What a run finds, and the record of what it was found on. Also the replay. Raises CannotEvaluate."""
    version, dataset = run.version, run.dataset
    if version.manifest_sha256 != run.manifest_sha256:
        raise CannotEvaluate("The version changed after the run was asked for. Run it again.")
    columns = benchmarks.read_rows(dataset)
    predicted, probe = predictions(version, dataset, columns, run.seed)
    champion = champion_of(run)
    older = predictions(champion, dataset, columns)[0] if champion else None
    assessment = suites.assess(evaluation_runs.case_of(run, columns, predicted, older, probe))
    if champion is not None and older is not None:
        changed = evaluation_runs.behaviour_of(run, columns, predicted, champion, older)
        assessment = replace(assessment, behaviour=changed)
    return assessment, {
        "artifact_sha256": artifact_digest(version),
        "manifest_sha256": run.manifest_sha256,
        "data_sha256": dataset.sha256,
        "predictions_sha256": hashlib.sha256(
            np.ascontiguousarray(predicted.filled(0)).data
        ).hexdigest(),
        "champion": champion.pk if champion else None,
        "seed": run.seed,
        "rows": dataset.rows,
        "tier": version.risk_tier,
    }


def record_for_submission(version: ModelVersion) -> None:
    """Say at once where a version cannot be measured because the rows must not leave the marketplace."""
    withheld = benchmarks.fit_of(version).withheld
    if withheld:
        record_gate(
            version,
            evaluation_runs.GATE,
            GateResult.Verdict.INCONCLUSIVE,
            withheld,
            severity=GateResult.Severity.WARN,
            tool=evaluation_runs.TOOL,
            remedy="An evaluator uploads benchmark data whose inputs may leave the marketplace.",
        )


def champion_of(run: EvaluationRun) -> ModelVersion | None:
    """The version in use that this one would follow, if it takes the same benchmark; a replay takes the recorded one."""
    if "champion" in run.record:
        return ModelVersion.objects.filter(pk=run.record["champion"]).first()
    before = run.version.predecessor()
    if before is None:
        return None
    return before if benchmarks.fit_of(before).dataset == run.dataset else None


def predictions(
    version: ModelVersion,
    dataset: BenchmarkDataset,
    columns: benchmarks.Columns,
    seed: int | None = None,
) -> tuple[np.ma.MaskedArray, Probe | None]:
    """One prediction a row: a score in 0–1, a number, or the number of a class. Raises CannotEvaluate.

    Rows that the signature refuses, as the gateway would, are masked. With a seed, also what the version answers to rows
    that are changed a little.
    """
    output = _output_of(version, dataset)
    sent = [
        (field, _data(field, columns))
        for field in version.signature["inputs"]
        if field["name"] in columns
    ]
    taken = _taken(sent, dataset.rows)
    request = {"inputs": [_tensor(field, list(compress(data, taken))) for field, data in sent]}
    try:
        found = predict(version, request, output["name"], seed)
    except OSError:
        raise CannotEvaluate(f"The stored file of {version} cannot be read.") from None
    if "problem" in found:
        raise CannotEvaluate(f"{version} could not be measured: {found['problem']}.")
    labels = columns[dataset.label]
    answered = _checked(found.get("values"), dataset, output, int(taken.sum()), labels)
    values = np.ma.masked_all(dataset.rows, dtype=answered.dtype)
    values[taken] = answered
    if seed is None:
        return values, None
    return values, _probe(found.get("probe") or {}, dataset, output, np.flatnonzero(taken), labels)


def _probe(
    found: dict[str, Any],
    dataset: BenchmarkDataset,
    output: dict[str, Any],
    taken: np.ndarray,
    labels: list[str],
) -> Probe:
    """Checked like the predictions: an answer that is none is a crash."""
    try:
        rows = taken[np.array(found["rows"], dtype=int)]
        answers = {
            name: _checked(values, dataset, output, len(rows), labels)
            for name, values in found["answers"].items()
        }
        searched = [
            _checked(values, dataset, output, len(values), labels)
            for values in found.get("searched", [])
        ]
        return Probe(
            rows,
            answers,
            np.array(searched) if searched else None,
            tuple(found.get("edges", (0, 0))),
            tuple(found.get("far", ())),
            monotone={name: tuple(counts) for name, counts in found.get("monotone", {}).items()},
        )
    except (CannotEvaluate, KeyError, IndexError, TypeError, ValueError):
        return Probe(np.array([], dtype=int), crashed=True)


def _taken(sent: list[tuple[dict[str, Any], list[Any]]], rows: int) -> np.ndarray:
    """Which rows are within the ranges and allowed values that the signature declares."""
    taken = np.ones(rows, dtype=bool)
    for field, cells in sent:
        data = np.array(cells)
        if field.get("enum"):
            taken &= np.isin(data, field["enum"])
        if field.get("minimum") is not None:
            taken &= data >= field["minimum"]
        if field.get("maximum") is not None:
            taken &= data <= field["maximum"]
    if not taken.any():
        raise CannotEvaluate("The version's declared ranges take no row of the benchmark.")
    return taken


def _output_of(version: ModelVersion, dataset: BenchmarkDataset) -> dict[str, Any]:
    outputs = version.signature["outputs"]
    named = [output for output in outputs if output["name"] == dataset.output]
    if dataset.output and not named:
        raise CannotEvaluate(f"{version} has no output {dataset.output}.")
    return named[0] if named else outputs[0]


def _data(field: dict[str, Any], columns: benchmarks.Columns) -> list[Any]:
    """The cells of a column as the values that the field takes."""
    name, datatype = field["name"], field["datatype"]
    if field["shape"] not in ([-1], [-1, 1]):
        raise CannotEvaluate(f"The input {name} takes more than one value a row.")
    try:
        return [_value(cell, datatype) for cell in columns[name]]
    except ValueError:
        raise CannotEvaluate(f"The benchmark's column {name} does not hold {datatype}.") from None


def _tensor(field: dict[str, Any], data: list[Any]) -> dict[str, Any]:
    return {
        "name": field["name"],
        "datatype": field["datatype"],
        "shape": [len(data), *field["shape"][1:]],
        "data": data,
    }


def _value(cell: str, datatype: str) -> Any:
    if datatype == "BYTES":
        return cell
    if datatype == "BOOL":
        return cell.strip().lower() in ("1", "true", "yes")
    return float(cell) if datatype in FLOATS else int(float(cell))


def _checked(
    values: Any, dataset: BenchmarkDataset, output: dict[str, Any], rows: int, labels: list[str]
) -> np.ndarray:
    """Exactly one prediction a row, finite, of the kind that the task needs."""
    if not isinstance(values, list) or len(values) != rows:
        raise CannotEvaluate("The version did not answer each row once.")
    try:
        if dataset.task == Task.MULTICLASS:
            return _classes(values, sorted(set(labels)))
        array = np.array(values, dtype=float)
    except (ValueError, TypeError):
        raise CannotEvaluate(f"The output {output['name']} does not hold numbers.") from None
    if (
        array.ndim == 2 and array.shape[1] <= 2
    ):  # of two probabilities, the second is of the positive class
        array = array[:, -1]
    if array.ndim != 1 or not np.isfinite(array).all():
        raise CannotEvaluate(f"The output {output['name']} is not one finite number a row.")
    if dataset.task == Task.BINARY and (array.min() < 0 or array.max() > 1):
        raise CannotEvaluate(f"The output {output['name']} is not a probability.")
    return array


def _classes(values: list[Any], names: list[str]) -> np.ndarray:
    """Numbers of classes: from names, or from one score a class in the order of the sorted names."""
    if isinstance(values[0], list):
        scores = np.array(values, dtype=float)
        if scores.shape == (len(values), len(names)):
            return scores.argmax(axis=1)
        values = [row[0] for row in values]
    number = {name: place for place, name in enumerate(names)}
    return np.array([number.get(str(value), -1) for value in values])
