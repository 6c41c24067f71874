"""Benchmark data that governance owns: taken as CSV, read by the runner alone (docs/evaluation.md, "Benchmark data").

No sentence of this module holds a cell's value: refusals name a line and a column.
"""

import csv
import hashlib
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from catalog.models import ModelVersion
from governance import fairness
from governance.models import (
    BenchmarkDataset,
    BenchmarkRows,
    GateResult,
    Review,
    RunState,
    Task,
    Waiver,
)
from governance.permissions import can_upload_benchmark
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid
from marketplace.core.guard import require

MOST_BYTES = 10 * 2**20
MOST_ROWS = 50_000
MOST_COLUMNS = 200
MOST_GROUP_COLUMNS, MOST_GROUPS = 8, 20
MOST_CLASSES = 50
WORN_OUT = "was scored 200 times or is older than 18 months: an evaluator uploads fresh data first."

# What each kind of review rests on: the first gate must have a result, and none may block.
GATES_OF_REVIEW: dict[str, tuple[str, ...]] = {
    Review.Kind.EVALUATION: ("evaluation", "champion", "behaviour", "perturbation"),
    Review.Kind.FAIRNESS: ("fairness",),
}
Columns = dict[str, list[str]]


@dataclass(frozen=True)
class Fit:
    """Which benchmark a version is measured on, or why none is."""

    dataset: BenchmarkDataset | None
    problem: str = ""  # "" also when the capability has no benchmark at all
    withheld: str = ""  # why an endpoint hosted outside is not asked, where the data must not leave


@transaction.atomic
def upload(by: User, *, file: Any, groups: list[str], **facts: Any) -> BenchmarkDataset:
    """Keep a CSV as benchmark data. `file` has `read`. Returns the BenchmarkDataset. Raises NotAllowed, Invalid."""
    require(can_upload_benchmark(by), "An evaluator uploads benchmark data.", ask="an evaluator")
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Invalid(f"At most {MOST_BYTES // 2**20} MiB are taken.", field="file")
    columns = columns_of(content)
    dataset = BenchmarkDataset(
        groups=groups,
        columns=list(columns),
        rows=len(next(iter(columns.values()))),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        uploaded_by=by,
        **facts,
    )
    _require_model(by, dataset)
    _require_label(dataset, columns)
    _require_groups(dataset, columns)
    if BenchmarkDataset.objects.filter(name=dataset.name).exists():
        raise Invalid("There is a data set of this name; give another one.", field="name")
    dataset.save()
    BenchmarkRows.objects.create(dataset=dataset, csv=content)
    record(by, "benchmark.upload", dataset, sha256=dataset.sha256, rows=dataset.rows)
    return dataset


def columns_of(content: bytes) -> Columns:
    """CSV with a line of names → {column: cells}. Raises Invalid naming line and column, never a value."""
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except UnicodeDecodeError:
        raise Invalid("Save the file as UTF-8.", field="file") from None
    except csv.Error:
        raise Invalid("This is not a CSV file: a quote is not closed.", field="file") from None
    names, rows = lines[0] if lines else [], lines[1:]
    if not names or not rows:
        raise Invalid("Send a line of column names and one line a row.", field="file")
    if len(rows) > MOST_ROWS or len(names) > MOST_COLUMNS:
        raise Invalid(f"At most {MOST_ROWS} rows of {MOST_COLUMNS} columns.", field="file")
    if len(set(names)) != len(names) or not all(name and len(name) <= 100 for name in names):
        raise Invalid("Give each column its own name of 1 to 100 characters.", field="file")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise Invalid(
                f"Line {number} has {len(row)} cells; the first line names {len(names)}.",
                field="file",
            )
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def fit_of(version: ModelVersion) -> Fit:
    """The newest benchmark of the version's model, or else capability, that has all its required inputs."""
    datasets = list(BenchmarkDataset.objects.about(version).for_page().with_scores())
    if not datasets:
        return Fit(None)
    if not version.signature.get("inputs"):
        return Fit(None, f"The inputs of {version} are not described yet.")
    if version.kind == ModelVersion.Kind.EXTERNAL:
        newest, datasets = datasets[0], [one for one in datasets if one.may_leave]
        if not datasets:
            return _withheld(version, newest)
    fresh = [one for one in datasets if not one.is_worn_out or _was_scored(version, one)]
    if not fresh:
        return Fit(None, f"{datasets[0]} {WORN_OUT}")
    datasets = fresh
    needed = {field["name"] for field in version.signature["inputs"] if field.get("required", True)}
    for dataset in datasets:
        if needed <= set(dataset.columns):
            return Fit(dataset)
    missing = ", ".join(sorted(needed - set(datasets[0].columns)))
    return Fit(None, f"The newest benchmark, {datasets[0]}, has no column {missing}.")


