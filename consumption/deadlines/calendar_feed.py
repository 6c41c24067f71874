"""A person's deadlines as an iCalendar feed (RFC 5545) under a signed address that they can revoke (docs/notices.md, "Calendar")."""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from urllib.parse import urlparse

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from consumption import deadlines
from consumption.deadlines import Deadline
from consumption.models import Subscription
from marketplace.accounts.models import User
from marketplace.accounts.permissions import require_person
from marketplace.audit.actions import record
from marketplace.core import icalendar
from marketplace.notices.models import CalendarAddress

SALT = "marketplace.calendar"
MEDIA_TYPE = icalendar.MEDIA_TYPE
MOST_EVENTS = 500


@transaction.atomic
def make_address(by: User) -> CalendarAddress:
    """A new address; one from before is dead from now on. Raises NotAllowed for a token."""
    require_person(by, "People make their calendar address; no token does.")
    facts = {"nonce": uuid.uuid4(), "made_at": timezone.now()}
    address, _ = CalendarAddress.objects.update_or_create(person=by, defaults=facts)
    record(by, "calendar.make", address)
    return address


@transaction.atomic
def revoke_address(by: User) -> None:
    """End the address; the same again changes nothing. Raises NotAllowed for a token."""
    require_person(by, "People end their calendar address; no token does.")
    address = CalendarAddress.objects.visible_to(by).first()
    if address is not None:
        record(by, "calendar.revoke", address)
        address.delete()


def url_of(address: CalendarAddress) -> str:
    """Where a calendar program reads it. Whoever knows it reads it: it is a secret."""
    token = signing.dumps([address.person_id, address.nonce.hex], salt=SALT)
    return settings.PORTAL_URL + reverse("consumption:calendar_feed", args=[token])


def reader_of(token: str) -> User | None:
    """Whose feed it is; None for another text, a dead address, and who was deactivated. Costs no query without our signature."""
    try:
        person, nonce = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    live = CalendarAddress.objects.filter(person=person, nonce=nonce, person__is_active=True)
    address = live.select_related("person").first()
    return address.person if address else None


def deadlines_of(person: User) -> list[Deadline]:
    """What needs the person, the soonest first."""
    held = list(Subscription.objects.held_by(person).going_on().for_list())
    return deadlines.for_person(person, held)[:MOST_EVENTS]


def feed(due: Iterable[Deadline]) -> bytes:
    """The calendar: one moment for each deadline, with a reminder a day before what stops calls."""
    return icalendar.document("Deadlines", (line for deadline in due for line in _event(deadline)))


def _event(deadline: Deadline) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_uid(deadline)}"
    yield f"DTSTAMP:{icalendar.moment(timezone.now())}"
    yield f"DTSTART:{icalendar.moment(deadline.due)}"
    yield f"SUMMARY:{icalendar.text(f'{deadline.kind.label}: {deadline.title}')}"
    yield f"DESCRIPTION:{icalendar.text(deadline.text)}"
    yield f"URL:{_address(deadline.act_url or deadline.url)}"
    yield f"CATEGORIES:{icalendar.text(deadline.kind.label)}"
    yield "TRANSP:TRANSPARENT"
    if deadline.is_at_risk:
        yield from ("BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-P1D")
        yield f"DESCRIPTION:{icalendar.text(deadline.title)}"
        yield "END:VALARM"
    yield "END:VEVENT"


def _uid(deadline: Deadline) -> str:
    """The same for the same thing, also when its day moves."""
    held = deadline.subscription.pk if deadline.subscription else ""
    about = f"{deadline.kind}|{held}|{deadline.act_url}|{deadline.title}"
    host = urlparse(settings.PORTAL_URL).hostname or "localhost"
    return f"{hashlib.sha256(about.encode()).hexdigest()[:32]}@{host}"


def _address(path: str) -> str:
    address = f"{settings.PORTAL_URL}{path}" if path.startswith("/") else path
    return address.replace("\r", "").replace("\n", "")
