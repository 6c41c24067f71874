"""JOURNEY: the verbs that bring a version in and out: start, upload, describe, submit, publish, deprecate."""

import logging
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog.actions import (
    REVIEWED_FIELDS,
    changed_fields,
    contributed,
    edit,
    list_model,
    point_alias,
)
from catalog.models import Artifact, Contribution, ModelCard, ModelVersion, RegisteredModel
from catalog.permissions import can_edit, can_edit_version
from consumption import affected, changes
from consumption.change_kinds import first_start
from consumption.models import ScheduledChange
from governance import card_values, cards, policies
from governance.actions import propose_amendment, void_reviews
from governance.models import Amendment, GateResult
from hosting import egress
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.background import enqueue
from marketplace.core.canonical import digest
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.invalidation import invalidate
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify
from publishing import (
    contract_diff,
    deprecation,
    evidence,
    interface_names,
    packages,
    room,
    semver,
    trials,
    uploads,
)
from publishing import signature as signatures
from publishing.manifest import build_manifest
from publishing.missing import can_be_tried, what_is_missing
from publishing.permissions import can_deprecate, can_publish, can_withdraw
from publishing.storage import store

log = logging.getLogger(__name__)
STATE = ModelVersion.State
NO_NAMES = re.compile("The columns of .* have no names: ")


@transaction.atomic
def start_version(
    by: User, model: RegisteredModel, number: str, changelog: str = ""
) -> ModelVersion:
    """Begin a new version as a draft, with the card of the newest version to start from. Returns the ModelVersion."""
    require(
        can_edit(by, model),
        f"Only members of {model.owner_team} add versions.",
        ask=str(model.owner_team),
    )
    parsed = semver.parse(number)
    if model.versions.filter(number=number).exists():
        raise Invalid(
            f"{model} {number} exists already; numbers are never used twice.", field="number"
        )
    previous = model.versions.newest_first().first()
    version = ModelVersion.objects.create(
        model=model,
        number=number,
        major=parsed.major,
        minor=parsed.minor,
        patch=parsed.patch,
        changelog=changelog.strip(),
        created_by=by,
        sla=dict(previous.sla) if previous else {},
    )
    ModelCard.objects.create(version=version, data=_card_to_start_from(previous))
    contributed(version, by, Contribution.Kind.CREATED)
    record(by, "version.start", version, number=number)
    return version


@transaction.atomic
def edit_entry(
    by: User, model: RegisteredModel, reason: str = "", weight: str = "", **fields: Any
) -> Amendment | None:
    """Save what the entry says. Facts that reviewers relied on are proposed instead: returns that Amendment, or None."""
    facts = (
        {name: fields.pop(name) for name in REVIEWED_FIELDS if name in fields}
        if model.was_submitted()
        else {}
    )
    edit(by, model, **fields)
    changed = changed_fields(model, facts)
    if not changed:
        return None
    return propose_amendment(
        by, model, {name: facts[name] for name in changed}, reason, weight or Amendment.Weight.FACTS
    )


def upload(by: User, version: ModelVersion, path: str | Path, filename: str) -> list[str]:
    """Inspect the file at `path` and make it the version's package. Returns the Inspection's warnings.

    The inspection is static, in a limited child process; what it refuses (packages.Refused) leaves nothing behind.
    Raises InsufficientStorage when the disk is nearly full, QuotaFull when the person or the team keeps too much.
    """
    _require_editable(by, version)
    room.require_room(Path(path).stat().st_size)
    uploads.require_quota(by, version, Path(path).stat().st_size)
    try:
        with (
            room.told(),
            packages.inspect(path, filename, quarantine=settings.QUARANTINE_ROOT) as found,
        ):
            _check_found(found)
            return _keep_package(by, version, found)
    except packages.Refused as refusal:
        record(
            by,
            "version.upload_refused",
            version,
            reason=refusal.message,
            code=refusal.code,
            file=filename[:200],
        )
        raise