def _was_scored(version: ModelVersion, dataset: BenchmarkDataset) -> bool:
    """Were these very files measured on it while it was fresh?"""
    runs = version.evaluation_runs.filter(manifest_sha256=version.manifest_sha256)
    return runs.filter(dataset=dataset, state=RunState.SCORED).exists()


def _withheld(version: ModelVersion, dataset: BenchmarkDataset) -> Fit:
    """The rows are confidential, and an endpoint hosted outside would read them. At high risk nothing else will do."""
    said = f"Not measured by the marketplace: the rows of {dataset} must not be sent to an endpoint hosted outside. All figures are its team's own."
    return Fit(None, said if version.risk_tier == "high" else "", said)


def reasons_against_approval(review: Review, results: Iterable[GateResult]) -> str:
    """Why a review cannot be approved for lack of an independent run about these very files; "" when it can.

    results: the newest result of each gate about the version's present manifest.
    """
    gates = GATES_OF_REVIEW.get(review.kind)
    if gates is None:
        return ""
    fit = fit_of(review.version)
    if fit.problem:
        return fit.problem
    if fit.dataset is None or (
        review.kind == Review.Kind.FAIRNESS and not _has_fairness(fit.dataset)
    ):
        return ""
    found = {result.gate: result for result in results}
    if gates[0] not in found:
        return "The independent evaluation of these files has not been run."
    blocking = [found[gate] for gate in gates if gate in found and found[gate].blocks]
    if blocking:
        waived = set(Waiver.objects.in_force(review.version).values_list("gate", flat=True))
        blocking = [result for result in blocking if result.gate not in waived]
    return f"The independent run does not allow it: {blocking[0].summary}" if blocking else ""


def _has_fairness(dataset: BenchmarkDataset) -> bool:
    return bool(dataset.groups) and dataset.task in fairness.TASKS


def read_rows(dataset: BenchmarkDataset) -> Columns:
    """The cells of a data set, for the runner."""
    return columns_of(bytes(BenchmarkRows.objects.get(dataset=dataset).csv))


def _require_model(by: User, dataset: BenchmarkDataset) -> None:
    model = dataset.model
    if model is None:
        return
    if model.capability_id != dataset.capability_id:
        raise Invalid(f"{model} is listed under {model.capability}.", field="model")
    if by.memberships.filter(team=model.owner_team).exists():
        raise Invalid("Somebody who was never on the model's team uploads its data.", field="model")


def _require_label(dataset: BenchmarkDataset, columns: Columns) -> None:
    if dataset.label not in columns:
        raise Invalid("The file has no such column.", field="label")
    cells = columns[dataset.label]
    if dataset.task == Task.REGRESSION:
        _require_numbers(cells)
        return
    classes = set(cells)
    if dataset.task == Task.BINARY and (len(classes) != 2 or dataset.positive not in classes):
        raise Invalid("The label must have two values; name one of them.", field="positive")
    if dataset.task == Task.MULTICLASS and not 3 <= len(classes) <= MOST_CLASSES:
        raise Invalid(f"The label must have 3 to {MOST_CLASSES} values.", field="label")


def _require_numbers(cells: list[str]) -> None:
    for number, cell in enumerate(cells, start=2):
        try:
            is_number = math.isfinite(float(cell))
        except ValueError:
            is_number = False
        if not is_number:
            raise Invalid(f"The label on line {number} is not a number.", field="label")


def _require_groups(dataset: BenchmarkDataset, columns: Columns) -> None:
    if len(dataset.groups) > MOST_GROUP_COLUMNS:
        raise Invalid(f"At most {MOST_GROUP_COLUMNS} columns of groups.", field="groups")
    for name in dataset.groups:
        if name not in columns or name == dataset.label:
            raise Invalid(f"The file has no column of groups {name}.", field="groups")
        if len(set(columns[name])) > MOST_GROUPS:
            raise Invalid(f"{name} has more than {MOST_GROUPS} groups.", field="groups")
