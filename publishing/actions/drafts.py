"""Verbs of an entry and of a draft: start, describe, number, promise."""

from typing import Any

from django.db import transaction

from catalog.actions import REVIEWED_FIELDS, changed_fields, contributed, edit
from catalog.models import Contribution, ModelCard, ModelVersion, RegisteredModel
from catalog.permissions import can_edit
from governance import cards
from governance.actions import propose_amendment
from governance.models import Amendment
from hosting.actions import forget_endpoint
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core import egress
from marketplace.core.background import enqueue
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from publishing import card_facts, interface_names, semver, trials
from publishing import signature as signatures
from publishing.actions.editing import hold_editable, save_version


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
    data = _card_to_start_from(previous)
    origins = card_facts.inherited_origins(previous, data) if previous else {}
    ModelCard.objects.create(version=version, data=data, origins=origins)
    contributed(version, by, Contribution.Kind.CREATED)
    record(by, "version.start", version, number=number)
    return version


@transaction.atomic
def put_version(
    by: User, model: RegisteredModel, number: str, changelog: str | None = None
) -> tuple[ModelVersion, bool]:
    """The version of this number, begun if there is none. Returns (ModelVersion, is it new?). The same again changes nothing.

    changelog  what it says from now on; None leaves it.
    """
    version = model.versions.filter(number=number).first()
    if version is None:
        return start_version(by, model, number, changelog or ""), True
    require(
        can_edit(by, model),
        f"Only members of {model.owner_team} edit it.",
        ask=str(model.owner_team),
    )
    if changelog is not None and changelog.strip() != version.changelog:
        edit_changelog(by, version, changelog)
    return version, False


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


@transaction.atomic
def name_endpoint(by: User, version: ModelVersion, url: str) -> None:
    """Make the version an external endpoint at `url` that speaks the Open Inference Protocol; its files go.

    The address is judged by the rule of the connection, so that none is stored that could never be called. Raises Invalid.
    """
    hold_editable(by, version)
    try:
        egress.check_destination(url)
    except egress.EgressDenied as refusal:
        raise Invalid(str(refusal), field="external_url") from refusal
    version.artifacts.all().delete()
    forget_endpoint(version, but=url)
    save_version(by, version, kind=ModelVersion.Kind.EXTERNAL, external_url=url, manifest={})
    enqueue("publishing.try_out", version.pk, delay_s=trials.SETTLE_S)


@transaction.atomic
def describe_interface(
    by: User, version: ModelVersion, signature: dict[str, Any], example: dict[str, Any]
) -> ModelVersion:
    """Set the signature (names, units, ranges, descriptions) and an example request. Raises Invalid."""
    hold_editable(by, version)
    signatures.validate_signature(signature, version.manifest.get("graph"))
    signatures.validate_example(signature, example)
    enqueue("publishing.try_out", version.pk, delay_s=trials.SETTLE_S)
    return save_version(
        by,
        version,
        signature=signature,
        example=example and signatures.in_protocol(example, signature),
        manifest=interface_names.answered(version.manifest, signature),
    )


@transaction.atomic
def confirm_names(by: User, version: ModelVersion) -> ModelVersion:
    """Say that the names which an upload took from the former package, by their place, are right."""
    hold_editable(by, version)
    mapping = version.manifest.get("mapping")
    if not mapping or not mapping["to_confirm"]:
        raise RuleError("There are no names to confirm.", remedy="Reload the page and look again.")
    manifest = {**version.manifest, "mapping": {**mapping, "to_confirm": False}}
    return save_version(by, version, manifest=manifest)


@transaction.atomic
def divide_input(
    by: User, version: ModelVersion, tensor: str, columns: list[str] | None
) -> ModelVersion:
    """Say what an input tensor of several values a row is: the columns of these names, or (None) one tensor, as an embedding is.

    The fields of the tensor and the example are made anew. Raises Invalid when the graph takes another number of columns.
    """
    hold_editable(by, version)
    signature = signatures.divided(
        version.signature, version.manifest.get("graph", {}), tensor, columns
    )
    questions = [
        question
        for question in version.manifest.get("questions", [])
        if question["tensor"] != tensor
    ]
    manifest = {**version.manifest, "questions": questions}
    return save_version(
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
    hold_editable(by, version)
    if version.state != ModelVersion.State.DRAFT:
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
    hold_editable(by, version)
    return save_version(by, version, sla=sla)


@transaction.atomic
def edit_changelog(by: User, version: ModelVersion, changelog: str) -> ModelVersion:
    """Say what changed and why. Returns the ModelVersion."""
    hold_editable(by, version)
    return save_version(by, version, changelog=changelog.strip())


def _card_to_start_from(previous: ModelVersion | None) -> dict[str, Any]:
    if previous is None:
        return {}
    auto = {field.id for field in cards.FIELDS if field.source == "auto"}
    return {key: value for key, value in previous.card.written().items() if key not in auto}