@transaction.atomic
def name_endpoint(by: User, version: ModelVersion, url: str) -> None:
    """Make the version an external endpoint at `url` that speaks the Open Inference Protocol; its files go.

    The address is judged by the rule of the connection, so that none is stored that could never be called. Raises Invalid.
    """
    _hold_editable(by, version)
    try:
        egress.check_destination(url)
    except egress.EgressDenied as refusal:
        raise Invalid(str(refusal), field="external_url") from refusal
    version.artifacts.all().delete()
    _save(by, version, kind=ModelVersion.Kind.EXTERNAL, external_url=url, manifest={})
    enqueue("publishing.try_out", version.pk, delay_s=trials.SETTLE_S)


@transaction.atomic
def describe_interface(
    by: User, version: ModelVersion, signature: dict[str, Any], example: dict[str, Any]
) -> ModelVersion:
    """Set the signature (names, units, ranges, descriptions) and an example request. Raises Invalid."""
    _hold_editable(by, version)
    signatures.validate_signature(signature, version.manifest.get("graph"))
    signatures.validate_example(signature, example)
    enqueue("publishing.try_out", version.pk, delay_s=trials.SETTLE_S)
    return _save(
        by,
        version,
        signature=signature,
        example=example and signatures.in_protocol(example, signature),
        manifest=interface_names.answered(version.manifest, signature),
    )


@transaction.atomic
def confirm_names(by: User, version: ModelVersion) -> ModelVersion:
    """Say that the names which an upload took from the former package, by their place, are right."""
    _hold_editable(by, version)
    mapping = version.manifest.get("mapping")
    if not mapping or not mapping["to_confirm"]:
        raise RuleError("There are no names to confirm.")
    manifest = {**version.manifest, "mapping": {**mapping, "to_confirm": False}}
    return _save(by, version, manifest=manifest)


@transaction.atomic
def divide_input(
    by: User, version: ModelVersion, tensor: str, columns: list[str] | None
) -> ModelVersion:
    """Say what an input tensor of several values a row is: the columns of these names, or (None) one tensor, as an embedding is.

    The fields of the tensor and the example are made anew. Raises Invalid when the graph takes another number of columns.
    """
    _hold_editable(by, version)
    signature = signatures.divided(
        version.signature, version.manifest.get("graph", {}), tensor, columns
    )
    questions = [
        question
        for question in version.manifest.get("questions", [])
        if question["tensor"] != tensor
    ]
    manifest = {**version.manifest, "questions": questions}
    return _save(
        by,
        version,
        signature=signature,
        example=signatures.example_from_signature(signature),
        manifest=manifest,
    )


@transaction.atomic
def renumber(by: User, version: ModelVersion, number: str) -> ModelVersion:
    """Give a draft another number, as when it changes more than its number allows. Raises Invalid, RuleError.

    A version that was submitted keeps its number: reviewers and the record name it.
    """
    _hold_editable(by, version)
    if version.state != STATE.DRAFT:
        raise RuleError(
            f"{version} was submitted; its number stays.", remedy=f"Withdraw it and start {number}."
        )
    parsed, former = semver.parse(number), version.number
    if version.model.versions.exclude(pk=version.pk).filter(number=number).exists():
        raise Invalid(
            f"{version.model} {number} exists already; numbers are never used twice.",
            field="number",
        )
    version.number = number
    version.major, version.minor, version.patch = parsed.major, parsed.minor, parsed.patch
    version.save(update_fields=["number", "major", "minor", "patch"])
    version.refresh_from_db(fields=["candidate"])
    contributed(version, by, Contribution.Kind.EDITED)
    record(by, "version.renumber", version, before=former, after=number)
    return version


@transaction.atomic
def promise_sla(by: User, version: ModelVersion, **sla: Any) -> ModelVersion:
    """Declare availability (percent), p95_ms, rps, support hours and, if it is not 30, timeout_s: what callers wait at most."""
    _hold_editable(by, version)
    return _save(by, version, sla=sla)


