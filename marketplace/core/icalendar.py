"""The lines of an iCalendar file (RFC 5545): moments, texts, and lines of at most 75 octets."""

from collections.abc import Iterable
from datetime import UTC, datetime

MEDIA_TYPE = "text/calendar; charset=utf-8"
LONGEST_LINE = 75  # octets, without the line break (RFC 5545, 3.1)


def document(name: str, lines: Iterable[str]) -> bytes:
    """A calendar around the lines of its events. name: what it holds, for programs."""
    whole = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//Model marketplace//{name}//EN",
        "X-WR-CALNAME:Model marketplace",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        *lines,
        "END:VCALENDAR",
    ]
    return b"".join(folded(line) for line in whole)


def moment(at: datetime) -> str:
    """20261130T090000Z."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def text(value: str) -> str:
    """What stands in a text property; line breaks become \\n."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r", ""), ("\n", "\\n")):
        value = value.replace(plain, escaped)
    return value


def folded(line: str) -> bytes:
    """At most 75 octets a line; what goes on begins with a blank, and no character is cut."""
    written, length = bytearray(), 0
    for character in line:
        octets = character.encode()
        if length + len(octets) > LONGEST_LINE:
            written += b"\r\n "
            length = 1
        written += octets
        length += len(octets)
    return bytes(written) + b"\r\n"
