"""The verb that takes a package in."""

import re
from pathlib import Path

from django.conf import settings
from django.db import transaction

from catalog.actions import contributed
from catalog.models import Artifact, Contribution, ModelVersion
from hosting.actions import forget_endpoint
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.background import enqueue
from marketplace.core.errors import Invalid
from publishing import contract_diff, interface_names, packages, room, trials, uploads
from publishing import signature as signatures
from publishing.actions.editing import hold_editable, require_editable, save_version
from publishing.storage import store

NO_NAMES = re.compile("The columns of .* have no names: ")


def upload(by: User, version: ModelVersion, path: str | Path, filename: str) -> list[str]:
    """Inspect the file at `path` and make it the version's package. Returns the Inspection's warnings.

    The inspection is static, in a limited child process; what it refuses (packages.Refused) leaves nothing behind.
    Raises InsufficientStorage when the disk is nearly full, QuotaFull when the person or the team keeps too much.
    """
    require_editable(by, version)
    room.require_room(Path(path).stat().st_size)
    team = version.model.owner_team
    uploads.require_quota(by, team, Path(path).stat().st_size, replaces=version)
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


def is_same_package(version: ModelVersion, path: str | Path, filename: str) -> bool:
    """Does the file at `path` hold the files that the version has? Looks at it as `upload` does; raises packages.Refused."""
    kept = {(artifact.name, artifact.sha256) for artifact in version.artifacts.all()}
    if not kept:
        return False
    room.require_room(Path(path).stat().st_size)
    with (
        room.told(),
        packages.inspect(path, filename, quarantine=settings.QUARANTINE_ROOT) as found,
    ):
        return kept == {(file.name, file.sha256) for file in found.files}


def _check_found(found: packages.Inspection) -> None:
    """What was read from the package is a signature that calls can fill: a row of a billion numbers is none."""
    try:
        signatures.validate_signature(found.signature, found.graph)
    except Invalid as unfit:
        raise packages.Refused(unfit.message, "signature", unfit.remedy) from unfit


@transaction.atomic
def _keep_package(by: User, version: ModelVersion, found: packages.Inspection) -> list[str]:
    """The package and its signature become the version's. Returns what the publisher should know."""
    hold_editable(by, version)
    size = sum(file.size for file in found.files)
    uploads.require_quota(by, version.model.owner_team, size, replaces=version)
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
    manifest |= {
        key: value for key in ("changes", "original", "scan") if (value := getattr(found, key))
    }
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
    forget_endpoint(version)
    enqueue("publishing.try_out", version.pk, delay_s=trials.SETTLE_S)
    save_version(
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
