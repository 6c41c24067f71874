"""Verbs of mail: put notices that are due into letters, send letters, unsubscribe (docs/notices.md, "Mail")."""

import contextlib
import logging
import random
import smtplib
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlparse

from django.conf import settings
from django.core import mail, signing
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.core.background import enqueue
from marketplace.core.transitions import transition
from marketplace.notices import actions, preferences
from marketplace.notices.kinds import Mail
from marketplace.notices.models import Letter, Notice, NoticeSettings
from marketplace.notices.preferences import Channels

log = logging.getLogger(__name__)

PEOPLE_A_RUN = 200
LETTERS_A_RUN = 100
RUN_S = 60.0
LISTED = 50  # notices that a letter shows; it says how many more there are
TRY_LASTS = timedelta(minutes=5)  # longer than one try: SMTP waits EMAIL_TIMEOUT for each answer
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=12)
MOST_TRIES = 16  # two to three days
KEPT = timedelta(days=90)
CLEANED_A_RUN = 5_000
SALT = "marketplace.notices.unsubscribe"


def compose() -> int:
    """Put what is due into one letter for each person, or two: at once, and the digest. Returns how many letters were made.

    Safe to run twice at once: whose notices somebody else holds is left to them.
    """
    now = timezone.now()
    due = Notice.objects.filter(mail_at__lte=now).order_by("mail_at")
    people = dict.fromkeys(due.values_list("recipient", flat=True)[: 5 * PEOPLE_A_RUN])
    made = sum(_compose_for(pk, now) for pk in list(people)[:PEOPLE_A_RUN])
    if made:
        enqueue("notices.send_letters")
    return made


@transaction.atomic
def _compose_for(person_pk: int, now: datetime) -> int:
    person = User.objects.get(pk=person_pk)
    rows = Notice.objects.filter(recipient=person, mail_at__lte=now).order_by("-at")
    due = list(rows.select_for_update(skip_locked=True)[: 10 * LISTED])
    channels, times = preferences.channels_of(person), preferences.times_of(person)
    letters: dict[bool, list[Notice]] = {False: [], True: []}
    for notice in due:
        notice.mail_at = _moment(notice, channels, times, now) if _reaches(person) else None
        if notice.mail_at == now:
            letters[_mail_of(notice, channels) == Mail.DIGEST].append(notice)
            notice.mail_at = None
    made = [
        _write(person, notices, is_digest, now) for is_digest, notices in letters.items() if notices
    ]
    Notice.objects.bulk_update(due, ["mail_at", "letter"])
    return len(made)


def _reaches(person: User) -> bool:
    return person.is_active and not person.is_system and bool(person.email)


def _mail_of(notice: Notice, channels: dict[str, Channels]) -> str:
    return (channels.get(notice.kind) or channels["other"]).mail


def _moment(
    notice: Notice, channels: dict[str, Channels], times: NoticeSettings, now: datetime
) -> datetime | None:
    """When the notice is to be mailed: `now`, later, or None for never. What was read on the page is not mailed."""
    wanted = _mail_of(notice, channels)
    if notice.read_at or wanted == Mail.NEVER:
        return None
    if wanted == Mail.DIGEST and (digest := times.next_digest(notice.at)) > now:
        return digest
    return times.end_of_quiet(now) or now


def _write(person: User, notices: list[Notice], is_digest: bool, now: datetime) -> Letter:
    first = " ".join(notices[0].title.split())
    more = f" and {len(notices) - 1} more" if len(notices) > 1 else ""
    letter = Letter(
        recipient=person,
        address=person.email,
        subject=f"Your week: {first[:150]}{more}" if is_digest else f"{first[:180]}{more}",
        kinds=sorted({notice.kind for notice in notices}),
        is_digest=is_digest,
        made_at=now,
        try_at=now,
    )
    letter.save()
    context = {
        "person": person,
        "letter": letter,
        "notices": [(notice, _address(notice.url)) for notice in notices[:LISTED]],
        "more": max(len(notices) - LISTED, 0),
        "centre": _address(reverse("notices:notices")),
        "channels": _address(reverse("notices:channels")),
        "unsubscribe": unsubscribe_url(letter),
    }
    letter.text = render_to_string("notices/mail/letter.txt", context)
    letter.html = render_to_string("notices/mail/letter.html", context)
    letter.save(update_fields=["text", "html"])
    for notice in notices:
        notice.letter = letter
    return letter


def _address(path: str) -> str:
    return f"{settings.PORTAL_URL}{path}" if path.startswith("/") else path


