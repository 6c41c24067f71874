"""Verbs of independent evaluation: ask for a run, score it, end what broke (docs/evaluation.md, "Runs").

publishing.evaluation makes the predictions in a limited child; nothing untrusted is opened here.
"""

import platform
from datetime import timedelta
from importlib.metadata import version as version_of
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion
from governance import behaviour, benchmarks, measures, robustness, suites
from governance.actions.evidence import record_gate
from governance.evaluations import artifact_digest
from governance.models import (
    BenchmarkDataset,
    Evaluation,
    EvaluationRun,
    GateResult,
    RunState,
    Task,
)
from governance.permissions import can_run_evaluation
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.background import enqueue
from marketplace.core.errors import RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import StaleState, transition

STATE = ModelVersion.State
MOST_SCORED = 3  # of a version: more looks at hidden data would let a team climb on it
MOST_OF_MODEL, QUARTER = 10, timedelta(days=91)  # of all its versions, on the same data
RUNNABLE = (STATE.IN_REVIEW, STATE.APPROVED, STATE.PUBLISHED, STATE.DEPRECATED)
GIVEN_UP_AFTER = timedelta(minutes=20)  # longer than the task may take
GATE = "evaluation"
TOOL = "evaluation-runner/1"


@transaction.atomic
def request(by: User, version: ModelVersion) -> EvaluationRun:
    """Ask for an independent evaluation on the capability's benchmark. Returns the EvaluationRun. Raises NotAllowed, RuleError."""
    version = ModelVersion.objects.select_for_update(of=("self",)).get(pk=version.pk)
    require(
        can_run_evaluation(by, version),
        "An evaluator or fairness reviewer from outside the owner team runs it.",
        ask="an evaluator from outside the owner team",
    )
    if version.state not in RUNNABLE:
        raise RuleError(
            "A version is evaluated from its review on, when its files are frozen.",
            remedy="Wait until it is submitted.",
        )
    fit = benchmarks.fit_of(version)
    if fit.dataset is None:
        raise RuleError(
            fit.problem
            or fit.withheld
            or "There is no benchmark that this version can be measured on.",
            remedy="Upload one for its capability.",
        )
    open_or_scored = version.evaluation_runs.exclude(state=RunState.BROKEN)
    if open_or_scored.filter(state__in=[RunState.WAITING, RunState.RUNNING]).exists():
        raise RuleError("A run of this version is under way.", remedy="Wait until it has ended.")
    if open_or_scored.count() >= MOST_SCORED:
        raise RuleError(
            f"A version is scored at most {MOST_SCORED} times.",
            remedy="Decide with the figures that there are, or ask for a new version.",
        )
    if _scored_of_model(version, fit.dataset) >= MOST_OF_MODEL:
        raise RuleError(
            f"The versions of {version.model} were scored {MOST_OF_MODEL} times on {fit.dataset} within a quarter.",
            remedy="Upload fresh data, or wait.",
        )
    return _open(by, version, fit.dataset)


def begin_for_patch(version: ModelVersion) -> bool:
    """Measure a patch that no person may have to judge. Returns whether a run was begun: one fits, and the limit allows it."""
    dataset = benchmarks.fit_of(version).dataset
    scored = version.evaluation_runs.exclude(state=RunState.BROKEN).count()
    if dataset is None or scored >= MOST_SCORED:
        return False
    if _scored_of_model(version, dataset) >= MOST_OF_MODEL:
        return False
    _open(User.objects.system("evaluation-runner"), version, dataset)
    return True


def _scored_of_model(version: ModelVersion, dataset: BenchmarkDataset) -> int:
    """How often versions of its model were scored on this data lately."""
    runs = EvaluationRun.objects.filter(version__model=version.model_id, dataset=dataset)
    return runs.filter(state=RunState.SCORED, finished_at__gt=timezone.now() - QUARTER).count()


def _open(by: User, version: ModelVersion, dataset: BenchmarkDataset) -> EvaluationRun:
    run = EvaluationRun.objects.create(
        version=version,
        dataset=dataset,
        manifest_sha256=version.manifest_sha256,
        requested_by=by,
    )
    record(by, "evaluation.request", version, run=run.pk, benchmark=dataset.name)
    enqueue("publishing.evaluate", run.pk)
    return run


def case_of(
    run: EvaluationRun,
    columns: benchmarks.Columns,
    predicted: np.ma.MaskedArray,
    champion: np.ma.MaskedArray | None,
    probe: robustness.Probe | None = None,
) -> suites.Case:
    """What the run compares. A row that a version refused (masked) counts as answered by the naive model."""
    dataset: BenchmarkDataset = run.dataset
    cells = columns[dataset.label]
    if dataset.task == Task.REGRESSION:
        truth = np.array(cells, dtype=float)
    elif dataset.task == Task.BINARY:
        truth = np.array([int(cell == dataset.positive) for cell in cells])
    else:
        number = {name: place for place, name in enumerate(sorted(set(cells)))}
        truth = np.array([number[cell] for cell in cells])
    naive = measures.naive(dataset.task, truth)
    return suites.Case(
        task=dataset.task,
        truth=truth,
        predicted=np.where(predicted.mask, naive, predicted.data),
        champion=None if champion is None else np.where(champion.mask, naive, champion.data),
        coverage=float(1 - predicted.mask.mean()),
        groups={name: np.array(columns[name]) for name in dataset.groups},
        cutoff=dataset.cutoff,
        floor=dataset.floor,
        favourable=int(dataset.positive_is_favourable),
        tier=run.version.risk_tier,
        seed=run.seed,
        probe=probe,
    )


