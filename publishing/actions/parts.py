"""The parts of a version that a pipeline hands in: does the version say something else, and the verb that makes it say this."""

from typing import Any

from catalog.models import ModelVersion
from consumption.actions import offer_plan
from governance import card_values, policies
from governance.actions import assess_risk
from governance.evaluations import declare
from governance.models import Evaluation
from marketplace.accounts.models import User
from marketplace.core.errors import Invalid
from publishing import card_facts
from publishing import signature as signatures
from publishing.actions import drafts
from publishing.actions.cards import edit_card

Members = dict[str, Any]


class Part:
    """One part. `differs` says whether the version says something else than what is given, `write` makes it say that."""

    def differs(self, version: ModelVersion, given: Any) -> bool:
        raise NotImplementedError

    def write(self, by: User, version: ModelVersion, given: Any) -> None:
        raise NotImplementedError


class Endpoint(Part):
    def differs(self, version: ModelVersion, given: str) -> bool:
        return version.kind != ModelVersion.Kind.EXTERNAL or version.external_url != given

    def write(self, by: User, version: ModelVersion, given: str) -> None:
        drafts.name_endpoint(by, version, given)


class Columns(Part):
    """Input tensor → the names of its columns, or None for one tensor."""

    def differs(self, version: ModelVersion, given: Members) -> bool:
        asked = {question["tensor"] for question in version.manifest.get("questions", [])}
        rows = (version.signature.get("binding") or {}).get("inputs", [])
        own = {row["tensor"]: row["columns"] for row in rows}
        return any(own.get(tensor) != names or tensor in asked for tensor, names in given.items())

    def write(self, by: User, version: ModelVersion, given: Members) -> None:
        for tensor, names in given.items():
            drafts.divide_input(by, version, tensor, names)


class ConfirmNames(Part):
    def differs(self, version: ModelVersion, given: bool) -> bool:
        return given and bool(version.manifest.get("mapping", {}).get("to_confirm"))

    def write(self, by: User, version: ModelVersion, given: bool) -> None:
        drafts.confirm_names(by, version)


class Signature(Part):
    def differs(self, version: ModelVersion, given: Members) -> bool:
        return version.signature != given

    def write(self, by: User, version: ModelVersion, given: Members) -> None:
        signatures.validate_signature(given, version.manifest.get("graph"))
        example = signatures.example_from_signature(given)
        drafts.describe_interface(by, version, given, example)


class FieldDetails(Part):
    """Field of the signature → what people say of it."""

    def differs(self, version: ModelVersion, given: dict[str, Members]) -> bool:
        return self._with_details(version, given) != version.signature

    def write(self, by: User, version: ModelVersion, given: dict[str, Members]) -> None:
        signature = self._with_details(version, given)
        drafts.describe_interface(by, version, signature, version.example)

    def _with_details(self, version: ModelVersion, details: dict[str, Members]) -> Members:
        """The signature with what `details` says about its fields. Raises Invalid for names that it does not have."""
        signature = version.signature or {"inputs": [], "outputs": []}
        known = {field["name"] for field in (*signature["inputs"], *signature["outputs"])}
        if unknown := sorted(details.keys() - known):
            raise Invalid(
                f"The signature has no field {unknown[0][:60]}.",
                field=f"fields.{unknown[0][:60]}",
                remedy=f"It has: {', '.join(sorted(known)[:20])}." if known else "Send a package.",
            )
        rows = {
            side: [field | details.get(field["name"], {}) for field in signature[side]]
            for side in ("inputs", "outputs")
        }
        return {**signature, **rows}


class Example(Part):
    def differs(self, version: ModelVersion, given: Members) -> bool:
        signatures.validate_example(version.signature, given)
        return version.example != signatures.in_protocol(given, version.signature)

    def write(self, by: User, version: ModelVersion, given: Members) -> None:
        drafts.describe_interface(by, version, version.signature, given)


class Changelog(Part):
    def differs(self, version: ModelVersion, given: str) -> bool:
        return version.changelog != given.strip()

    def write(self, by: User, version: ModelVersion, given: str) -> None:
        drafts.edit_changelog(by, version, given)


class ServiceLevel(Part):
    def differs(self, version: ModelVersion, given: Members) -> bool:
        return version.sla != given

    def write(self, by: User, version: ModelVersion, given: Members) -> None:
        drafts.promise_sla(by, version, **given)


class Card(Part):
    """Field id → value; an empty value removes the field. A fact about former files that is given again is confirmed."""

    def differs(self, version: ModelVersion, given: Members) -> bool:
        own, stale = version.card.data, card_facts.stale(version)
        return any(
            name in own if card_values.is_empty(value) else own.get(name) != value or name in stale
            for name, value in given.items()
        )

    def write(self, by: User, version: ModelVersion, given: Members) -> None:
        edit_card(by, version, given)


class Risk(Part):
    def differs(self, version: ModelVersion, given: Members) -> bool:
        return policies.answers_of(version) != given

    def write(self, by: User, version: ModelVersion, given: Members) -> None:
        assess_risk(by, version, given)


class Evaluations(Part):
    """Declared figures; those that are there already stay."""

    def differs(self, version: ModelVersion, given: list[Members]) -> bool:
        rows = version.evaluations.filter(kind=Evaluation.Kind.DECLARED)
        return not all(rows.filter(**figure).exists() for figure in given)

    def write(self, by: User, version: ModelVersion, given: list[Members]) -> None:
        for figure in given:
            declare(by, version, **figure)


class Plans(Part):
    """Plans by slug. One whose change is under way is left to it."""

    def differs(self, version: ModelVersion, given: list[Members]) -> bool:
        return any(self._is_new(version, choices) for choices in given)

    def write(self, by: User, version: ModelVersion, given: list[Members]) -> None:
        for choices in given:
            if self._is_new(version, choices):
                offer_plan(by, version.model, **choices)

    def _is_new(self, version: ModelVersion, choices: Members) -> bool:
        plan = version.model.plans.filter(slug=choices["slug"]).first()
        if plan is None:
            return True
        differs = any(getattr(plan, name) != value for name, value in choices.items())
        return differs and not plan.changes.open().exists()


# In the order in which they are written: figures are about bytes, details about columns.
PARTS: dict[str, Part] = {
    "endpoint": Endpoint(),
    "columns": Columns(),
    "confirm_names": ConfirmNames(),
    "signature": Signature(),
    "fields": FieldDetails(),
    "example": Example(),
    "changelog": Changelog(),
    "sla": ServiceLevel(),
    "card": Card(),
    "risk": Risk(),
    "evaluations": Evaluations(),
    "plans": Plans(),
}
