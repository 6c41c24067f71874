"""Ninety days of past calls for the demo's subscriptions, as usage events marked `is_demo`.

They go into the same table by the same statement as the gateway's events, and the same roll-up counts them.
Ids come from a fixed seed, so that a repeated build adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from consumption.metering import (
    fees,
    projections,
    reconciliation,
    rollups,
    shipping,
    usage_journal,
)
from consumption.models import ApiKey, ChargedDay, Subscription, UsageEvent

from .consumers import USES, Use

WEEKDAYS = np.array([1.1, 1.0, 1.0, 0.97, 0.88, 0.22, 0.14])  # Monday first
# Share of a day's calls per hour (UTC): office hours of the United States.
HOURS = np.array(
    [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 8, 11, 12, 11, 9, 9, 10, 9, 7, 4, 3], dtype=float
)
# What a limit refuses is no event.
OUTCOMES = (
    (usage_journal.OK, 200, 0.989),
    (usage_journal.CLIENT_ERROR, 422, 0.009),
    (usage_journal.UPSTREAM_ERROR, 502, 0.002),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SUSPENDED_DAYS_AGO = 6
PAST_DAYS = 91


def build_usage() -> int:
    """Write the past calls of subscriptions that have none yet, and the roll-ups. Returns how many events."""
    now = timezone.now()
    events = [event for use in USES for event in past_calls(use, now)]
    if not events:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        written = shipping.insert(cursor, events, is_demo=True)
        shipping.write_last_use(shipping.last_uses(written))
        rollups.mark_all_stale()
    rollups.roll_up_all()
    past_fees(now)
    reconciliation.count_window()
    projections.project()
    return len(events)


def past_fees(now: datetime) -> None:
    """Fees since the first call of each subscription that pays one; the demo company granted it then."""
    paying = Subscription.objects.filter(plan__monthly_fee_micros__gt=0)
    for use in USES:
        made = paying.filter(application__name=use.application, model__slug=use.slug)
        made.update(decided_at=now - timedelta(days=use.since))
    ChargedDay.objects.all().delete()
    ChargedDay.objects.create(day=(now - timedelta(days=PAST_DAYS)).astimezone(UTC).date())
    while ChargedDay.objects.latest("day").day < (now - timedelta(days=1)).astimezone(UTC).date():
        fees.charge_days()


def past_calls(use: Use, now: datetime) -> Iterator[bytes]:
    """One use's events, oldest first, each as shipping.copied makes it."""
    made = (
        Subscription.objects.filter(application__name=use.application, model__slug=use.slug)
        .select_related("application")
        .first()
    )
    key = ApiKey.objects.filter(subscription=made).first() if made else None
    if made is None or key is None or not use.daily or has_past(made):
        return
    generator = np.random.default_rng([*use.application.encode(), *use.slug.encode()])
    last = SUSPENDED_DAYS_AGO if made.pinned_version.suspended_at else use.stopped
    who = (
        made.pk,
        key.pk,
        made.application_id,
        made.application.team_id,
        made.model_id,
        made.pinned_version_id,
    )
    for back in range(use.since, last - 1, -1):
        day = (
            (now - timedelta(days=back))
            .astimezone(UTC)
            .replace(hour=0, minute=0, second=0, microsecond=0)
        )
        for at in moments(use, day, back, generator):
            if at < now:
                yield call(at, who, made.application.environment, generator)


def has_past(made: Subscription) -> bool:
    return UsageEvent.objects.filter(subscription_id=made.pk, is_demo=True).exists()


def moments(use: Use, day: datetime, back: int, generator: np.random.Generator) -> list[datetime]:
    """When the calls of one day happen: weekly pattern, a slow start in the first weeks, office hours."""
    growth = min(1.0, 0.25 + (use.since - back) / 28)
    count = generator.poisson(use.daily * WEEKDAYS[day.weekday()] * growth)
    hours = generator.choice(24, count, p=HOURS / HOURS.sum())
    microseconds = np.sort(hours * 3_600_000_000 + generator.integers(0, 3_600_000_000, count))
    return [day + timedelta(microseconds=int(one)) for one in microseconds]


def call(
    at: datetime, who: tuple[int, ...], environment: str, generator: np.random.Generator
) -> bytes:
    outcome, status = drawn_outcome(generator.random())
    served = outcome != usage_journal.UPSTREAM_ERROR
    duration_us = int(generator.lognormal(9.1, 0.45))
    identity = UUID(bytes=generator.bytes(16), version=4)
    request_bytes, response_bytes = (
        int(generator.integers(300, 900)),
        int(generator.integers(180, 420)) if served else 160,
    )
    return shipping.copied(
        identity.bytes,
        (at - EPOCH) // timedelta(microseconds=1),
        *who,
        request_bytes,
        usage_journal.ENVIRONMENTS.index(environment),
        duration_us,
        response_bytes,
        int(outcome == usage_journal.OK),
        status,
        outcome,
    )


def drawn_outcome(number: float) -> tuple[int, int]:
    reached = 0.0
    for outcome, status, share in OUTCOMES:
        reached += share
        if number < reached:
            return outcome, status
    return usage_journal.OK, 200
