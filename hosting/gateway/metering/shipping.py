"""The process beside the workers: it ships the usage journal to Postgres and keeps the newest hours rolled up.

It also closes the journals of workers that were killed, and enters in Postgres the emergency revocations that were made while
Postgres was unavailable. When it is killed, its parent starts another one, which goes on from the position in Postgres.
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
    from consumption.keys.emergency_revocations import EmergencyRevocation

log = logging.getLogger(__name__)
SHIP_EVERY_S = 0.5
ROLL_UP_EVERY_S = 2.0
REVOCATIONS_EVERY_S = 5.0
# A roll-up recomputes whole hours; it may take a tenth of the time and not more, so that shipping goes on beside it.
ROLL_UP_PAUSE = 9


class Shipping:
    """Repeated steps, each allowed to fail and to be tried again."""

    def __init__(self, folder: Path) -> None:
        from consumption.metering import rejection_counter, rejections
        from consumption.metering.shipping import Shipper

        self.shipper = Shipper(folder)
        self.rejections = rejections.RejectionImporter(folder / rejection_counter.FOLDER)
        self.is_ending = False
        self._roll_up_at = 0.0
        self._revocations_at = 0.0
        self._entered: set[EmergencyRevocation] = set()

    def run(self) -> None:
        """Until SIGTERM; then once more, so that a graceful stop leaves nothing behind."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while not self.is_ending:
            self.step()
            time.sleep(SHIP_EVERY_S)
        self._roll_up_at = 0.0
        self.step()

    def step(self) -> None:
        """Ship, then roll up and enter revocations when they are due. While Postgres is unavailable the journal grows."""
        from django.db import DatabaseError, InterfaceError, connection

        from consumption.keys import emergency_revocations
        from consumption.metering import rollups

        try:
            self.shipper.ship()
            self.rejections.run()
            if time.monotonic() >= self._roll_up_at:
                began = time.monotonic()
                rollups.roll_up()
                duration_s = time.monotonic() - began
                pause_s = max(ROLL_UP_EVERY_S, ROLL_UP_PAUSE * duration_s)
                self._roll_up_at = time.monotonic() + pause_s
            if time.monotonic() >= self._revocations_at:
                emergency_revocations.revoke_in_database(self._entered)
                self._revocations_at = time.monotonic() + REVOCATIONS_EVERY_S
        except (DatabaseError, InterfaceError) as error:
            reason = str(error).strip().splitlines()[0] if str(error) else "no database"
            log.warning("the usage journal cannot be shipped: %s", reason)
            connection.close()
            time.sleep(SHIP_EVERY_S)
        except OSError:
            log.exception("the folder of the usage journal cannot be read")

    def _end(self, signum: int, frame: FrameType | None) -> None:
        self.is_ending = True


def run() -> None:
    """Serve as the shipping process of this machine."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    django.setup()
    from django.conf import settings

    from hosting.gateway.database import configure_connections

    configure_connections()
    settings.DATABASES["default"]["OPTIONS"]["options"] = "-c statement_timeout=60000"
    run_dir = Path(os.environ.get("RUN_DIR", settings.RUN_DIR))
    folder = Path(os.environ.get("USAGE_JOURNAL_DIR", run_dir / "journal"))
    folder.mkdir(parents=True, exist_ok=True)
    Shipping(folder).run()
