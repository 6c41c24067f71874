"""The revocation log: every revocation outside the database, so that a restored backup does not revive a key.

Each is a line of JSON {"kid", "at"} in REVOCATIONS_FILE, on disk once the revocation is committed. Only a restore reads it.
"""

import json
import os
import re
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

KID = re.compile(rb'\{"kid": "([0-9A-Za-z]{8})"')


def append(kid: str) -> None:
    """Append the kid when the transaction is committed. A failing disk is logged; the revocation stands."""
    transaction.on_commit(
        lambda: _write({"kid": kid, "at": timezone.now().isoformat()}), robust=True
    )


def read() -> list[str]:
    """The kids of all complete entries, oldest first. Raises OSError.

    An entry that a full disk or a power cut broke off does not hide the next one, which is then on the same line.
    """
    try:
        return [kid.decode() for kid in KID.findall(Path(settings.REVOCATIONS_FILE).read_bytes())]
    except FileNotFoundError:
        return []


def _write(entry: dict[str, str]) -> None:
    fd = os.open(settings.REVOCATIONS_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, json.dumps(entry).encode() + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
