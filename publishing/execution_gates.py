"""The execution gates: a version is run, in a limited child, before people look at it (docs/governance.md, "Execution gates").

A GateRun is the queue: the task only wakes somebody, and a sweep ends what a dead worker left. Nothing untrusted is opened here.
"""

import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion, stored_as
from governance import gates
from governance.actions import record_gate
from governance.models import GateResult
from governance.policies import rules_of
from governance.rules import Rules
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.background import enqueue
from marketplace.core.canonical import digest
from marketplace.core.errors import RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import StaleState, transition
from publishing import behaviour, screening, trials
from publishing.manifest import MEMORY_MB, build_manifest
from publishing.models import GateRun, GateRunState
from publishing.packages import running
from publishing.permissions import can_run_gates
from publishing.storage import read

STATE = ModelVersion.State
VERDICT = GateResult.Verdict
TOOL = "execution-gates/1"
PROMISES = ("p95_ms", "rps")
NOT_ASKED = "Hosted outside, and this installation asks such endpoints for their example only."
REPLACED = "The version was submitted again meanwhile."
FROZEN = (
    STATE.SUBMITTED,
    STATE.CHECKING,
    STATE.CHANGES_REQUESTED,
    STATE.IN_REVIEW,
    STATE.APPROVED,
    *ModelVersion.LIVE,
)
GIVEN_UP_AFTER = timedelta(minutes=5)  # longer than the task may take
LOST_AFTER = timedelta(minutes=1)
CONCLUSIVE = (VERDICT.PASS, VERDICT.FAIL, VERDICT.NOT_APPLICABLE)
Finding = dict[str, Any]  # the members of hosting.model_server.checks.Finding


def subject(version: ModelVersion) -> str:
    """The digest of what a run measures, with the tool: the same digest has the same findings."""
    promised = {name: version.sla.get(name) for name in PROMISES}
    return digest([trials.subject(version), promised, MEMORY_MB, TOOL])


def begin_for_submission(by: User, version: ModelVersion) -> GateRun | None:
    """Ask for a run of what was just submitted, or repeat what was found about the same bytes before. Returns the open GateRun."""
    if version.kind == ModelVersion.Kind.EXTERNAL and not settings.ENDPOINT_CHECKS:
        for gate in gates.RUN:
            record_gate(version, gate, VERDICT.NOT_APPLICABLE, NOT_ASKED, tool=TOOL)
        return None
    for (
        former
    ) in version.gate_runs.open():  # about what was submitted before; its worker finds it ended
        transition(former, GateRunState.BROKEN, finished_at=timezone.now(), summary=REPLACED)
    done = GateRun.objects.filter(subject=subject(version), state=GateRunState.DONE).first()
    is_open = done is None or any(found["verdict"] not in CONCLUSIVE for found in done.findings)
    if done is None or is_open or behaviour.is_due(version):
        return _open(by, version)
    _keep(done, version, version.manifest_sha256)
    return None


@transaction.atomic
def request(by: User, version: ModelVersion) -> GateRun:
    """Run the gates again. Returns the GateRun. Raises NotAllowed, RuleError."""
    version = (
        ModelVersion.objects.select_for_update(of=("self",))
        .select_related("model__owner_team")
        .get(pk=version.pk)
    )
    require(
        can_run_gates(by, version),
        f"{version.model.owner_team} or a reviewer runs the checks.",
        ask=str(version.model.owner_team),
    )
    if version.kind == ModelVersion.Kind.EXTERNAL and not settings.ENDPOINT_CHECKS:
        raise RuleError(NOT_ASKED, ask="the operators")
    if version.state not in FROZEN:
        raise RuleError(
            "The checks run from the submission on, when the files are frozen.",
            remedy="Wait until it is submitted.",
        )
    if version.gate_runs.open().exists():
        raise RuleError("The checks are under way.", remedy="Wait until they have ended.")
    if version.is_editable and digest(build_manifest(version)) != version.manifest_sha256:
        raise RuleError(
            "The version was changed since it was submitted.",
            remedy="Submit it again: the checks run then.",
        )
    screening.record(version)
    run = _open(by, version)
    record(by, "gates.request", version, run=run.pk)
    return run


def run(run_id: int) -> None:
    """Make one run that waits. Anything that goes wrong ends it; a second call does nothing."""
    gate_run = GateRun.objects.select_related("version__model").get(pk=run_id)
    if gate_run.state != GateRunState.WAITING:
        return
    try:
        transition(gate_run, GateRunState.RUNNING, started_at=timezone.now())
    except StaleState:
        return
    started = time.monotonic()
    try:
        found = findings_of(gate_run.version)
        behaviour.record_on_made_up_rows(gate_run.version)
    except OSError:
        end_broken(gate_run, "The stored file cannot be read.")
        return
    except Exception:
        end_broken(gate_run, "The run broke off for a reason of the marketplace.")
        raise
    with suppress(StaleState):  # the sweep, or a new submission, ended it
        _finish(gate_run, found, round((time.monotonic() - started) * 1000))


def run_open(version: ModelVersion) -> None:
    """Make the runs of a version that wait, here and now: for who cannot wait for a worker."""
    for gate_run in version.gate_runs.open():
        run(gate_run.pk)


