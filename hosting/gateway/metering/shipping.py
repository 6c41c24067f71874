"""The process beside the workers that copies the usage journal to Postgres and keeps the newest hours rolled up.

It also settles the journals of workers that were killed, and enters in Postgres the keys that were revoked while Postgres
was away. When it is killed itself, its parent starts another one, which goes on from the position in Postgres.
"""

import logging
import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from consumption.emergency_revocations import EmergencyRevocation

log = logging.getLogger(__name__)
SHIP_EVERY_S = 0.5
ROLL_UP_EVERY_S = 2.0
EMERGENCY_REVOCATIONS_EVERY_S = 5.0
SHARE = (
    9  # a roll-up may take a tenth of the time, not more: a busy hour is recomputed whole each time
)


class Shipping:
    """Two repeated steps, each allowed to fail and to be tried again."""

    def __init__(self, folder: Path) -> None:
        from consumption.metering import rejection_counter, rejections
        from consumption.metering.shipping import Shipper

        self.shipper = Shipper(folder)
        self.rejections = rejections.RejectionImporter(folder / rejection_counter.FOLDER)
        self.is_ending = False
        self._roll_up_at = 0.0
        self._emergency_revocations_at = 0.0
        self._entered: set[EmergencyRevocation] = set()

    def run(self) -> None:
        """Until SIGTERM; then once more, so that nothing of a graceful stop is left for later."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while not self.is_ending:
            self.step()
            time.sleep(SHIP_EVERY_S)
        self._roll_up_at = 0.0
        self.step()

    def step(self) -> None:
        """Ship, then roll up if it is time. Postgres being away is no news here: the usage journal waits."""
        from django.db import DatabaseError, InterfaceError, connection

        from consumption import emergency_revocations
        from consumption.metering import rollups

        try:
            self.shipper.ship()
            self.rejections.run()
            if time.monotonic() >= self._roll_up_at:
                began = time.monotonic()
                rollups.roll_up()
                took = time.monotonic() - began
                self._roll_up_at = time.monotonic() + max(ROLL_UP_EVERY_S, SHARE * took)
            if time.monotonic() >= self._emergency_revocations_at:
                emergency_revocations.revoke_in_database(self._entered)
                self._emergency_revocations_at = time.monotonic() + EMERGENCY_REVOCATIONS_EVERY_S
        except (DatabaseError, InterfaceError) as error:
            log.warning(
                "usage waits in the usage journal: %s",
                str(error).strip().splitlines()[0] if str(error) else "no database",
            )
            connection.close()
            time.sleep(SHIP_EVERY_S)
        except OSError:
            log.exception("the usage journal folder cannot be read")

    def _end(self, signum: int, frame: FrameType | None) -> None:
        self.is_ending = True


def run() -> None:
    """Serve as the shipping process of this machine."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    django.setup()
    from django.conf import settings

    from hosting.gateway.auth.snapshot import tame_connections

    tame_connections()
    settings.DATABASES["default"]["OPTIONS"]["options"] = "-c statement_timeout=60000"
    run_dir = Path(os.environ.get("RUN_DIR", settings.RUN_DIR))
    folder = Path(os.environ.get("USAGE_JOURNAL_DIR", run_dir / "journal"))
    folder.mkdir(parents=True, exist_ok=True)
    Shipping(folder).run()
