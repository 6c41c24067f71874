"""Every bound of the portal's front in one place: seconds, bytes, counts. `PORTAL_<NAME>` in the environment overrides one.

What they protect and how they were chosen: docs/portal-limits.md.
"""

import os
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may cost before its request takes a worker, and after it was answered."""

    header_s: float = 10.0  # from the first byte, or the connection, to the end of the headers
    body_s: float = 30.0  # from the end of the headers to the end of the body
    idle_s: float = 15.0  # between two requests of one connection
    write_s: float = 32.0  # without a byte read by the client, while an answer waits for it; at least 2 s more than `body_s`
    upload_block_bytes: int = 512 * 1024  # of an upload, that must come within `body_s`
    upload_s: float = 3600.0  # of a whole upload
    # For an answer, uploads inspected; a trial call may wait 300 s for a model.
    work_s: float = 310.0

    header_bytes: int = 32 * 1024
    header_count: int = 100
    url_bytes: int = 8 * 1024
    small_body_bytes: int = 64 * 1024  # from anybody, and what the front itself receives whole
    body_bytes: int = 1024 * 1024  # from people who are signed in
    large_bodies_per_person: int = 4  # being received at once, beside uploads

    connections: int = 8000
    share_per_address: float = 0.5  # of all connections; a trusted proxy may have all
    threads: int = 8
    admission_threads: int = 2  # that judge and refuse bodies, and so do not wait behind pages
    upload_threads: int = 2


def from_environment() -> Limits:
    """The limits with what the environment says. Raises ValueError, with the name, when that is no number."""
    limits = Limits()
    changed = {
        field.name: _number(name, os.environ[name], type(getattr(limits, field.name)))
        for field in fields(Limits)
        if (name := f"PORTAL_{field.name.upper()}") in os.environ
    }
    return replace(limits, **changed)


def _number(name: str, text: str, kind: type[int | float]) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(
            f"{name} is '{text}', not {'a whole number' if kind is int else 'a number'}"
        ) from None
