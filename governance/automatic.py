"""Patches that their checks decide alone, where governance says so (docs/governance.md, "Automatic patches").

Off unless the policy `review_matrix` switches it on. Nobody's own work is approved by it: it asks that whoever switched it on
had no hand in the version, and that people approved what the patch repeats.
"""

from collections.abc import Iterable

from catalog.models import ModelVersion
from governance import behaviour, benchmarks, evaluation_runs, policies, rounds
from governance.matrix import AUTOMATIC
from governance.models import GateResult, PolicyVersion, RunState
from governance.permissions import is_involved
from marketplace.core.canonical import digest

TIER = "low"
MAY_DIFFER = (rounds.PACKAGE, "changelog")  # parts of a submission
GREEN = (GateResult.Verdict.PASS, GateResult.Verdict.NOT_APPLICABLE)
MEASURED = benchmarks.GATES_OF_REVIEW["evaluation"] + benchmarks.GATES_OF_REVIEW["fairness"]


def why_people_decide(version: ModelVersion) -> str:
    """The sentence that says why people judge this version, or "" when its checks suffice, if they are green."""
    rules = policies.rules_of(version)
    if rules.texts["review_matrix"]["automatic"] != AUTOMATIC:
        return "People judge every version."
    previous = version.predecessor()
    if previous is None or version.is_candidate or not _is_patch(version, previous):
        return "It is no patch of an approved version."
    if {version.risk_tier, previous.risk_tier} != {TIER}:
        return f"Only patches at {TIER} risk go through by their checks."
    if not previous.is_callable or previous.is_review_overdue:
        return f"{previous.number} is not in use with an approval that holds."
    if previous.conditions.binding().exists():
        return f"{previous.number} has a condition that is not confirmed."
    if changed := _changed(version, previous):
        return f"It differs from {previous.number} in more than its files: {', '.join(changed)}."
    return _why_not_by(policies.row_of("review_matrix", rules), version)


def measure(version: ModelVersion) -> bool:
    """Is the independent run of these files under way? Begins it, once, where a benchmark fits."""
    runs = version.evaluation_runs.filter(manifest_sha256=version.manifest_sha256)
    if runs.exists():
        return runs.filter(state__in=[RunState.WAITING, RunState.RUNNING]).exists()
    return evaluation_runs.begin_for_patch(version)


def are_green(version: ModelVersion, results: Iterable[GateResult]) -> bool:
    """Has every check passed, the warnings too, and was it shown to answer as the version before?"""
    verdicts = {result.gate: result.verdict for result in results}
    needed = {behaviour.GATE}
    fit = benchmarks.fit_of(version)
    if fit.dataset is not None:
        needed.add(evaluation_runs.GATE)
    shown = all(verdicts.get(gate) == GateResult.Verdict.PASS for gate in needed)
    return shown and not fit.problem and set(verdicts.values()) <= set(GREEN)


def _is_patch(version: ModelVersion, previous: ModelVersion) -> bool:
    return (version.major, version.minor) == (previous.major, previous.minor)


def _changed(version: ModelVersion, previous: ModelVersion) -> list[str]:
    """The parts of a submission that differ and that people judge."""
    now, before = rounds.snapshot(version), rounds.snapshot(previous)
    return [
        part
        for part, content in now.items()
        if part not in MAY_DIFFER and digest(content) != digest(before.get(part))
    ]


def _why_not_by(policy: PolicyVersion, version: ModelVersion) -> str:
    """Who switched the rule on must not profit from it."""
    change = getattr(policy, "change", None)
    if change is None:
        return "Nobody of governance switched it on."
    for person in (change.proposed_by, change.decided_by):
        if is_involved(person, version):
            return (
                f"{person} switched the rule on and had a hand in the version, or is on its team."
            )
    return ""