def send_due() -> int:
    """Send the letters that are due. Returns how many went out.

    A try is claimed before it is made and given up after TRY_LASTS. Whoever is killed between the server's yes and the row
    sends a second copy with the same Message-ID.
    """
    until, sent = time.monotonic() + RUN_S, 0
    connection = mail.get_connection()
    for letter in Letter.objects.due().select_related("recipient")[:LETTERS_A_RUN]:
        if time.monotonic() > until:
            break
        if _claim(letter):
            sent += _send(letter, connection)
    _close(connection)
    return sent


def _close(connection: BaseEmailBackend) -> None:
    with contextlib.suppress(smtplib.SMTPException, OSError):  # what was taken is taken
        connection.close()


def _claim(letter: Letter) -> bool:
    held = Letter.objects.filter(pk=letter.pk, state=Letter.State.QUEUED, try_at=letter.try_at)
    letter.try_at, letter.tries = timezone.now() + TRY_LASTS, letter.tries + 1
    return bool(held.update(try_at=letter.try_at, tries=F("tries") + 1))


def _send(letter: Letter, connection: BaseEmailBackend) -> bool:
    try:
        connection.open()
        message_of(letter, connection).send()
    except (smtplib.SMTPException, OSError, ValueError) as error:  # also: no such address
        _close(connection)
        if _is_for_good(error):
            _not_delivered(letter, f"The mail server refuses the address: {error}")
        else:
            _try_again(letter, f"{type(error).__name__}: {error}")
        return False
    transition(letter, Letter.State.SENT, sent_at=timezone.now(), problem="")
    return True


def _is_for_good(error: Exception) -> bool:
    """There is no such mailbox: a reply of 500 or more about the address."""
    return isinstance(error, smtplib.SMTPRecipientsRefused) and all(
        code >= 500 for code, _ in error.recipients.values()
    )


def _try_again(letter: Letter, problem: str) -> None:
    if letter.tries >= MOST_TRIES:
        _not_delivered(letter, problem)
        return
    wait = min(FIRST_WAIT * 2 ** (letter.tries - 1), LONGEST_WAIT)
    at = timezone.now() + wait * random.uniform(0.5, 1)
    log.warning("letter %s is tried again at %s: %s", letter.pk, at, problem)
    Letter.objects.filter(pk=letter.pk).update(try_at=at, problem=problem[:300])


def _not_delivered(letter: Letter, problem: str) -> None:
    log.error("letter %s is not delivered: %s", letter.pk, problem)
    transition(letter, Letter.State.FAILED, problem=problem[:300])


def message_of(
    letter: Letter, connection: BaseEmailBackend | None = None
) -> EmailMultiAlternatives:
    """The letter as a mail: text and HTML, one-click unsubscribe (RFC 8058), marked as sent by a program (RFC 3834)."""
    host = urlparse(settings.PORTAL_URL).hostname or "localhost"
    message = EmailMultiAlternatives(
        letter.subject,
        letter.text,
        to=[letter.address],
        connection=connection,
        headers={
            "Message-ID": f"<{letter.message_id}@{host}>",
            "List-Unsubscribe": f"<{unsubscribe_url(letter)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(letter.html, "text/html")
    return message


def unsubscribe_url(letter: Letter) -> str:
    """The address that ends mail of the letter's kinds, for whoever holds the letter."""
    token = signing.dumps(letter.pk, salt=SALT)
    return _address(reverse("notices:unsubscribe", args=[token]))


def letter_of(token: str) -> Letter | None:
    """The letter whose unsubscribe address this is; None for another text, or a letter that is no longer kept."""
    try:
        pk = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    return Letter.objects.select_related("recipient").filter(pk=pk).first()


@transaction.atomic
def unsubscribe(letter: Letter) -> None:
    """End mail of the kinds in the letter for its recipient; they stay on the page. The same again changes nothing."""
    channels = preferences.channels_of(letter.recipient)
    for kind in letter.kinds:
        chosen = channels.get(kind) or channels["other"]
        actions.prefer(letter.recipient, chosen.kind.slug, page=chosen.page, mail=Mail.NEVER)


def clean() -> int:
    """Forget letters that are older than KEPT. Returns how many."""
    old = Letter.objects.filter(made_at__lt=timezone.now() - KEPT).order_by("made_at")
    ids: Sequence[int] = list(old.values_list("pk", flat=True)[:CLEANED_A_RUN])
    Letter.objects.filter(pk__in=ids).delete()
    return len(ids)


def labels(kinds: Iterable[str], person: User) -> list[str]:
    """What the kinds are called on pages."""
    channels = preferences.channels_of(person)
    return sorted({(channels.get(kind) or channels["other"]).kind.label for kind in kinds})
