"""The verb with which a pipeline hands a whole version in: what is there already stays, the rest is written, then it is submitted."""

from pathlib import Path
from typing import Any, NamedTuple

from django.db import transaction

from catalog.models import ModelVersion, RegisteredModel
from marketplace.accounts.models import User
from marketplace.core.errors import RuleError
from publishing.actions.drafts import put_version
from publishing.actions.parts import PARTS
from publishing.actions.submission import submit
from publishing.actions.uploads import is_same_package, upload


class Package(NamedTuple):
    """A file that was sent, and what its sender called it."""

    path: str | Path
    filename: str


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
    version, _ = put_version(by, model, number)
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
