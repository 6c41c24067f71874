"""Models that nobody uses, and models that nobody updates (docs/curation.md, "What is found")."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, F, Max, Min, Q

from catalog.models import ModelVersion
from consumption.models import Application, Subscription, UsageDay
from marketplace.insights.curation.fact import Fact, in_service
from marketplace.insights.models import StrategicMark

UNUSED_DAYS = (60, 90, 180)
STALE_DAYS = (182, 365)
GRACE = timedelta(days=120)  # a new model may wait so long for its first consumer


def unused(today: date) -> Iterator[Fact]:
    """Without an answered production call of another team for 60, 90 or 180 days."""
    last = last_use()
    strategic = StrategicMark.objects.filter(until__gte=today).values("model")
    models = in_service().exclude(pk__in=strategic)
    rows = models.annotate(
        first=Min("versions__published_at"),
        holders=Count(
            "subscriptions",
            Q(subscriptions__state=Subscription.State.ACTIVE),
            distinct=True,
        ),
    ).values_list("pk", "first", "holders")
    for pk, first, holders in rows:
        published = day_of(first)
        since = max(last.get(pk, published), published)
        step = step_of((today - since).days, UNUSED_DAYS)
        if step and published <= today - GRACE:
            called = last[pk].isoformat() if pk in last else None
            yield Fact(pk, since, {"last_call": called, "subscriptions": holders}, step=step)


def last_use() -> dict[int, date]:
    """{model id: the last day on which it answered another team's production system}."""
    rows = UsageDay.objects.filter(
        ok__gt=0, subscription__application__environment=Application.Environment.PROD
    ).exclude(team=F("version__model__owner_team"))
    return dict(rows.values_list("version__model").annotate(last=Max("day")).order_by())


def stale(today: date) -> Iterator[Fact]:
    """Whose newest version was published more than 182 or 365 days ago."""
    before = datetime.combine(today - timedelta(days=STALE_DAYS[0]), datetime.min.time(), UTC)
    newest = ModelVersion.objects.filter(
        model__in=in_service().filter(last_published_at__lt=before).order_by(),
        state__in=ModelVersion.LISTED,
        published_at__isnull=False,
    )
    rows = newest.order_by("model", "-published_at", "-pk").distinct("model")
    for pk, number, at, calls in rows.values_list(
        "model", "number", "published_at", "model__calls_30d"
    ):
        since = day_of(at)
        if step := step_of((today - since).days - 1, STALE_DAYS):
            yield Fact(pk, since, {"version": number, "in_use": calls > 0}, step=step)


def step_of(days: int, steps: tuple[int, ...]) -> int:
    """The highest of the steps that so many days have reached; 0 before the first."""
    return max((step for step in steps if days >= step), default=0)


def day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
