"""How often a person may try: so many calls to the gateway in an hour, of all models and versions together."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from consumption.models import LatencyRun, SandboxCall, SandboxHour
from marketplace.accounts.models import User
from marketplace.core.errors import RuleError

HOUR = timedelta(hours=1)
HOURS_KEPT = timedelta(days=2)
CALLS_KEPT = timedelta(days=180)  # how long a try counts as the beginning of a subscription
# One statement, so that two requests at once never take more than there is. No row comes back when too little is left.
TAKE = """
INSERT INTO consumption_sandboxhour AS kept (user_id, hour, calls) VALUES (%(user)s, %(hour)s, %(calls)s)
ON CONFLICT (user_id, hour) DO UPDATE SET calls = kept.calls + excluded.calls WHERE kept.calls + excluded.calls <= %(most)s
RETURNING calls, extract(epoch FROM statement_timestamp())::bigint
"""


class NoneLeft(RuleError):
    """The person has tried, or measured, as often as one may in this hour (429)."""

    status = 429
    slug = "tries-used-up"
    title = "No tries are left in this hour"


@dataclass(frozen=True)
class Allowance:
    """How many calls are left until `resets_at`."""

    left: int
    resets_at: datetime


def of(user: User) -> Allowance:
    """What the person has left now."""
    hour = _hour()
    used = SandboxHour.objects.filter(user=user, hour=hour).values_list("calls", flat=True).first()
    return Allowance(SandboxHour.MOST_CALLS - (used or 0), hour + HOUR)


def take(user: User, calls: int) -> tuple[Allowance, int]:
    """Take that many calls, all or none. Returns what is left, and the time by the clock that gateways follow, Postgres' (seconds
    since 1970). Raises NoneLeft."""
    hour, most = _hour(), SandboxHour.MOST_CALLS
    with connection.cursor() as cursor:
        cursor.execute(TAKE, dict(user=user.pk, hour=hour, calls=calls, most=most))
        row = cursor.fetchone()
    if row is None:
        left = of(user).left
        raise NoneLeft(
            f"You have {left} of {most} calls left in this hour; this needs {calls}.",
            remedy=f"Try again after {hour + HOUR:%H:%M} UTC, or subscribe to a plan.",
        )
    used, now_s = row
    return Allowance(most - used, hour + HOUR), now_s


def delete_old() -> None:
    """Delete what is not needed any more: counts of past hours, and calls after their retention."""
    now = timezone.now()
    SandboxHour.objects.filter(hour__lt=now - HOURS_KEPT).delete()
    SandboxCall.objects.filter(at__lt=now - CALLS_KEPT).delete()
    LatencyRun.objects.filter(requested_at__lt=now - CALLS_KEPT).delete()


def _hour() -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0)
