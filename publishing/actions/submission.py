"""Verbs around submission: try out, submit, withdraw."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.actions import contributed
from catalog.models import Contribution, ModelVersion
from governance.actions import void_reviews
from governance.models import GateResult
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.background import enqueue
from marketplace.core.canonical import digest
from marketplace.core.errors import RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from publishing import (
    behaviour,
    contract_diff,
    evaluation,
    evidence,
    execution_gates,
    screening,
    steps,
    trials,
)
from publishing.actions.cards import fill_card_from_facts
from publishing.actions.editing import require_editable
from publishing.actions.publication import is_hosted
from publishing.contract_diff import ContractDiff
from publishing.manifest import build_manifest
from publishing.missing import Missing, can_be_tried, what_is_missing
from publishing.permissions import can_withdraw


def try_out(version: ModelVersion, again: bool = False) -> bool:
    """Let a draft answer its own example, unless that was tried or its signature is not whole. True when it was tried now.

    It takes about a second in a limited child process, so that it is nothing for a transaction.
    again: also what was tried before; an endpoint may have been repaired, a machine may have been busy.
    """
    if not version.is_editable or not can_be_tried(version):
        return False
    done = trials.latest(version)
    if done and not (again or done.verdict == GateResult.Verdict.ERROR):
        return False
    trials.try_out(version)
    return True


def try_again(by: User, version: ModelVersion) -> GateResult | None:
    """Try the draft's example now, on a person's wish. Returns the newest trial; None while the signature is not whole."""
    require_editable(by, version)
    try_out(version, again=True)
    return trials.latest(version)


def submit(by: User, version: ModelVersion) -> ModelVersion:
    """Freeze the version and hand it to governance. Raises NotAllowed, RuleError naming what is still missing.

    What was not tried yet is tried first: nothing is submitted that has not answered its own example. An external endpoint
    is asked each time.
    """
    version.refresh_from_db()
    require_editable(by, version)
    if not [item for item in what_is_missing(version) if item.step != "run"]:
        try_out(version, again=version.kind == ModelVersion.Kind.EXTERNAL)
    return _submit(by, version)


@transaction.atomic
def _submit(by: User, version: ModelVersion) -> ModelVersion:
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    require_editable(by, version)
    missing = what_is_missing(version)
    diff = contract_diff.of(version)
    if missing:
        raise _not_ready(version, missing[0], diff)
    if trials.latest(version) is None:
        raise RuleError(
            f"{version} was changed while its example was tried.", remedy="Submit it again."
        )
    fill_card_from_facts(version)
    manifest = build_manifest(version)
    if version.state == ModelVersion.State.CHANGES_REQUESTED and _nothing_changed(
        version, manifest
    ):
        raise RuleError(
            "Nothing changed since changes were requested.",
            remedy="Act on the reviewers' reasons first.",
        )
    transition(
        version,
        ModelVersion.State.SUBMITTED,
        manifest=manifest,
        manifest_sha256=digest(manifest),
        submitted_by=by,
        submitted_at=timezone.now(),
    )
    contributed(version, by, Contribution.Kind.SUBMITTED)
    evidence.record_package_gates(version)
    trials.record_for_submission(version)
    contract_diff.record_for_submission(version)
    screening.record(version)
    behaviour.record_for_submission(version)
    evaluation.record_for_submission(version)
    execution_gates.begin_for_submission(by, version)
    record(
        by, "version.submit", version, manifest=version.manifest_sha256, card=version.card.sha256
    )
    enqueue("governance.check", version.pk)
    return version


def _not_ready(version: ModelVersion, first: Missing, diff: ContractDiff | None) -> RuleError:
    """The answer to who submits a draft that lacks something: the first thing in words, and all of them as problems."""
    breaks = diff is not None and first.step == contract_diff.GATE
    error = RuleError(
        f"{version} is not ready to submit: {first.sentence}",
        field=first.step,
        remedy="Finish that step first.",
    )
    if diff is not None and breaks:
        error = diff.refusal()
    error.problems += [
        {"field": item.field, "code": "missing", "message": item.sentence, "page": item.page}
        for item in steps.fields(version)
        if not (breaks and item.step == contract_diff.GATE)
    ]
    return error


def try_what_waits() -> int:
    """The sweep: submitted versions without a trial or a comparison of theirs (from before there was one, or of a lost task).

    Returns how many.
    """
    producers: dict[str, Callable[[ModelVersion], Any]] = {
        trials.GATE: trials.record_for_submission,
        contract_diff.GATE: contract_diff.record_for_submission,
        "readiness": evidence.record_readiness,
        **{gate: partial(screening.record_one, gate=gate) for gate in screening.PRODUCERS},
    }
    unchecked = set()
    for version in ModelVersion.objects.filter(
        state__in=[ModelVersion.State.SUBMITTED, ModelVersion.State.CHECKING]
    ):
        known = version.gate_results.filter(manifest_sha256=version.manifest_sha256)
        for gate in producers.keys() - set(known.values_list("gate", flat=True)):
            producers[gate](version)
            unchecked.add(version.pk)
    for pk in unchecked:
        enqueue("governance.check", pk)
    return len(unchecked)


@transaction.atomic
def withdraw(by: User, version: ModelVersion, reason: str = "") -> ModelVersion:
    """Take a version back before it is published. An approved one only while it does not run: else it is published at once.

    Its number stays used, because reviewers and the signature name it; the page proposes the next patch.
    """
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    require(
        can_withdraw(by, version),
        f"Only members of {version.model.owner_team} withdraw it.",
        ask=str(version.model.owner_team),
    )
    is_coming_out = version.state == ModelVersion.State.APPROVED and is_hosted(version)
    if is_coming_out and not contract_diff.problem(version):
        raise RuleError(
            f"{version} runs and is being published.", remedy="Deprecate it once it is published."
        )
    transition(version, ModelVersion.State.WITHDRAWN)
    void_reviews(version)
    record(by, "version.withdraw", version, reason=reason)
    return version


def _nothing_changed(version: ModelVersion, manifest: dict[str, Any]) -> bool:
    last = version.reviews.exclude(decision=None).order_by("-decided_at").first()
    decision = last.decision if last else None
    return (
        decision is not None
        and decision.manifest_sha256 == digest(manifest)
        and decision.card_sha256 == version.card.sha256
    )
