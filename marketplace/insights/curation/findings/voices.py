"""What consumers say and measure: low ratings, unanswered issues, missed service levels, models for one purpose."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import F, Sum
from django.db.models.functions import TruncMonth

from catalog.models import ModelVersion
from consumption.models import Discussion, Rating, UsageDay
from governance.models import SamePurposeCase
from hosting.service_levels import ENOUGH_CALLS
from marketplace.insights.curation.fact import Fact, in_service
from marketplace.insights.curation.findings.use import day_of
from marketplace.insights.models import QualityFinding

LOW_RATING, LEAST_RATINGS = Decimal("3.0"), 5
ISSUE_DAYS = 60
MONTHS = 3  # complete ones, in a row


def rated_low(today: date) -> Iterator[Fact]:
    """Rated below 3.0 by at least five teams; since the newest rating."""
    models = in_service().filter(rating_mean__lt=LOW_RATING, rating_count__gte=LEAST_RATINGS)
    ratings = Rating.objects.filter(model__in=models.order_by())
    rows = ratings.order_by("model", "-written_at").distinct("model")
    for pk, at, mean, count in rows.values_list(
        "model", "written_at", "model__rating_mean", "model__rating_count"
    ):
        yield Fact(pk, day_of(at), {"mean": str(mean), "ratings": count})


def unanswered(today: date) -> Iterator[Fact]:
    """A bug or a request that waits for its publisher for more than 60 days: one finding for each."""
    waiting = Discussion.objects.waiting().filter(
        model__in=in_service().order_by(),
        kind__in=[Discussion.Kind.BUG, Discussion.Kind.REQUEST],
        opened_at__date__lt=today - timedelta(days=ISSUE_DAYS),
    )
    rows = waiting.order_by("pk").values_list(
        "pk", "model", "opened_at", "title", "kind", "team__name"
    )
    for pk, model, at, title, kind, team in rows:
        evidence = {"discussion": pk, "title": title, "kind": kind, "team": team}
        yield Fact(model, day_of(at), evidence, subject=f"discussion:{pk}")


def alike(today: date) -> Iterator[Fact]:
    """A case of two models for one purpose that waits for a decision; it is decided on its own page."""
    cases = SamePurposeCase.objects.filter(
        state=SamePurposeCase.State.OPEN, first__state="published", second__state="published"
    ).order_by("pk")
    for pk, first, at, name, team, percent in cases.values_list(
        "pk", "first", "found_at", "second__name", "second__owner_team", "likeness"
    ):
        evidence = {"case": pk, "other": name, "other_team": team, "likeness": f"{percent:.2f}"}
        yield Fact(first, day_of(at), evidence, subject=f"case:{pk}")


def quality_overdue(today: date) -> Iterator[Fact]:
    """Major findings of a quality review that are late, by model; since the first of them."""
    late = QualityFinding.objects.overdue_majors(today).filter(
        review__model__in=in_service().order_by()
    )
    days: dict[int, list[tuple[date, int]]] = defaultdict(list)
    for model, due_on, review in late.values_list("review__model", "due_on", "review"):
        days[model].append((due_on, review))
    for model, found in sorted(days.items()):
        since, review = min(found)
        yield Fact(model, since, {"findings": len(found), "review": review})


def service_missed(today: date) -> Iterator[Fact]:
    """Below the promised availability in each of the last three months, with calls enough in each to say so."""
    start, end = months_before(today, MONTHS), today.replace(day=1)
    answered: dict[int, dict[date, tuple[int, int]]] = defaultdict(dict)
    days = UsageDay.objects.filter(day__gte=start, day__lt=end)
    live = days.filter(version__state=ModelVersion.State.PUBLISHED)
    by_month = live.annotate(month=TruncMonth("day")).values_list("version", "month")
    summed = by_month.annotate(good=Sum(F("ok") + F("client_errors")), bad=Sum("upstream_errors"))
    for version, month, good, bad in summed.order_by():
        answered[version][month] = (good, good + bad)
    versions = ModelVersion.objects.filter(pk__in=list(answered), model__in=in_service().order_by())
    for version, model, number, sla in versions.order_by("pk").values_list(
        "pk", "model", "number", "sla"
    ):
        if evidence := _missed(sla, answered[version]):
            yield Fact(model, start, {"version": number, **evidence}, subject=f"version:{version}")


def _missed(sla: dict[str, Any], months: dict[date, tuple[int, int]]) -> dict[str, Any] | None:
    promised = _percent(sla.get("availability"))
    enough = [part for part in months.values() if part[1] >= ENOUGH_CALLS]
    if promised is None or len(enough) < MONTHS:
        return None
    measured = {month: Decimal(100 * good) / total for month, (good, total) in months.items()}
    if any(share >= promised for share in measured.values()):
        return None
    texts = [f"{measured[month]:.2f}" for month in sorted(measured)]
    return {"promised": f"{promised.normalize():f}", "measured": texts}


def _percent(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value)) if value not in (None, "") else None
    except InvalidOperation:
        return None


def months_before(today: date, months: int) -> date:
    """The first day of the month that lies so many months back."""
    place = today.year * 12 + today.month - 1 - months
    return date(place // 12, place % 12 + 1, 1)
