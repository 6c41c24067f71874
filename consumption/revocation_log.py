"""Every revocation once more, outside the database: a database that is restored from a backup must not revive a key.

A line of JSON {"kid", "at"} in REVOCATIONS_FILE, through to the disk when the revocation is committed. Only a restore reads it.
"""

import json
import os
import re
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

KID = re.compile(rb'\{"kid": "([0-9A-Za-z]{8})"')


def note(kid: str) -> None:
    """Append the kid when the transaction is committed. A disk that refuses it is told to the log; the revocation stands."""
    transaction.on_commit(
        lambda: _append({"kid": kid, "at": timezone.now().isoformat()}), robust=True
    )


def noted() -> list[str]:
    """The kids of all that was written whole, oldest first. Raises OSError.

    A line that a full disk or a power cut broke off, and the next one is joined to, hides no other.
    """
    try:
        return [kid.decode() for kid in KID.findall(Path(settings.REVOCATIONS_FILE).read_bytes())]
    except FileNotFoundError:
        return []


def _append(line: dict[str, str]) -> None:
    fd = os.open(settings.REVOCATIONS_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, json.dumps(line).encode() + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
