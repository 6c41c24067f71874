"""Guessing passwords is slow: for an address, for an account, and for all processes together. The owner is never locked out.

Tries are counted in Postgres, before the password is looked at: a hundred at once are not one. What counts is who tries what:
an account from a source. The source is the network address, or, in a browser in which the owner has signed in before, that
browser (a signed cookie), which no siege from elsewhere slows down. Numbers and reasons: docs/portal-limits.md.
"""

import hashlib
import hmac
import ipaddress
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from marketplace.accounts.models import SignInAttempt, User
from marketplace.core.errors import BusinessAnswer

MINUTE, HOUR, KEPT = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
A_MINUTE, AN_HOUR = 5, 20  # tries of one account from one source
PAUSE_S = 180  # between two tries, when the hour's are used up: slow, not shut
SIEGE, SIEGE_PAUSE_S = (
    50,
    60,
)  # tries of one account in an hour from everywhere, and the pause between two from one source from then on
CROWD, CROWD_PAUSE_S = (
    100,
    3,
)  # tries from one address in an hour of all accounts; everybody may be behind it
COOKIE, COOKIE_DAYS = "known-browser", 365


class TooManyTries(BusinessAnswer):
    """The account, or the address, has to wait (429)."""

    status = 429
    slug = "too-many"
    title = "Too many tries to sign in"

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Too many tries to sign in. Wait {wait_s} seconds, then try again.")
        self.wait_s = wait_s


class Try:
    """A try that was let through; `succeeded` forgets it, and what the source tried before."""

    def __init__(self, row: SignInAttempt) -> None:
        self.row = row

    def succeeded(self) -> None:
        SignInAttempt.objects.filter(account=self.row.account, source=self.row.source).delete()


def begin(request: HttpRequest, username: str) -> Try:
    """Count a try before the password is looked at. Raises TooManyTries."""
    account, now = _digest(username.strip().casefold()), timezone.now()
    browser = _known_browser(request, username)
    address = network_of(request.META.get("REMOTE_ADDR", ""))
    with transaction.atomic():
        _take_turns(account, address)
        SignInAttempt.objects.filter(at__lt=now - KEPT).delete()
        if wait_s := _wait_s(account, browser or address, bool(browser), now):
            raise TooManyTries(wait_s)
        row = SignInAttempt.objects.create(
            account=account, source=browser or address, is_known_browser=bool(browser), at=now
        )
    return Try(row)


def remember_browser(answer: HttpResponse, user: User) -> None:
    """From now on this browser is the account's own, until its password changes."""
    value = signing.dumps([user.pk, secrets.token_hex(8), _password_mark(user)], salt=COOKIE)
    age = COOKIE_DAYS * 86400
    answer.set_cookie(
        COOKIE,
        value,
        max_age=age,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def network_of(address: str) -> str:
    """An IPv4 address, or the network of an IPv6 one: a household has 2^64 of those."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return (
        str(mapped)
        if mapped.version == 4
        else str(ipaddress.ip_network(f"{mapped}/64", strict=False))
    )


def _wait_s(account: str, source: str, is_known_browser: bool, now: datetime) -> int:
    """Seconds until the next try may be; 0 when it may be now."""
    own = SignInAttempt.objects.filter(account=account, source=source)
    waits = [_pause(own, now, AN_HOUR, PAUSE_S), _minute(own, now)]
    if not is_known_browser:
        elsewhere = SignInAttempt.objects.filter(account=account, is_known_browser=False)
        if elsewhere.filter(at__gt=now - HOUR).count() >= SIEGE:
            waits.append(_pause(own, now, 1, SIEGE_PAUSE_S))
        waits.append(_pause(SignInAttempt.objects.filter(source=source), now, CROWD, CROWD_PAUSE_S))
    return max(waits)


def _minute(tries, now: datetime) -> int:
    """Until the first of a full minute's tries is a minute old."""
    recent = list(
        tries.filter(at__gt=now - MINUTE).order_by("-at").values_list("at", flat=True)[:A_MINUTE]
    )
    return _left(recent[-1] + MINUTE, now) if len(recent) == A_MINUTE else 0


def _pause(tries, now: datetime, most: int, pause_s: int) -> int:
    """Until the pause after the last try is over, when there were `most` within the hour."""
    recent = list(
        tries.filter(at__gt=now - HOUR).order_by("-at").values_list("at", flat=True)[:most]
    )
    return _left(recent[0] + timedelta(seconds=pause_s), now) if len(recent) == most else 0


def _left(until: datetime, now: datetime) -> int:
    seconds = (until - now).total_seconds()
    return max(0, int(seconds) + (seconds > int(seconds)))


def _take_turns(*names: str) -> None:
    """Tries of one account, and from one address, are counted one after the other."""
    locks = sorted(
        int.from_bytes(hashlib.sha256(f"sign-in {name}".encode()).digest()[:8], "big", signed=True)
        for name in names
    )
    with connection.cursor() as cursor:
        for lock in locks:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])


def _known_browser(request: HttpRequest, username: str) -> str:
    """The name of a browser in which the owner of this account has signed in, "" for every other."""
    try:
        pk, name, mark = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=COOKIE, max_age=COOKIE_DAYS * 86400
        )
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    owner = User.objects.filter(pk=pk, username=username, is_active=True).first()
    return f"browser {name}" if owner and hmac.compare_digest(mark, _password_mark(owner)) else ""


def _password_mark(user: User) -> str:
    return _digest(f"password {user.password}")[:16]


def _digest(text: str) -> str:
    return hmac.new(
        settings.SECRET_KEY.encode(), f"sign-in {text}".encode(), hashlib.sha256
    ).hexdigest()
