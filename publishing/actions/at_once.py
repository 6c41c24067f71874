"""The verb with which a pipeline hands a whole version in: what is there already stays, the rest is written, then it is submitted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from django.db import transaction

from catalog.models import ModelVersion, RegisteredModel
from consumption.actions import offer_plan
from governance import card_values, policies
from governance.actions import assess_risk
from governance.evaluations import declare
from governance.models import Evaluation
from marketplace.accounts.models import User
from marketplace.core.errors import Invalid, RuleError
from publishing import signature as signatures
from publishing.actions import drafts
from publishing.actions.cards import edit_card
from publishing.actions.submission import submit
from publishing.actions.uploads import is_same_package, upload


class Package(NamedTuple):
    """A file that was sent, and what its sender called it."""

    path: str | Path
    filename: str


class Part(NamedTuple):
    """One part of what is handed in: whether the version says something else, and the verb that makes it say this."""

    differs: Callable[[ModelVersion, Any], bool]
    write: Callable[[User, ModelVersion, Any], Any]


def hand_in(
    by: User,
    model: RegisteredModel,
    number: str,
    parts: dict[str, Any],
    package: Package | None = None,
) -> tuple[ModelVersion, bool]:
    """Write the parts (names from PARTS) and the package into the version of this number, begun if needed, and submit it.

    Returns (ModelVersion, was it submitted now?). A version that was submitted before and says the same is left alone; one that
    says something else is refused, naming the parts. What is right stays in the draft when something is missing: RuleError with
    a problem for each missing field. Raises also Invalid, NotAllowed, packages.Refused.
    """
    version, _ = drafts.put_version(by, model, number)
    if not version.is_editable:
        _require_same(version, parts, package)
        return version, False
    if package and not is_same_package(version, *package):
        upload(by, version, *package)
        version.refresh_from_db()
    with transaction.atomic():
        for name in [name for name in PARTS if name in parts]:
            if PARTS[name].differs(version, parts[name]):
                PARTS[name].write(by, version, parts[name])
                version.refresh_from_db()
    return submit(by, version), True


def _require_same(version: ModelVersion, parts: dict[str, Any], package: Package | None) -> None:
    changed = [name for name in parts if PARTS[name].differs(version, parts[name])]
    if package and not is_same_package(version, *package):
        changed.insert(0, "package")
    if changed:
        state = version.get_state_display().lower()
        raise RuleError(
            f"{version} is {state}, and what was sent differs in: {', '.join(changed)}.",
            field=changed[0],
            remedy="Publish it under a new number.",
        )


# ── Parts ─────────────────────────────────────────────────────────────────


def _with_details(version: ModelVersion, details: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The signature with what `details` (field name → members) says about its fields. Raises Invalid for other names."""
    signature = version.signature or {"inputs": [], "outputs": []}
    known = {field["name"] for field in (*signature["inputs"], *signature["outputs"])}
    if unknown := sorted(details.keys() - known):
        raise Invalid(
            f"The signature has no field {unknown[0][:60]}.",
            field=f"fields.{unknown[0][:60]}",
            remedy=f"It has: {', '.join(sorted(known)[:20])}.",
        )
    rows = {
        side: [field | details.get(field["name"], {}) for field in signature[side]]
        for side in ("inputs", "outputs")
    }
    return {**signature, **rows}


def _describe(by: User, version: ModelVersion, details: dict[str, dict[str, Any]]) -> None:
    drafts.describe_interface(by, version, _with_details(version, details), version.example)


def _columns_of(version: ModelVersion) -> dict[str, list[str] | None]:
    rows = (version.signature.get("binding") or {}).get("inputs", [])
    return {row["tensor"]: row["columns"] for row in rows}


def _divide(by: User, version: ModelVersion, columns: dict[str, list[str] | None]) -> None:
    for tensor, names in columns.items():
        drafts.divide_input(by, version, tensor, names)


def _another_columns(version: ModelVersion, columns: dict[str, list[str] | None]) -> bool:
    asked = {question["tensor"] for question in version.manifest.get("questions", [])}
    own = _columns_of(version)
    return any(own.get(tensor) != names or tensor in asked for tensor, names in columns.items())


def _another_example(version: ModelVersion, example: dict[str, Any]) -> bool:
    signatures.validate_example(version.signature, example)
    return version.example != signatures.in_protocol(example, version.signature)


def _has_names_to_confirm(version: ModelVersion, is_right: bool) -> bool:
    return is_right and bool(version.manifest.get("mapping", {}).get("to_confirm"))


def _another_card(version: ModelVersion, values: dict[str, Any]) -> bool:
    own = version.card.data
    return any(
        name in own if card_values.is_empty(value) else own.get(name) != value
        for name, value in values.items()
    )


def _is_new_plan(version: ModelVersion, choices: dict[str, Any]) -> bool:
    """Not there, or different and no change of it under way."""
    plan = version.model.plans.filter(slug=choices["slug"]).first()
    if plan is None:
        return True
    differs = any(getattr(plan, name) != value for name, value in choices.items())
    return differs and not plan.changes.open().exists()


def _offer(by: User, version: ModelVersion, plans: list[dict[str, Any]]) -> None:
    for choices in plans:
        if _is_new_plan(version, choices):
            offer_plan(by, version.model, **choices)


def _is_new_figure(version: ModelVersion, figure: dict[str, Any]) -> bool:
    rows = version.evaluations.filter(kind=Evaluation.Kind.DECLARED)
    return not rows.filter(**figure).exists()


def _declare(by: User, version: ModelVersion, figures: list[dict[str, Any]]) -> None:
    for figure in figures:
        declare(by, version, **figure)


# In the order in which they are written: figures are about bytes, details about columns.
PARTS = {
    "endpoint": Part(
        lambda version, url: (
            (version.kind, version.external_url) != (ModelVersion.Kind.EXTERNAL, url)
        ),
        drafts.name_endpoint,
    ),
    "columns": Part(_another_columns, _divide),
    "confirm_names": Part(
        _has_names_to_confirm, lambda by, version, _: drafts.confirm_names(by, version)
    ),
    "signature": Part(
        lambda version, signature: version.signature != signature,
        lambda by, version, signature: drafts.describe_interface(
            by, version, signature, signatures.example_from_signature(signature)
        ),
    ),
    "fields": Part(
        lambda version, details: _with_details(version, details) != version.signature, _describe
    ),
    "example": Part(
        _another_example,
        lambda by, version, example: drafts.describe_interface(
            by, version, version.signature, example
        ),
    ),
    "changelog": Part(
        lambda version, text: version.changelog != text.strip(), drafts.edit_changelog
    ),
    "sla": Part(
        lambda version, sla: version.sla != sla,
        lambda by, version, sla: drafts.promise_sla(by, version, **sla),
    ),
    "card": Part(_another_card, edit_card),
    "risk": Part(lambda version, answers: policies.answers_of(version) != answers, assess_risk),
    "evaluations": Part(
        lambda version, figures: any(_is_new_figure(version, figure) for figure in figures),
        _declare,
    ),
    "plans": Part(
        lambda version, plans: any(_is_new_plan(version, choices) for choices in plans), _offer
    ),
}
