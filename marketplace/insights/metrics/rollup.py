"""Counts the metrics and keeps them: a running quarter anew each time, a past one once for ever (docs/metrics.md, "Roll-ups").

May run any number of times; one at a time.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Min, Q

from catalog.models import ModelVersion
from consumption.models import KeyDay
from marketplace.insights.metrics import METRICS
from marketplace.insights.metrics.metric import Figure, Metric, Row
from marketplace.insights.metrics.scope import SIGHTS, Scope
from marketplace.insights.models import MetricRow, MetricValue
from marketplace.insights.quarters import Quarter

LOCK = 0x6D657472
FIXED_AFTER = timedelta(days=3)  # usage of the last day may come so late
MOST_QUARTERS = 12  # that are counted when the marketplace has a past and no roll-up
AT_ONCE = 2_000


def count_due(now: datetime, again_after: timedelta = timedelta(0)) -> int:
    """Count what is due. Returns how many values; none while another run counts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        try:
            return sum(_count(quarter, now, again_after) for quarter in due(now, again_after))
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def due(now: datetime, again_after: timedelta = timedelta(0)) -> list[Quarter]:
    """The quarters with a metric that is to be counted, oldest first: a figure is compared with that of the quarter before."""
    settled = _settled(now, again_after)
    return [
        quarter
        for quarter in _quarters_until(now)
        if any(
            (metric.name, sight, quarter.start) not in settled
            for metric in METRICS
            for sight in SIGHTS
        )
    ]


def _settled(now: datetime, again_after: timedelta) -> set[tuple[str, str, date]]:
    """(metric, sight, first day) of what is fixed, and of what was counted within `again_after`."""
    lately = Q(computed_at__gt=now - again_after)
    values = MetricValue.objects.filter(Q(is_fixed=True) | lately).order_by()
    return set(values.values_list("metric", "sight", "quarter"))


def _quarters_until(now: datetime) -> Iterator[Quarter]:
    """From the first with a publication or a call, but at most MOST_QUARTERS, to the running one."""
    quarter = last = Quarter.of(now.date())
    begun = _begun() or now.date()
    for _ in range(MOST_QUARTERS - 1):
        if quarter.start <= begun:
            break
        quarter = quarter.previous
    while quarter <= last:
        yield quarter
        quarter = quarter.next


def _begun() -> date | None:
    """The first day of the kept figures; before the first count, that of the first publication or call."""
    if kept := MetricValue.objects.aggregate(first=Min("quarter"))["first"]:
        return kept
    first = ModelVersion.objects.aggregate(at=Min("published_at"))["at"]
    days = [first.date() if first else None, KeyDay.objects.aggregate(day=Min("day"))["day"]]
    return min((day for day in days if day), default=None)


def _count(quarter: Quarter, now: datetime, again_after: timedelta) -> int:
    """Every metric of the quarter that is not settled, as both sights."""
    settled, counted = _settled(now, again_after), 0
    is_final = quarter.ends_at + FIXED_AFTER <= now
    for sight in SIGHTS:
        scope = Scope(quarter, now, sight)
        for metric in METRICS:
            if (metric.name, sight, quarter.start) not in settled:
                keep(metric, scope, is_final)
                counted += 1
    return counted


@transaction.atomic
def keep(metric: Metric, scope: Scope, is_final: bool) -> MetricValue:
    """Count one metric and write its value and rows in place of those before."""
    rows = metric.rows(scope)
    figure = metric.figure(scope, rows)
    verdict = metric.judge(figure, figure_before(metric, scope), scope)
    value, _ = MetricValue.objects.update_or_create(
        metric=metric.name,
        sight=scope.sight,
        quarter=scope.quarter.start,
        defaults={
            "definition_version": metric.definition_version,
            "numerator": figure.numerator,
            "denominator": figure.denominator,
            "value": figure.value,
            "reason": figure.reason,
            "verdict": verdict.state,
            "verdict_text": verdict.text,
            "details": figure.details,
            "drawn": metric.drawn(rows),
            "splits": {by: _split(metric, rows, by) for by in ("unit", "team")},
            "computed_at": scope.now,
        },
    )
    value.rows.all().delete()
    MetricRow.objects.bulk_create(_kept(value, rows), batch_size=AT_ONCE)
    if is_final:
        value.is_fixed = True
        value.save(update_fields=["is_fixed"])
    return value


def figure_before(metric: Metric, scope: Scope) -> Figure | None:
    """The kept figure of the quarter before."""
    before = MetricValue.objects.filter(
        metric=metric.name, sight=scope.sight, quarter=scope.quarter.previous.start
    ).first()
    if before is None:
        return None
    return Figure(before.numerator, before.denominator, before.value, before.reason)


def _split(metric: Metric, rows: list[Row], by: str) -> list[list[str | int | float | None]]:
    """[name, numerator, denominator, value, reason] for each part; none where all rows are of nobody."""
    parts = metric.split(rows, by)
    if not any(parts):
        return []
    return [
        [name, part.numerator, part.denominator, part.value, part.reason]
        for name, part in parts.items()
    ]


def _kept(value: MetricValue, rows: list[Row]) -> Iterator[MetricRow]:
    for position, row in enumerate(rows, start=1):
        yield MetricRow(
            value=value,
            position=position,
            label=row.label,
            team=row.team,
            unit=row.unit,
            numerator=row.numerator,
            denominator=row.denominator,
            url=row.url,
            facts=list(row.facts),
        )
