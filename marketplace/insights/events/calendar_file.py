"""An event as a file for a calendar program (RFC 5545)."""

from collections.abc import Iterator
from urllib.parse import urlparse

from django.conf import settings

from marketplace.core import icalendar
from marketplace.insights.models import CompanyEvent, EventState


def written(event: CompanyEvent) -> bytes:
    """The event; the same UID for ever, a higher SEQUENCE after each change, so that programs replace it."""
    return icalendar.document("Events", _lines(event))


def _lines(event: CompanyEvent) -> Iterator[str]:
    host = urlparse(settings.PORTAL_URL).hostname or "localhost"
    where = ", ".join(part for part in (event.place, event.link) if part)
    yield "BEGIN:VEVENT"
    yield f"UID:event-{event.pk}@{host}"
    yield f"SEQUENCE:{event.changes + (event.state == EventState.CANCELLED)}"
    yield f"DTSTAMP:{icalendar.moment(event.state_since)}"
    yield f"DTSTART:{icalendar.moment(event.starts_at)}"
    yield f"DTEND:{icalendar.moment(event.ends_at)}"
    yield f"SUMMARY:{icalendar.text(event.title)}"
    yield f"DESCRIPTION:{icalendar.text(event.text)}"
    yield f"LOCATION:{icalendar.text(where)}"
    yield f"URL:{settings.PORTAL_URL}{event.get_absolute_url()}"
    yield f"STATUS:{'CANCELLED' if event.state == EventState.CANCELLED else 'CONFIRMED'}"
    yield from ("BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT1H")
    yield f"DESCRIPTION:{icalendar.text(event.title)}"
    yield "END:VALARM"
    yield "END:VEVENT"