def findings_of(version: ModelVersion) -> list[Finding]:
    """What the limited child, or the endpoint, shows of a version, one finding a gate; what a crash or time-out prevented is an error."""
    if version.kind == ModelVersion.Kind.EXTERNAL:
        from publishing import endpoint_gates  # ONNX Runtime comes with the checks

        return endpoint_gates.findings_of(version)
    entry = version.artifacts.get(name=version.manifest["entry"])
    with read(stored_as(entry.sha256)) as graph:
        lines, early = running.check(
            graph,
            entry.sha256,
            version.signature,
            version.example,
            version.sla,
            MEMORY_MB,
            quarantine=settings.QUARANTINE_ROOT,
        )
    found = {line["finding"]["gate"]: line["finding"] for line in lines if "finding" in line}
    problem = next((line["problem"] for line in lines if "problem" in line), "")
    gate, asked = next((line["at"] for line in reversed(lines) if "at" in line), (gates.RUN[0], ""))
    reached = f"It was asked for {asked}, and {early or 'the process ended'}."
    for name in gates.RUN:
        if name not in found:
            said = problem or (reached if name == gate else f"Not reached: {reached}")
            found[name] = _error(name, said)
    return [found[name] for name in gates.RUN]


def _error(gate: str, summary: str) -> Finding:
    remedy = "Declare ranges that the model can answer or make it smaller and quicker; or run the checks again."
    return {
        "gate": gate,
        "verdict": VERDICT.ERROR.value,
        "summary": summary,
        "remedy": remedy,
        "metrics": {},
        "crashed": True,
    }


@transaction.atomic
def _finish(gate_run: GateRun, found: list[Finding], duration_ms: int) -> None:
    not_passed = [f["gate"] for f in found if f["verdict"] not in ("pass", "not_applicable")]
    transition(
        gate_run,
        GateRunState.DONE,
        finished_at=timezone.now(),
        findings=found,
        summary=f"Not passed: {', '.join(not_passed)}." if not_passed else "All passed.",
    )
    _keep(gate_run, gate_run.version, gate_run.manifest_sha256, duration_ms)


@transaction.atomic
def end_broken(gate_run: GateRun, problem: str) -> None:
    """A run that could not be finished: every gate of it blocks, says why, and may be run again."""
    transition(gate_run, GateRunState.BROKEN, finished_at=timezone.now(), summary=problem)
    gate_run.findings = [_error(gate, problem) for gate in gates.RUN]
    _keep(gate_run, gate_run.version, gate_run.manifest_sha256)


def sweep() -> int:
    """Wake what waits, end what a dead worker left, begin what was never begun. Returns how many rows were touched."""
    now, touched = timezone.now(), 0
    for waiting in GateRun.objects.filter(
        state=GateRunState.WAITING, requested_at__lt=now - LOST_AFTER
    ):
        enqueue("publishing.run_gates", waiting.pk)
        touched += 1
    for dead in GateRun.objects.filter(
        state=GateRunState.RUNNING, started_at__lt=now - GIVEN_UP_AFTER
    ).select_related("version__model"):
        try:
            end_broken(dead, "The run broke off: its worker ended.")
            touched += 1
        except StaleState:
            continue
    return touched + _begin_missing()


def _begin_missing() -> int:
    """Versions that were submitted before there were execution gates."""
    begun = 0
    for version in ModelVersion.objects.filter(state__in=[STATE.SUBMITTED, STATE.CHECKING]):
        known = version.gate_results.filter(
            manifest_sha256=version.manifest_sha256, gate__in=gates.RUN
        ).values("gate")
        if known.distinct().count() < len(gates.RUN) and not version.gate_runs.open().exists():
            begin_for_submission(User.objects.system("gates"), version)
            begun += 1
    return begun


def _open(by: User, version: ModelVersion) -> GateRun:
    gate_run = GateRun.objects.create(
        version=version,
        subject=subject(version),
        manifest_sha256=version.manifest_sha256,
        requested_by=by,
    )
    enqueue("publishing.run_gates", gate_run.pk)
    return gate_run


def _keep(gate_run: GateRun, version: ModelVersion, manifest: str, duration_ms: int = 0) -> None:
    """The findings of a run as evidence about a version, and the check of the version goes on."""
    rules = rules_of(version)
    for finding in gate_run.findings:
        record_gate(
            version,
            finding["gate"],
            finding["verdict"],
            finding["summary"],
            severity=_severity(finding, version.risk_tier, rules),
            tool=TOOL,
            remedy=finding["remedy"],
            metrics=finding["metrics"] | {"run": gate_run.pk},
            duration_ms=duration_ms,
            about=manifest,
        )
    record(User.objects.system("gates"), "gates.run", version, run=gate_run.pk)
    enqueue("governance.check", version.pk)


def _severity(finding: Finding, tier: str, rules: Rules) -> str:
    """A crash weighs more than a wrong number, a small difference between rows less (docs/governance.md)."""
    if finding["crashed"] and tier != "low":
        return gates.BLOCK
    if finding["metrics"].get("is_small"):
        return gates.WARN
    return rules.severity_of(finding["gate"], tier, finding["verdict"])
