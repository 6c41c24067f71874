"""The verb of a migration guide: what its version's consumers read to move (docs/governance.md, "Deprecation")."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from catalog import field_mapping
from catalog.models import ModelVersion
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core import field_limits
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from publishing.models import MigrationGuide
from publishing.permissions import can_deprecate

WORDS_MIN = 20  # characters of each part


@dataclass(frozen=True)
class GuideText:
    """What the owner team writes: three texts, and what became of fields that are gone ({"inputs.a": "inputs.b"})."""

    what_changes: str
    steps: str
    checks: str
    renames: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def write_guide(
    by: User, version: ModelVersion, text: GuideText, successor: ModelVersion | None = None
) -> MigrationGuide:
    """Write or better the guide, at any time until the version is retired. Returns the MigrationGuide.

    successor  the version that takes over, where the end is not announced yet.
    Raises NotAllowed, Invalid by its field, RuleError.
    """
    require(
        can_deprecate(by, version),
        f"{version.model.owner_team} or the marketplace manager writes it.",
        ask=str(version.model.owner_team),
    )
    if version.state not in ModelVersion.LIVE:
        raise RuleError(
            f"{version} is {version.get_state_display().lower()}: nobody can move from it.",
            remedy="Reload the page and look again.",
        )
    for name in ("what_changes", "steps", "checks"):
        if len(getattr(text, name).strip()) < WORDS_MIN:
            raise Invalid(
                f"Write at least {WORDS_MIN} characters: consumers act on it.", field=name
            )
    renames = _checked_renames(version, successor or version.successor, text.renames)
    guide = MigrationGuide(
        version=version,
        what_changes=text.what_changes.strip(),
        steps=text.steps.strip(),
        checks=text.checks.strip(),
        renames=renames,
        written_by=by,
        written_at=timezone.now(),
    )
    field_limits.require(guide)
    written = {
        name: getattr(guide, name) for name in ("what_changes", "steps", "checks", "renames")
    }
    MigrationGuide.objects.update_or_create(
        version=version,
        defaults=written | {"written_by": by, "written_at": guide.written_at},
    )
    record(by, "version.migration_guide", version, renames=renames)
    return guide


def _checked_renames(
    version: ModelVersion, successor: ModelVersion | None, renames: Mapping[str, str]
) -> dict[str, str]:
    """Only fields that are gone, each to a field that is new, no two to the same. Raises Invalid."""
    given = {old: new for old, new in renames.items() if new}
    if not given:
        return {}
    if successor is None:
        raise Invalid("Without a successor no field becomes another one.", field="renames")
    gone = field_mapping.gone(version.signature, successor.signature)
    for old, new in given.items():
        if new not in gone.get(old, []):
            raise Invalid(
                f"{old} cannot become {new}: it is not gone, or {successor.number} has no such new field.",
                field="renames",
            )
    if len(set(given.values())) < len(given):
        raise Invalid("Two fields cannot become the same one.", field="renames")
    return given