@transaction.atomic
def edit_card(by: User, version: ModelVersion, values: dict[str, Any]) -> ModelCard:
    """Set card fields (field id → value). An emptied field is removed. Returns the ModelCard.

    Raises Invalid, naming the field, for ids that the card does not have and values that its schema does not take.
    """
    _hold_editable(by, version)
    for name, value in values.items():
        _require_card_value(name, value)
    card = version.card
    card.data = {
        key: value
        for key, value in {**card.data, **values}.items()
        if not card_values.is_empty(value)
    }
    _save_card(card)
    contributed(version, by, Contribution.Kind.EDITED)
    record(by, "card.edit", version, fields=sorted(values))
    return card


@transaction.atomic
def edit_changelog(by: User, version: ModelVersion, changelog: str) -> ModelVersion:
    """Say what changed and why. Returns the ModelVersion."""
    _hold_editable(by, version)
    return _save(by, version, changelog=changelog.strip())


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
    _require_editable(by, version)
    try_out(version, again=True)
    return trials.latest(version)


def submit(by: User, version: ModelVersion) -> ModelVersion:
    """Freeze the version and hand it to governance. Raises NotAllowed, RuleError naming what is still missing.

    What was not tried yet is tried first: nothing is submitted that has not answered its own example. An external endpoint
    is asked each time.
    """
    version.refresh_from_db()
    _require_editable(by, version)
    if not [item for item in what_is_missing(version) if item["step"] != "run"]:
        try_out(version, again=version.kind == ModelVersion.Kind.EXTERNAL)
    return _submit(by, version)


@transaction.atomic
def _submit(by: User, version: ModelVersion) -> ModelVersion:
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    _require_editable(by, version)
    missing = what_is_missing(version)
    diff = contract_diff.of(version)
    if diff and missing and missing[0]["step"] == contract_diff.GATE:
        raise diff.refusal()
    if missing:
        raise RuleError(
            f"{version} is not ready to submit: {missing[0]['sentence']}", field=missing[0]["step"]
        )
    if trials.latest(version) is None:
        raise RuleError(
            f"{version} was changed while its example was tried.", remedy="Submit it again."
        )
    fill_card_from_facts(version)
    manifest = build_manifest(version)
    if version.state == STATE.CHANGES_REQUESTED and _nothing_changed(version, manifest):
        raise RuleError(
            "Nothing changed since changes were requested.",
            remedy="Act on the reviewers' reasons first.",
        )
    transition(
        version,
        STATE.SUBMITTED,
        manifest=manifest,
        manifest_sha256=digest(manifest),
        submitted_by=by,
        submitted_at=timezone.now(),
    )
    contributed(version, by, Contribution.Kind.SUBMITTED)
    evidence.record_package_gates(version)
    trials.record_for_submission(version)
    contract_diff.record_for_submission(version)
    record(
        by, "version.submit", version, manifest=version.manifest_sha256, card=version.card.sha256
    )
    enqueue("governance.check", version.pk)
    return version


def try_what_waits() -> int:
    """The sweep: submitted versions without a trial or a comparison of theirs (from before there was one, or of a lost task).

    Returns how many.
    """
    producers = {
        trials.GATE: trials.record_for_submission,
        contract_diff.GATE: contract_diff.record_for_submission,
    }
    unchecked = set()
    for version in ModelVersion.objects.filter(state__in=[STATE.SUBMITTED, STATE.CHECKING]):
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
    require(can_withdraw(by, version), f"Only members of {version.model.owner_team} withdraw it.")
    if version.state == STATE.APPROVED and is_hosted(version):
        raise RuleError(
            f"{version} runs and is being published.", remedy="Deprecate it once it is published."
        )
    transition(version, STATE.WITHDRAWN)
    void_reviews(version)
    record(by, "version.withdraw", version, reason=reason)
    return version


@transaction.atomic
def publish(by: User, version: ModelVersion) -> ModelVersion:
    """Make an approved and hosted version visible and callable. Raises RuleError while hosting is not ready."""
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    require(can_publish(by, version), f"Only {version.model.owner_team} publishes it.")
    if not is_hosted(version):
        raise RuleError(f"{version} is not running yet; it is published as soon as it is.")
    transition(version, STATE.PUBLISHED, published_at=timezone.now())
    list_model(by, version.model)
    if _is_newest_published(version):
        point_alias(by, version)
    refresh_tier(version.model)
    record(by, "version.publish", version)
    invalidate("version", version=version.pk)
    _tell_users(version, "version.published", f"{version} is published", version.changelog)
    return version


