"""Tells a consuming team when most of a subscription's monthly quota is used, and when all of it is."""

from django.db.models import F
from django.utils import timezone

from consumption.metering.quota import next_period, period_start
from consumption.models import QuotaPeriod, Subscription
from consumption.telling import tell_team
from marketplace.notices.actions import resolve
from marketplace.notices.models import Notice

# At an even pace six days before the month ends, time to ask for a larger plan.
MOST = QuotaPeriod.NEARLY_USED_PERCENT


def notify_of_quotas():
    """Tell the people of each team once for each month, quota and occasion. A larger plan makes them new occasions."""
    occasions = {_key(period, _percent(period)): period for period in _nearly_used()}
    told = set(Notice.objects.filter(key__in=occasions).values_list("key", flat=True))
    for key, period in occasions.items():
        if key not in told:
            _notify(period, key)


def _nearly_used():
    """By the quota that was last asked for, which has an index, then by the plan's own."""
    quota = F("subscription__plan__monthly_quota")
    running = QuotaPeriod.objects.nearly_used().filter(
        period_start=period_start(timezone.now()), subscription__state=Subscription.State.ACTIVE
    )
    return (
        running.annotate(hundredfold=F("used") * 100)
        .filter(hundredfold__gte=quota * MOST)
        .select_related(
            "subscription__application__team",
            "subscription__model__owner_team",
            "subscription__plan",
        )
    )


def _percent(period):
    return 100 if period.used >= period.subscription.plan.monthly_quota else MOST


def _key(period, percent):
    return f"quota-{percent}:{period.pk}:{period.subscription.plan.monthly_quota}"


def _notify(period, key):
    subscription, quota = period.subscription, period.subscription.plan.monthly_quota
    anew = next_period(period.period_start)
    is_used_up = period.used >= quota
    if is_used_up:
        resolve(_key(period, MOST))
    title = (
        f"{subscription}: the month's quota is used up"
        if is_used_up
        else f"{subscription}: {MOST} % of the month's quota is used"
    )
    body = (
        f"{period.used:,} of {quota:,} calls. {'Calls are' if is_used_up else 'When none is left, calls are'} refused with 429 "
        f"until {anew.day} {anew:%B} (UTC). For a larger plan ask {subscription.model.owner_team} ({subscription.model.support_contact})."
    )
    tell_team(subscription, title, key=key, body=body, kind="quota")
