"""What every change of a draft has in common: it is editable, held while it is written, and leaves a trace."""

from typing import Any

from catalog.actions import contributed
from catalog.models import Contribution, ModelVersion
from catalog.permissions import can_edit, can_edit_version
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import RuleError
from marketplace.core.guard import require


def save_version(by: User, version: ModelVersion, **fields: Any) -> ModelVersion:
    """Write fields of a draft that the caller holds. Returns the version."""
    for name, value in fields.items():
        setattr(version, name, value)
    version.save(update_fields=list(fields))
    contributed(version, by, Contribution.Kind.EDITED)
    record(by, "version.edit", version, fields=sorted(fields))
    return version


def hold_editable(by: User, version: ModelVersion) -> None:
    """Nobody submits it while it is written; whoever read it before it was submitted is refused."""
    version.refresh_from_db(
        fields=["state"], from_queryset=ModelVersion.objects.select_for_update()
    )
    require_editable(by, version)


def require_editable(by: User, version: ModelVersion) -> None:
    """The version is a draft of the person's team. Raises RuleError, NotAllowed."""
    if not version.is_editable and can_edit(by, version.model):
        raise RuleError(
            f"{version} is {version.get_state_display().lower()}; it can no longer be edited.",
            remedy="Start a new version.",
        )
    require(
        can_edit_version(by, version),
        f"Only members of {version.model.owner_team} edit it.",
        ask=str(version.model.owner_team),
    )