@transaction.atomic
def deprecate(
    by: User,
    version: ModelVersion,
    *,
    sunset_at: datetime,
    reason: str,
    successor: ModelVersion | None = None,
) -> ScheduledChange | None:
    """Deprecate a version: it answers until `sunset_at`, with warning headers.

    A version that consumers call is deprecated when a second person has confirmed it: returns that ScheduledChange. One that
    nobody calls is deprecated at once: returns None. `successor` is a version of the same model that answers calls.
    Raises NotAllowed, Invalid, RuleError.
    """
    require(
        can_deprecate(by, version),
        f"{version.model.owner_team} or the marketplace manager deprecates it.",
    )
    RegisteredModel.objects.select_for_update().get(pk=version.model_id)
    if successor is not None:
        deprecation.check_successor(version, successor)
    days = deprecation.notice_days(version)
    if sunset_at < timezone.now() + timedelta(days=days) - timedelta(minutes=5):
        raise Invalid(
            f"At {version.risk_tier or 'low'} risk consumers get at least {days} days of notice.",
            field="sunset_at",
            remedy=f"Choose {deprecation.first_end(version):%-d %B %Y} or later.",
        )
    if not affected.following(version).open().exists():
        deprecation.announce(by, version, sunset_at=sunset_at, reason=reason, successor=successor)
        return None
    return changes.propose(
        by,
        ScheduledChange.Kind.DEPRECATION,
        model=version.model,
        version=version,
        after={"successor": successor.number if successor else ""},
        reason=reason,
        effective_from=max(sunset_at, first_start(days)),
    )


def publish_what_is_ready() -> int:
    """The sweep: approved versions that hosting has brought up become published. Returns how many."""
    system = User.objects.system("publisher")
    ready = list(ModelVersion.objects.filter(state=STATE.APPROVED, upstream__is_ready=True))
    for version in ready:
        try:
            publish(system, version)
        except RuleError as refusal:  # another sweep was first
            log.info("%s", refusal)
    return len(ready)


def is_hosted(version: ModelVersion) -> bool:
    """True when the version's upstream answered its last end-to-end probe. Hosting writes that row."""
    upstream = getattr(version, "upstream", None)
    return bool(upstream and upstream.is_ready)


def fill_card_from_facts(version: ModelVersion) -> ModelCard:
    """Write what the product knows by itself into the card (source "auto" of the schema)."""
    card = version.card
    card.data = {**card.data, **evidence.card_facts(version)}
    return _save_card(card)


def refresh_tier(model: RegisteredModel) -> None:
    """The listing shows the highest tier among live versions (a projection of governance's answers)."""
    order = ["", "low", "medium", "high"]
    tiers = model.versions.filter(state__in=ModelVersion.LIVE).values_list("risk_tier", flat=True)
    model.risk_tier = max(tiers, key=order.index, default="")
    model.save(update_fields=["risk_tier"])


def _check_found(found: packages.Inspection) -> None:
    """What was read from the package is a signature that calls can fill: a row of a billion numbers is none."""
    try:
        signatures.validate_signature(found.signature, found.graph)
    except Invalid as unfit:
        raise packages.Refused(unfit.message, "signature", unfit.remedy) from unfit


