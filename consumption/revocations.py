"""Every revocation once more, outside the database: a database that is restored from a backup must not revive a key.

A line of JSON {"kid", "at"} in REVOCATIONS_FILE, through to the disk when the revocation is committed. Only a restore reads it.
"""

import json
import os
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone


def note(kid: str) -> None:
    """Append the kid when the transaction is committed. A disk that refuses it is told to the log; the revocation stands."""
    transaction.on_commit(lambda: _append({"kid": kid, "at": timezone.now().isoformat()}), robust=True)


def noted(path: Path | None = None) -> list[str]:
    """The kids of all whole lines, oldest first."""
    try:
        lines = Path(path or settings.REVOCATIONS_FILE).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [json.loads(line)["kid"] for line in lines]


def _append(line: dict[str, str]) -> None:
    fd = os.open(settings.REVOCATIONS_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, json.dumps(line).encode() + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
