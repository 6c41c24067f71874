"""After the database was restored from a backup, and before anything is served: what it forgot comes back from the journals.

Usage from the segments that were kept after shipping, revocations from their file. Nothing else may run meanwhile.
"""

from pathlib import Path
from typing import Any

from django.conf import settings

from consumption import emergency_revocations, revocation_log
from consumption.actions import revoke_named
from consumption.metering import quota, rollups, shipping, usage_journal
from consumption.models import ApiKey, SpoolOffset
from marketplace.accounts.models import User

REASON = "Revoked before the database was restored from a backup that did not know it yet."


class StillServing(RuntimeError):
    """A gateway runs: it holds leases that the recount would end, and its quotas would be overrun."""


def replay(folder: Path | None = None) -> dict[str, Any]:
    """{"events": new ones, "keys": [those revoked again]}. May run twice. Raises StillServing, DatabaseError, OSError."""
    folder = Path(folder or settings.SPOOL_DIR)
    if living := usage_journal.living_holders(folder):
        raise StillServing(
            f"The gateway still runs here (processes: {len(living)}): stop it, then run this again. Nothing was changed."
        )
    keys = revoke_again()
    events = ship_again(folder)
    quota.recount()
    rollups.roll_up_all()
    return {"events": events, "keys": keys}


def revoke_again() -> list[ApiKey]:
    """Revoke what was revoked after the backup; by the system user `restore`. Returns the keys."""
    kids = revocation_log.noted()
    emergency_revocations.enter(set())
    return revoke_named(User.objects.system("restore"), kids, REASON)


def ship_again(folder: Path) -> int:
    """Ship what the shelf holds and what was still waiting; events that are there already stay as they are. Returns the new ones."""
    for path in [*folder.glob(f"{usage_journal.SHELF}/*.spool")]:
        path.rename(folder / path.name)
    new = shipping.Shipper(folder).ship()
    waiting = [path.stem for path in usage_journal.segments(folder)]
    SpoolOffset.objects.exclude(spool__in=waiting).delete()
    return new
