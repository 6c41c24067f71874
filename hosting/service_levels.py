"""What a version really did, against what its publisher promised: availability, latency, throughput, error budget.

Availability counts calls that the version served (answered, also with "your input is wrong") against those where it failed or was
late; what was refused by a limit or left by the caller says nothing about the version. Latency is measured by the gateway, over the
latest answered calls of the window. Demo events count as the calls that they stand for.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from math import ceil

from django.db import connection
from django.db.models import Count, F, Max, Q, Sum
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.metering import stale_figures
from consumption.models import Subscription, UsageEvent, UsageHour
from hosting.models import HealthSample

WINDOW_DAYS = 30
ENOUGH_CALLS = 200  # below, one failure moves availability by half a percent and p99 is two calls
SAMPLE = 20_000
CALLED_LATELY = timedelta(
    hours=2
)  # latencies of a model that nobody calls do not change: they are not read again

# Per subscription the index (subscription_id, at) is read; `since` is no earlier than the sample needs (_sample_since).
LATENCY = """
SELECT count(*), percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_us)
FROM (SELECT duration_us FROM unnest(%(subscriptions)s::bigint[]) AS given (id), LATERAL (
        SELECT duration_us, at FROM consumption_usageevent
        WHERE subscription_id = given.id AND (%(version)s::bigint IS NULL OR version_id = %(version)s::bigint)
        AND outcome = 'ok' AND at >= %(since)s) AS one
      ORDER BY at DESC LIMIT %(most)s) AS latest
"""


@dataclass(frozen=True)
class ServiceLevelReport:
    """Figures of one version over `days`. Percent as Decimal, times in milliseconds, None where there is nothing to say.

    `sampled` answered calls gave the latencies; `probes` are the marketplace's own, every half minute while it runs.
    """

    days: int
    served: int
    failed: int
    sampled: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    busiest_hour: int
    probes: int
    probes_ok: int

    @property
    def calls(self):
        """Those that say something about the version: aborted and unknown ones are left out (docs/money.md)."""
        return self.served + self.failed

    @property
    def is_enough(self):
        return self.calls >= ENOUGH_CALLS

    @property
    def availability(self):
        return _percent(self.served, self.calls)

    @property
    def busiest_rps(self):
        """Calls a second, over the busiest hour."""
        return round(self.busiest_hour / 3600, 2)


@dataclass(frozen=True)
class Promise:
    """One line of the SLA: what was promised, what was measured, and whether it holds."""

    name: str
    unit: str
    promised: Decimal
    measured: Decimal | float | None
    verdict: str

    KEPT, BROKEN, TOO_LITTLE, UNTRIED = (
        "kept",
        "broken",
        "not enough traffic",
        "never asked for so many",
    )


def window_start(days=WINDOW_DAYS):
    """When the window begins: so many days (UTC), today among them, as usage is counted beside it."""
    first = datetime.now(UTC).date() - timedelta(days=days - 1)
    return datetime.combine(first, time.min, UTC)


def report(version, days=WINDOW_DAYS):
    """The ServiceLevelReport of a version."""
    since = window_start(days)
    hours = UsageHour.objects.filter(version=version, hour__gte=since)
    sums = hours.aggregate(good=Sum("ok"), theirs=Sum("client_errors"), bad=Sum("upstream_errors"))
    busiest = hours.values("hour").annotate(total=Sum("calls")).aggregate(most=Max("total"))["most"]
    probes = HealthSample.objects.filter(version=version, at__gte=since).aggregate(
        n=Count("pk"), ok=Count("pk", Q(is_ok=True))
    )
    sampled, percentiles = _latency(version.model_id, _sample_since(hours, since), version.pk)
    return ServiceLevelReport(
        days,
        (sums["good"] or 0) + (sums["theirs"] or 0),
        (sums["bad"] or 0) + _late(version_id=version.pk, at__gte=since).count(),
        sampled,
        *percentiles,
        busiest or 0,
        probes["n"],
        probes["ok"],
    )


def _late(**chosen):
    """Calls that waited for an answer until their deadline. They are booked as broken off, for nobody knows whose fault it was;
    here the promise is the publisher's."""
    return UsageEvent.objects.filter(http_status=504, **chosen)


def _sample_since(hours, since):
    """The start of the hour from which on there are SAMPLE answered calls, so that the events before it need not be read."""
    seen = 0
    for hour, answered in hours.values_list("hour").annotate(Sum("ok")).order_by("-hour"):
        seen += answered
        if seen >= SAMPLE:
            return hour
    return since


