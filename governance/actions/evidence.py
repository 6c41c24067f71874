"""What is known about a version before people judge it: answers about risk, results of gates."""

from typing import Any

from django.db import transaction

from catalog.models import Contribution, ModelVersion
from governance import behaviour, gates, policies
from governance.models import GateResult, TierAssessment, Waiver
from governance.permissions import can_assess, can_run_evaluation
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import RuleError
from marketplace.core.guard import Refusal, require

WHO_CORRECTS = Refusal(
    "An evaluator from outside the owner team says whether it is a correction.",
    ask="an evaluator from outside the owner team",
)


@transaction.atomic
def assess_risk(by: User, version: ModelVersion, answers: dict[str, Any]) -> TierAssessment:
    """Answer the questionnaire. Returns the TierAssessment. Raises NotAllowed, Invalid (naming the question)."""
    version.refresh_from_db(
        fields=["state"], from_queryset=ModelVersion.objects.select_for_update()
    )
    require(
        can_assess(by, version),
        f"Only {version.model.owner_team} answers, while the version is a draft.",
        ask=str(version.model.owner_team),
    )
    rules = policies.in_force()
    assessed = rules.assess(answers)
    assessment = TierAssessment.objects.create(
        version=version,
        answers=answers,
        tier=assessed.tier,
        score=assessed.score,
        reasons=list(assessed.reasons),
        policy=policies.row_of("tiering", rules),
        answered_by=by,
    )
    version.risk_tier = assessed.tier
    version.save(update_fields=["risk_tier"])
    Contribution.objects.get_or_create(version=version, user=by, kind=Contribution.Kind.ASSESSED)
    record(by, "version.assess", version, tier=assessed.tier, score=assessed.score)
    return assessment


def record_gate(
    version: ModelVersion,
    gate: str,
    verdict: str,
    summary: str,
    *,
    severity: str = "",
    tool: str,
    remedy: str = "",
    metrics: dict[str, Any] | None = None,
    duration_ms: int = 0,
    about: str = "",
) -> GateResult:
    """Keep one piece of evidence. Whoever can produce it calls this; a re-run adds a row. Returns the GateResult.

    gate      one that governance.gates declares; else KeyError
    severity  "": what the gate declares for the version's tier
    remedy    "": what the gate declares
    about     the digest of what was looked at, when that is not the version's manifest (a draft has none)
    """
    declared, rules = gates.BY_NAME[gate], policies.rules_of(version)
    is_good = verdict in (GateResult.Verdict.PASS, GateResult.Verdict.NOT_APPLICABLE)
    return GateResult.objects.create(
        version=version,
        gate=gate,
        verdict=verdict,
        severity=severity or rules.severity_of(gate, version.risk_tier, verdict),
        summary=summary,
        remedy="" if is_good else remedy or declared.remedy,
        tool=tool,
        metrics=metrics or {},
        manifest_sha256=about or version.manifest_sha256,
        duration_ms=duration_ms,
    )


@transaction.atomic
def record_correction(by: User, version: ModelVersion, reason: str) -> GateResult:
    """Say that answers unlike those in use are a correction and no change of behaviour. Returns the GateResult.

    It is about this comparison: a new one fails again. Raises NotAllowed, Invalid, RuleError.
    """
    require(
        can_run_evaluation(by, version),
        *WHO_CORRECTS,
    )
    results = current_gates(version)
    compared = next((result for result in results if result.gate == behaviour.GATE), None)
    if compared is None or compared.verdict != GateResult.Verdict.FAIL:
        raise RuleError(
            "It was not compared with the version in use, or is within the limits: there is nothing to record.",
            remedy="Reload the page and look again.",
        )
    require_reason(reason, "it stays on the record, and reviewers read it")
    kept = record_gate(
        version,
        behaviour.GATE,
        GateResult.Verdict.PASS,
        f"A correction and no change of behaviour, says {by}: {reason.strip()} Measured: {compared.summary}",
        severity=compared.severity,
        tool="evaluator",
        metrics=compared.metrics | {"correction": reason.strip()},
    )
    record(by, "behaviour.correct", version, reason=reason.strip(), compared=compared.pk)
    return kept


def current_gates(version: ModelVersion) -> list[GateResult]:
    """The newest result per gate about the version's present bytes, in the order of governance.gates."""
    rows = version.gate_results.filter(manifest_sha256=version.manifest_sha256).order_by(
        "gate", "-id"
    )
    order = list(gates.BY_NAME)
    return sorted(rows.distinct("gate"), key=lambda row: order.index(row.gate))


def blocking_gates(version: ModelVersion) -> list[GateResult]:
    """The newest results that block, those left out that a waiver opens today."""
    blocking = [result for result in current_gates(version) if result.blocks]
    if not blocking:
        return []
    opened = waived(version)
    return [result for result in blocking if result.gate not in opened]


def waived(version: ModelVersion) -> frozenset[str]:
    """The names of the gates that a waiver opens today."""
    return frozenset(Waiver.objects.in_force(version).values_list("gate", flat=True))