@transaction.atomic
def _keep_package(by: User, version: ModelVersion, found: packages.Inspection) -> list[str]:
    """The package and its signature become the version's. Returns what the publisher should know."""
    _hold_editable(by, version)
    uploads.require_quota(by, version, sum(file.size for file in found.files))
    version.artifacts.all().delete()
    for file in found.files:
        store(file)
        Artifact.objects.create(
            version=version, name=file.name, size=file.size, sha256=file.sha256, uploaded_by=by
        )
    former, source = interface_names.former_interface(version)
    signature, kept = signatures.carry_over(former.signature, found.signature, found.graph)
    example = found.example or interface_names.example_of(former, signature)
    manifest = {
        "flavor": found.flavor,
        "entry": found.entry,
        "graph": found.graph,
        "opset": found.opset,
        "producer": found.producer,
    }
    manifest |= {key: value for key in ("changes", "original") if (value := getattr(found, key))}
    if former.signature:
        manifest["mapping"] = {
            "source": source,
            "rows": signatures.mapping(former.signature, found.signature, signature),
            "to_confirm": signature["binding"]["inputs"] != found.signature["binding"]["inputs"],
        }
    if open_questions := interface_names.unanswered(found, former.signature, signature):
        manifest["questions"] = open_questions
    if found.changes:
        record(
            by, "version.package_changed", version, changes=found.changes, original=found.original
        )
    contributed(version, by, Contribution.Kind.UPLOADED)
    enqueue("publishing.try_out", version.pk, delay_s=trials.SETTLE_S)
    _save(
        by,
        version,
        kind=found.format,
        external_url="",
        signature=signature,
        example=example or signatures.example_from_signature(signature),
        manifest=manifest,
    )
    named = [warning for warning in found.warnings if not (kept and NO_NAMES.match(warning))]
    too_low = contract_diff.problem(version)
    return [*named, *kept, *signatures.rounding(signature), *([too_low] if too_low else [])]


def _save(by: User, version: ModelVersion, **fields: Any) -> ModelVersion:
    for name, value in fields.items():
        setattr(version, name, value)
    version.save(update_fields=list(fields))
    contributed(version, by, Contribution.Kind.EDITED)
    record(by, "version.edit", version, fields=sorted(fields))
    return version


def _save_card(card: ModelCard) -> ModelCard:
    card.sha256 = digest(card.data)
    card.completeness = policies.card_completeness(card.version).score
    card.save(update_fields=["data", "sha256", "completeness", "edited_at"])
    return card


def _hold_editable(by: User, version: ModelVersion) -> None:
    """Nobody submits it while it is written; whoever read it before it was submitted is refused."""
    version.refresh_from_db(
        fields=["state"], from_queryset=ModelVersion.objects.select_for_update()
    )
    _require_editable(by, version)


def _require_editable(by: User, version: ModelVersion) -> None:
    if not version.is_editable and can_edit(by, version.model):
        raise RuleError(
            f"{version} is {version.get_state_display().lower()}; it can no longer be edited.",
            remedy="Start a new version.",
        )
    require(can_edit_version(by, version), f"Only members of {version.model.owner_team} edit it.")


def _require_card_value(name: str, value: Any) -> None:
    field = cards.FIELDS_BY_ID.get(name)
    if field is None:
        raise Invalid(f"The card has no field {name[:60]}.", field=name[:60])
    if refusal := card_values.refusal(field, value):
        raise Invalid(f"{field.label}: {refusal}", field=name)


def _card_to_start_from(previous: ModelVersion | None) -> dict[str, Any]:
    if previous is None:
        return {}
    auto = {field.id for field in cards.FIELDS if field.source == "auto"}
    return {key: value for key, value in previous.card.data.items() if key not in auto}


def _nothing_changed(version: ModelVersion, manifest: dict[str, Any]) -> bool:
    last = version.reviews.exclude(decision=None).order_by("-decided_at").first()
    decision = last.decision if last else None
    return (
        decision is not None
        and decision.manifest_sha256 == digest(manifest)
        and decision.card_sha256 == version.card.sha256
    )


def _is_newest_published(version: ModelVersion) -> bool:
    alias = version.model.aliases.filter(name="stable").select_related("version").first()
    return alias is None or version.precedence > alias.version.precedence


def _tell_users(version: ModelVersion, kind: str, title: str, body: str) -> None:
    teams = version.model.subscriptions.filter(state__in=["active", "paused"]).values(
        "application__team"
    )
    people = User.objects.on_teams(teams)
    notify(
        people, kind, title, body=body, url=version.get_absolute_url(), key=f"{kind}:{version.pk}"
    )
