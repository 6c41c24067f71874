"""Monthly fees, day by day: a subscription that is active on a day (UTC) is charged that day's part of its plan's fee.

The terms, the plan and the unit are those at the day's beginning, or when the subscription was granted on that day. A day is charged
while it runs, as soon as the sweep sees the subscription active, and completed when it is over; what is charged is never changed.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter

from django.db import connection, transaction
from django.utils import timezone

from consumption.models import ChargedDay, FeeDay, PlanTerms
from consumption.plans import pricing

DAYS_AT_ONCE = 40
# At `moment` of each: plan, its terms, the unit of the team. Only plans that ever had a fee are looked at.
DUE = """
WITH held AS (
  SELECT subscription.id, subscription.pinned_version_id, application.team_id, greatest(%(since)s, subscription.decided_at) AS moment
  FROM consumption_subscription subscription JOIN consumption_application application ON application.id = subscription.application_id
  WHERE subscription.state = 'active' AND subscription.decided_at < %(until)s
    AND subscription.id IN (
      SELECT kept.subscription_id FROM consumption_subscriptionplan kept
      WHERE kept.plan_id IN (SELECT plan_id FROM consumption_planterms WHERE monthly_fee_micros > 0)
    )
    AND NOT EXISTS (SELECT FROM consumption_feeday WHERE subscription_id = subscription.id AND day = %(day)s)
)
SELECT held.id, held.pinned_version_id, held.team_id, unit.business_unit_id, terms.id
FROM held
CROSS JOIN LATERAL (
  SELECT plan_id FROM consumption_subscriptionplan kept
  WHERE kept.subscription_id = held.id AND kept.since <= held.moment ORDER BY kept.since DESC LIMIT 1
) kept
CROSS JOIN LATERAL (
  SELECT id, monthly_fee_micros FROM consumption_planterms terms WHERE terms.plan_id = kept.plan_id
  ORDER BY terms.effective_from <= held.moment DESC,
    CASE WHEN terms.effective_from <= held.moment THEN terms.effective_from END DESC NULLS LAST, terms.effective_from LIMIT 1
) terms
CROSS JOIN LATERAL (
  SELECT business_unit_id FROM accounts_teamunit unit
  WHERE unit.team_id = held.team_id ORDER BY unit.since <= held.moment DESC, unit.since DESC LIMIT 1
) unit
WHERE terms.monthly_fee_micros > 0
"""


def charge_days() -> int:
    """Charge the running day, and complete those that are over and not complete yet. Returns how many rows were written."""
    today = timezone.now().astimezone(UTC).date()
    last = ChargedDay.objects.order_by("-day").values_list("day", flat=True).first()
    if last is None:
        last = today - timedelta(days=1)
        ChargedDay.objects.get_or_create(day=last)
    written = 0
    for _ in range(DAYS_AT_ONCE):
        day = last + timedelta(days=1)
        written += _charge(day)
        if day >= today:
            break
        ChargedDay.objects.get_or_create(day=day)
        last = day
    return written


@transaction.atomic
def _charge(day: date) -> int:
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"day": day, "since": since, "until": since + timedelta(days=1)})
        rows = cursor.fetchall()
    rows.sort(key=itemgetter(4))
    terms = {row.pk: row for row in PlanTerms.objects.filter(pk__in={row[4] for row in rows})}
    fees = []
    for terms_id, group in groupby(rows, itemgetter(4)):
        [billionths] = pricing.price_period([pricing.Day(pricing.Price.of(terms[terms_id]), day)])
        fees += [
            FeeDay(
                subscription_id=subscription,
                version_id=version,
                team_id=team,
                business_unit_id=unit,
                terms_id=terms_id,
                day=day,
                cost=pricing.amount(billionths),
            )
            for subscription, version, team, unit, _ in group
        ]
    FeeDay.objects.bulk_create(fees, ignore_conflicts=True)
    return len(fees)


def since_midnight(moment: datetime | date) -> date:
    """The first day that begins at or after a moment (UTC): fees of a window are those of its days."""
    if not isinstance(moment, datetime):
        return moment
    at = moment.astimezone(UTC)
    return at.date() + timedelta(days=at.time() > datetime.min.time())