def behaviour_of(
    run: EvaluationRun,
    columns: benchmarks.Columns,
    predicted: np.ma.MaskedArray,
    champion: ModelVersion,
    older: np.ma.MaskedArray,
) -> suites.Finding:
    """How the version answers unlike `champion`, on the rows that both take."""
    dataset: BenchmarkDataset = run.dataset
    both = ~(np.ma.getmaskarray(predicted) | np.ma.getmaskarray(older))
    if both.sum() < behaviour.LEAST_OF_A_GROUP:
        said = f"{champion.number} and {run.version.number} both take {both.sum()} rows of {dataset.name}; {behaviour.LEAST_OF_A_GROUP} are needed."
        return suites.Finding(behaviour.GATE, GateResult.Verdict.INCONCLUSIVE, said, "warn")
    is_amount = dataset.task == Task.REGRESSION
    cells = np.array(columns[dataset.label])[both]
    found = behaviour.compare(
        behaviour.Rows(
            dataset.task,
            older.data[both],
            predicted.data[both],
            cells.astype(float) if is_amount else cells,
            {name: np.array(columns[name])[both] for name in dataset.groups},
            dataset.cutoff,
            int(dataset.positive_is_favourable),
            run.version.risk_tier,
            tuple(sorted(set(columns[dataset.label]))),
        )
    )
    return behaviour.finding(found, run.version, champion, f"rows of {dataset.name}")


@transaction.atomic
def score(
    run: EvaluationRun, assessment: suites.Assessment, evidence: dict[str, Any], duration_ms: int
) -> EvaluationRun:
    """Keep what a run found: figures, gates, the record for a replay. Returns the run. Raises StaleState."""
    runner = User.objects.system("evaluation-runner")
    version, dataset = run.version, run.dataset
    environment = f"Python {platform.python_version()}, numpy {np.__version__}, ONNX Runtime {version_of('onnxruntime')}"
    now = timezone.now()
    transition(
        run,
        RunState.SCORED,
        finished_at=now,
        summary=" ".join(finding.summary for finding in assessment.findings),
        record=evidence | {"environment": environment, "suite": assessment.suite},
        metrics_sha256=assessment.sha256,
    )
    facts = {
        "version": version,
        "kind": Evaluation.Kind.INDEPENDENT,
        "data": dataset.name,
        "data_sha256": dataset.sha256,
        "artifact_sha256": artifact_digest(version),
        "environment": environment,
        "by": runner,
        "at": now,
    }
    Evaluation.objects.bulk_create(
        Evaluation(
            **{name: _rounded(value) for name, value in vars(figure).items()}
            | {"suite": figure.suite or assessment.suite},
            **facts,
        )
        # Pages show what was kept last first: the task's own suite.
        for figure in sorted(assessment.figures, key=lambda figure: not figure.suite)
    )
    changed = [assessment.behaviour] if assessment.behaviour else []
    for finding in [*assessment.findings, *changed]:
        record_gate(
            version,
            finding.gate,
            finding.verdict,
            finding.summary,
            severity=finding.severity,
            tool=TOOL,
            metrics={"run": run.pk, "data_sha256": dataset.sha256} | finding.metrics,
            duration_ms=duration_ms,
            about=run.manifest_sha256,
        )
    record(runner, "evaluation.score", version, run=run.pk, metrics_sha256=assessment.sha256)
    enqueue("governance.check", version.pk)
    return run


@transaction.atomic
def end_broken(run: EvaluationRun, problem: str) -> EvaluationRun:
    """A run that could not be finished: it blocks, says why, and may be asked for again. Returns the run."""
    transition(run, RunState.BROKEN, finished_at=timezone.now(), summary=problem)
    record_gate(
        run.version,
        GATE,
        GateResult.Verdict.ERROR,
        problem,
        tool=TOOL,
        metrics={"run": run.pk},
        about=run.manifest_sha256,
    )
    record(User.objects.system("evaluation-runner"), "evaluation.break", run.version, run=run.pk)
    enqueue("governance.check", run.version_id)
    return run


def sweep() -> None:
    """Wake what waits, and end what was running when its worker died."""
    now = timezone.now()
    for run in EvaluationRun.objects.filter(
        state=RunState.WAITING, requested_at__lt=now - timedelta(minutes=1)
    ):
        enqueue("publishing.evaluate", run.pk)
    for run in EvaluationRun.objects.filter(
        state=RunState.RUNNING, started_at__lt=now - GIVEN_UP_AFTER
    ).select_related("version"):
        try:
            end_broken(run, "The run broke off: its worker ended. Run it again.")
        except StaleState:
            continue


def _rounded(value: Any) -> Any:
    """Three significant figures: more would let a team climb on hidden data from run to run."""
    return float(f"{value:.3g}") if isinstance(value, float) else value