def _latency(model_pk, since, version_pk=None):
    """(answered calls looked at, [p50, p95, p99] in milliseconds) of one version, or of all of a model's."""
    subscriptions = list(Subscription.objects.filter(model=model_pk).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            LATENCY,
            {"subscriptions": subscriptions, "version": version_pk, "since": since, "most": SAMPLE},
        )
        sampled, microseconds = cursor.fetchone()
    return sampled, [value / 1000 for value in microseconds] if sampled else [None] * 3


def calls_since(version, since):
    """Calls that reached a version since the beginning of an hour: the roll-ups answer at any traffic."""
    return (
        UsageHour.objects.filter(version=version, hour__gte=since).aggregate(calls=Sum("calls"))[
            "calls"
        ]
        or 0
    )


def promises(version, figures):
    """The version's SLA line by line: [Promise]. Lines that nobody promised are absent."""
    promises = [
        _promise(
            "Availability",
            "%",
            version.sla.get("availability"),
            figures.availability,
            figures,
            at_least=True,
        ),
        _promise(
            "95 % of answers within",
            "ms",
            version.sla.get("p95_ms"),
            figures.p95_ms,
            figures,
            at_least=False,
        ),
        _throughput(version.sla.get("rps"), figures),
    ]
    return [line for line in promises if line]


def _promise(name, unit, promised, value, figures, *, at_least):
    if promised in (None, ""):
        return None
    promised = Decimal(str(promised))
    if not figures.is_enough or value is None:
        return Promise(name, unit, promised, value, Promise.TOO_LITTLE)
    kept = Decimal(str(value)) >= promised if at_least else Decimal(str(value)) <= promised
    return Promise(name, unit, promised, value, Promise.KEPT if kept else Promise.BROKEN)


def _throughput(promised, figures):
    """So many calls a second are kept when an hour had them and the version answered; nobody can break it by calling less."""
    promise = _promise(
        "Calls a second", "/s", promised, figures.busiest_rps, figures, at_least=True
    )
    return (
        replace(promise, verdict=Promise.UNTRIED)
        if promise and promise.verdict == Promise.BROKEN
        else promise
    )


@dataclass(frozen=True)
class ErrorBudget:
    """How many calls may fail in the window under the promised availability, and how many did."""

    allowed: int
    spent: int

    @property
    def left(self):
        return max(self.allowed - self.spent, 0)

    @property
    def spent_percent(self):
        return (
            _percent(self.spent, self.allowed)
            if self.allowed
            else (Decimal(0) if not self.spent else Decimal(100))
        )


def error_budget(version, figures):
    """The ErrorBudget, or None when no availability is promised."""
    promised = version.sla.get("availability")
    if promised in (None, ""):
        return None
    return ErrorBudget(int(figures.calls * (100 - Decimal(str(promised))) / 100), figures.failed)


def _percent(part, whole):
    return (Decimal(100 * part) / whole).quantize(Decimal("0.001")) if whole else None


def project():
    """Write measured_availability and measured_p95_ms onto the catalog's rows of models that had calls since the last time; None
    without enough traffic."""
    stale_figures.write_all("service", _project)


def _project(models):
    since = window_start()
    rows = (
        UsageHour.objects.filter(hour__gte=since, version__model__in=models)
        .values("version__model")
        .annotate(
            served=Sum(F("ok") + F("client_errors")),
            failed=Sum("upstream_errors"),
            last=Max("hour"),
        )
    )
    totals = {row["version__model"]: row for row in rows}
    for late in (
        _late(at__gte=since, model_id__in=models)
        .values("model_id")
        .annotate(calls=Count("pk"))
        .order_by()
    ):
        if late["model_id"] in totals:
            totals[late["model_id"]]["failed"] += late["calls"]
    for model in RegisteredModel.objects.filter(pk__in=models).only(
        "measured_availability", "measured_p95_ms"
    ):
        figures = _facts(model, totals.get(model.pk), since)
        if any(getattr(model, name) != value for name, value in figures.items()):
            RegisteredModel.objects.filter(pk=model.pk).update(**figures)


def _facts(model, row, since):
    calls = row["served"] + row["failed"] if row else 0
    if calls < ENOUGH_CALLS:
        return {"measured_availability": None, "measured_p95_ms": None}
    p95 = model.measured_p95_ms
    if p95 is None or row["last"] > timezone.now() - CALLED_LATELY:
        hours = UsageHour.objects.filter(version__model=model, hour__gte=since)
        _sampled, (_p50, milliseconds, _p99) = _latency(model.pk, _sample_since(hours, since))
        p95 = None if milliseconds is None else ceil(milliseconds)
    return {"measured_availability": _percent(row["served"], calls), "measured_p95_ms": p95}
