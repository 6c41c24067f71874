"""How fast each subscription uses its month's quota, and which limit meets its calls first, in words (docs/dashboards.md, "Limits in words")."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from django.utils import timezone

from consumption.metering import quota_forecast, rejections
from consumption.metering.quota import next_period, period_start
from consumption.metering.quota_forecast import QuotaForecast
from consumption.metering.rejections import RejectionCount
from consumption.models import ApiKey, BudgetStop, Subscription

REJECTED_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class Limit:
    """What stops a subscription's calls first. tone: "bad" it does now, "warn" it will or did lately, "" nothing does; word: the same."""

    sentence: str
    tone: str = ""
    word: str = ""


@dataclass(frozen=True)
class Burn:
    """Billed calls of a subscription in the running month (UTC).

    quota     None without one.
    forecast  at the month's end, if each day to come is like the mean of the last complete ones (quota_forecast.PACE_DAYS).
    full_on   when the quota is used up at that pace; None when it is not in this month, or is already.
    """

    subscription: Subscription
    used: int
    quota: int | None
    forecast: int
    full_on: date | None
    limit: Limit

    @property
    def left(self) -> int | None:
        return None if self.quota is None else max(0, self.quota - self.used)

    @property
    def percent(self) -> float | None:
        return None if self.quota is None else min(100.0, 100 * self.used / self.quota)


def burns(subscriptions: Any) -> list[Burn]:
    """A Burn for each open one of a queryset, the fullest quota first. Six queries for any number of subscriptions."""
    shown = list(subscriptions.open().for_list())
    ids = [one.pk for one in shown]
    live = ApiKey.objects.live().filter(subscription__in=ids)
    with_keys = set(live.values_list("subscription_id", flat=True))
    counted = quota_forecast.counts(ids)
    rejected = defaultdict(list)
    for row in rejections.of(ids, timezone.now() - REJECTED_FOR):
        rejected[row.subscription.pk].append(row)
    stopped = _stopped(ids)
    rows = [
        _burn(
            one,
            *counted[one.pk],
            stopped.get(one.pk) or _limit_of_keys(one, with_keys),
            rejected[one.pk],
        )
        for one in shown
    ]
    return sorted(rows, key=lambda row: (-(row.percent or 0), -row.used, row.subscription.pk))


def _stopped(subscriptions: list[int]) -> dict[int, Limit]:
    """{subscription id: Limit} of those that a used-up budget paused."""
    anew = next_period(period_start(timezone.now()))
    stops = BudgetStop.objects.filter(subscription__in=subscriptions, ended_at=None)
    return {
        stop.subscription_id: Limit(
            f"{stop.budget} is used up: no call is answered until {anew:%-d %B} (UTC), or until {stop.budget.set_by} allows more.",
            "bad",
            "stopped",
        )
        for stop in stops.select_related("budget__unit", "budget__team", "budget__set_by")
    }


def _limit_of_keys(subscription: Subscription, with_keys: set[int]) -> Limit | None:
    """The Limit of a subscription that could be called, had it a key."""
    if subscription.state != Subscription.State.ACTIVE or subscription.pk in with_keys:
        return None
    return Limit("No call is answered: it has no live key.", "bad", "stopped")


def _burn(
    subscription: Subscription,
    used: int,
    per_day: float,
    stop: Limit | None,
    rejected: list[RejectionCount],
) -> Burn:
    now = timezone.now()
    quota = subscription.plan.monthly_quota
    days_left = (next_period(period_start(now)) - now.astimezone(UTC).date()).days - 1
    ahead = None if quota is None else quota_forecast.forecast(used, per_day, quota)
    limit = stop or _first_limit(subscription, ahead, rejected)
    full_on = None
    if ahead and ahead.reached_at and not ahead.is_used_up:
        full_on = ahead.reached_at.astimezone(UTC).date()
    return Burn(subscription, used, quota, used + round(per_day * days_left), full_on, limit)


def _first_limit(
    subscription: Subscription, ahead: QuotaForecast | None, rejected: list[RejectionCount]
) -> Limit:
    if subscription.state != Subscription.State.ACTIVE:
        state = subscription.get_state_display().lower()
        return Limit(f"No call is answered: {state}.", "bad", "stopped")
    named = f"The monthly quota of the {subscription.plan} plan"
    if ahead and ahead.is_used_up:
        left = f"0 of {ahead.quota:,} calls left until {ahead.renewed_at:%-d %B} (UTC)"
        return Limit(f"{named}: {left}.", "bad", "used up")
    if rejected:
        return Limit(_of_rejections(subscription, rejected), "warn", "refused lately")
    if ahead is None:
        return Limit(f"Nothing now: no monthly quota, and at most {_rate(subscription)}.")
    left = f"{ahead.quota - ahead.used:,} of {ahead.quota:,} calls left"
    if ahead.is_near_end and ahead.reached_at:
        return Limit(
            f"{named} comes first: {left}, used up about {ahead.reached_at:%-d %B} at the pace of the last "
            f"{quota_forecast.PACE_DAYS} days.",
            "warn",
            "soon used up",
        )
    return Limit(f"Nothing now: {left} this month, and at most {_rate(subscription)}.")


def _of_rejections(subscription: Subscription, rejected: list[RejectionCount]) -> str:
    """The limit that rejected most calls lately."""
    most = max(rejected, key=lambda row: row.calls)
    said = {
        "rate": f"The rate of the {subscription.plan} plan: {_rate(subscription)}",
        "concurrency": f"Calls at once: {subscription.plan.concurrency:,} under the {subscription.plan} plan",
    }.get(most.slug, f"{most.limit.name}: calls were refused {most.limit.reason}")
    calls = "call" if most.calls == 1 else "calls"
    return f"{said}. {most.calls:,} {calls} refused in the last 24 hours."


def _rate(subscription: Subscription) -> str:
    plan = subscription.plan
    return f"{plan.rate_per_second:,} calls a second, {plan.burst:,} in a burst"
