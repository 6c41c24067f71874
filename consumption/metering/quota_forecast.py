"""When a subscription's quota of the month will be used up, at the pace of its last complete days (docs/access.md, "Quota")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Sum
from django.utils import timezone

from consumption.metering.quota import next_period, period_start
from consumption.models import QuotaPeriod, Subscription, UsageDay

PACE_DAYS = 7  # complete days (UTC) whose mean is the pace
LOOKS_AHEAD_FROM = 50  # percent: before half is used, a few busy days say little


@dataclass(frozen=True)
class QuotaForecast:
    """Billed calls of the running month. reached_at: when the quota will be used up, or was found to be; None: not this month."""

    used: int
    quota: int
    per_day: float
    renewed_at: datetime
    reached_at: datetime | None

    @property
    def percent(self) -> float:
        return 100 * self.used / self.quota

    @property
    def is_used_up(self) -> bool:
        return self.used >= self.quota

    @property
    def is_near_end(self) -> bool:
        """All will be used before the month is over; without a pace to go by, most is used."""
        if not self.per_day:
            return self.percent >= QuotaPeriod.NEARLY_USED_PERCENT
        return self.reached_at is not None and self.percent >= LOOKS_AHEAD_FROM


def forecasts(subscriptions: Sequence[Subscription]) -> dict[int, QuotaForecast]:
    """{subscription id: QuotaForecast} of those with a quota. One query."""
    limited = {
        one.pk: quota for one in subscriptions if (quota := one.plan.monthly_quota) is not None
    }
    counted = counts(limited) if limited else {}
    return {pk: forecast(*counted[pk], quota) for pk, quota in limited.items()}


def counts(subscriptions: Iterable[int]) -> dict[int, tuple[int, float]]:
    """{subscription id: (billed calls of the running month, calls a day at its pace)}. One query."""
    now = timezone.now()
    today, month = now.astimezone(UTC).date(), period_start(now)
    since = today - timedelta(days=PACE_DAYS)
    ids = list(subscriptions)
    days = UsageDay.objects.filter(subscription__in=ids, day__gte=min(since, month))
    used, lately = dict.fromkeys(ids, 0), dict.fromkeys(ids, 0)
    for row in days.values("subscription_id", "day").annotate(sum=Sum("units")).order_by():
        if row["day"] >= month:
            used[row["subscription_id"]] += row["sum"]
        if since <= row["day"] < today:
            lately[row["subscription_id"]] += row["sum"]
    return {pk: (used[pk], lately[pk] / PACE_DAYS) for pk in ids}


def forecast(used: int, per_day: float, quota: int) -> QuotaForecast:
    """When so many calls a day use the rest of a quota up."""
    now = timezone.now()
    start = next_period(period_start(now))
    renewed_at = datetime(start.year, start.month, start.day, tzinfo=UTC)
    reached_at = None
    if used >= quota:
        reached_at = now
    elif per_day and (quota - used) / per_day < (renewed_at - now) / timedelta(days=1):
        reached_at = now + timedelta(days=(quota - used) / per_day)
    return QuotaForecast(used, quota, per_day, renewed_at, reached_at)
