"""Replays the journals after the database was restored from a backup and before anything is served.

Usage comes from the archived segments, revocations from their file. Nothing else may run meanwhile.
"""

from pathlib import Path
from typing import Any

from django.conf import settings

from consumption.keys import emergency_revocations, revocation_log
from consumption.keys.actions import revoke_named
from consumption.metering import quota, rollups, shipping, usage_journal
from consumption.models import ApiKey, JournalPosition
from marketplace.accounts.models import User

REASON = "Revoked before the database was restored from a backup that did not know it yet."


class StillServing(RuntimeError):
    """A gateway runs. Its leases would be ended by the recount, and quotas would be overrun."""


def replay(folder: Path | None = None) -> dict[str, Any]:
    """Replay usage and revocations. Returns {"events": new events, "keys": [keys revoked again]}.

    It may run twice. Raises StillServing, DatabaseError, OSError.
    """
    folder = Path(folder or settings.USAGE_JOURNAL_DIR)
    if living := usage_journal.living_owners(folder):
        raise StillServing(
            f"The gateway still runs here (processes: {len(living)}): stop it, then run this again. Nothing was changed."
        )
    keys = revoke_again()
    events = ship_again(folder)
    quota.recount()
    rollups.roll_up_all()
    return {"events": events, "keys": keys}


def revoke_again() -> list[ApiKey]:
    """Revoke the keys that were revoked after the backup, as the system user `restore`. Returns them."""
    kids = revocation_log.read()
    emergency_revocations.revoke_in_database(set())
    return revoke_named(User.objects.system("restore"), kids, REASON)


def ship_again(folder: Path) -> int:
    """Ship the archived and the waiting segments. Returns the number of new events; stored ones do not change."""
    for path in [*folder.glob(f"{usage_journal.ARCHIVE}/*.segment")]:
        path.rename(folder / path.name)
    new = shipping.Shipper(folder).ship()
    waiting = [path.stem for path in usage_journal.segments(folder)]
    JournalPosition.objects.exclude(segment__in=waiting).delete()
    return new
