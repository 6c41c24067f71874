"""The automatic checks between submission and review."""

from django.db import transaction

from catalog.models import ModelVersion
from governance import automatic, policies
from governance.actions.evidence import blocking_gates, current_gates, record_gate
from governance.actions.reviews import approve_patch, notify_publishers, open_reviews
from governance.models import GateResult
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.transitions import transition


@transaction.atomic
def check(version: ModelVersion) -> ModelVersion:
    """submitted → checking → in review (reviews opened), changes requested (a gate blocks), or approved (an automatic patch).

    Stays in checking while a required gate has no result yet. May run twice. Returns the version.
    """
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    system = User.objects.system("gates")
    if version.state == ModelVersion.State.SUBMITTED:
        transition(version, ModelVersion.State.CHECKING)
        _check_documentation(version)
    if version.state != ModelVersion.State.CHECKING:
        return version
    results = current_gates(version)
    if set(policies.REQUIRED_GATES) - {result.gate for result in results}:
        return version
    blocking = blocking_gates(version)
    if not blocking_beside_measures(blocking) and not automatic.why_people_decide(version):
        if automatic.measure(version):
            return version  # comes back when the run is scored
        if automatic.are_green(version, results):
            return approve_patch(system, version, results)
        blocking = []  # people judge what was measured
    return _send_back(system, version, blocking) if blocking else open_reviews(system, version)


def blocking_beside_measures(blocking: list[GateResult]) -> bool:
    """Does something block that the independent run does not judge?"""
    return any(result.gate not in automatic.MEASURED for result in blocking)


def _check_documentation(version: ModelVersion) -> None:
    completeness = policies.card_completeness(version)
    missing = ", ".join(item.field.label for item in completeness.missing)
    summary = f"The card is {completeness.score} % complete; {completeness.needed} % are needed at {version.risk_tier} risk."
    record_gate(
        version,
        "documentation",
        "pass" if completeness.ok else "fail",
        f"{summary} Missing: {missing}." if missing else summary,
        tool=version.card.schema_version,
        metrics={
            "score": completeness.score,
            "missing": [item.field.id for item in completeness.missing],
        },
    )


def _send_back(by: User, version: ModelVersion, blocking: list[GateResult]) -> ModelVersion:
    transition(version, ModelVersion.State.CHANGES_REQUESTED)
    report = " ".join(
        f"{result.gate.capitalize()}: {result.summary} {result.remedy}".strip()
        for result in blocking
    )
    record(
        by,
        "version.gates_failed",
        version,
        reason=report,
        gates=[result.gate for result in blocking],
    )
    notify_publishers(version, "did not pass the checks", report)
    return version
