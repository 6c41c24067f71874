"""The Prometheus exporter: the marketplace's state, read from Postgres and Redis at each scrape, so all web processes agree.

What the replicas of hosted versions count (`model_…`) is joined to it, so that one scrape has all that the portal
knows of the engine. Labels are bounded: states of a deployment, names of our tasks, versions and replicas that run.
"""

from django.core.cache import cache
from django.db import connection
from django.db.models import Count
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.core import GaugeMetricFamily as Gauge

from governance.models import Review
from hosting.drivers.base import EngineUnavailable, driver
from hosting.models import Deployment, DeploymentState
from marketplace.core import broker
from marketplace.operations import summary
from marketplace.operations.alerts import Severity

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PARTITION_KEPT_S = 300  # the oldest event is found by reading the whole partition


def text():
    """All metrics in the Prometheus text format, as bytes."""
    registry = CollectorRegistry()
    registry.register(Marketplace())
    return generate_latest(registry)


class Marketplace:
    """The collector: one family per question."""

    def collect(self):
        overview = summary.overview()
        yield _alerts(overview.alerts)
        yield _deployments()
        yield Gauge(
            "marketplace_replicas_running", "Processes that serve versions", overview.fleet.replicas
        )
        yield Gauge(
            "marketplace_incidents_open",
            "Incidents that are not closed",
            len(overview.fleet.incidents),
        )
        yield Gauge(
            "marketplace_reviews_overdue",
            "Open reviews past their due time",
            Review.objects.open().filter(due_at__lt=timezone.now()).count(),
        )
        yield Gauge(
            "marketplace_audit_events_unsequenced",
            "Events of the record not chained yet",
            overview.audit_waiting,
        )
        yield _disks(overview.disks)
        yield from _tasks(overview.queue)
        yield from _usage(overview.backlog, overview.stale_hours)
        yield from _engine()


def _alerts(alerts):
    """The alerts of the operations page, counted by severity."""
    family = Gauge(
        "marketplace_alerts",
        "Alerts by severity: critical means that calls fail",
        labels=["severity"],
    )
    for severity in Severity:
        family.add_metric([severity], sum(alert.severity is severity for alert in alerts))
    return family


def _disks(disks):
    family = Gauge(
        "marketplace_disk_free_bytes",
        "Free space on the portal machine's disks, by what lies there",
        labels=["holds"],
    )
    for holds, space in disks:
        family.add_metric([holds], space.free)
    return family


def _engine():
    """Without the engine's agent there are no figures, and `engine_metrics_up` says why."""
    try:
        figures, is_up = driver().figures(), True
    except EngineUnavailable:
        figures, is_up = [], False
    yield Gauge("marketplace_engine_metrics_up", "Do the engine's agents answer the portal?", is_up)
    yield from figures


def _deployments():
    counted = dict(Deployment.objects.values_list("state").annotate(n=Count("pk")).order_by())
    family = Gauge("marketplace_deployments", "Deployments by state", labels=["state"])
    for state in DeploymentState.values:
        family.add_metric([state], counted.get(state, 0))
    return family


def _tasks(queue):
    """Without Redis there is no length, and `redis_up` says why."""
    yield Gauge("marketplace_redis_up", "Does Redis answer the portal?", queue is not None)
    if queue:
        yield Gauge("marketplace_tasks_waiting", "Background tasks in the broker", queue.waiting)
        yield Gauge(
            "marketplace_tasks_taken",
            "Background tasks that a worker has taken and not finished",
            queue.taken,
        )
        yield _tasks_ended()


def _tasks_ended():
    family = CounterMetricFamily(
        "marketplace_tasks_ended",
        "Background tasks that ended, by name and how",
        labels=["task", "state"],
    )
    for labels, count in sorted(broker.ended().items()):
        family.add_metric(labels, count)
    return family


def _usage(journal, stale_hours):
    if journal.is_here:
        yield Gauge(
            "marketplace_journal_waiting_calls",
            "Calls in the journal and not in Postgres, running ones included",
            journal.waiting,
        )
        yield Gauge(
            "marketplace_journal_oldest_seconds", "Age of the oldest of them", journal.oldest_s or 0
        )
    yield Gauge(
        "marketplace_usage_stale_hours",
        "Hours with events that their roll-up has not seen",
        stale_hours,
    )
    age = cache.get_or_set(
        "hosting:default-partition-age", default_partition_age_s, PARTITION_KEPT_S
    )
    yield Gauge(
        "marketplace_usage_default_partition_oldest_seconds",
        "Age of the oldest event in the default partition",
        age,
    )


def default_partition_age_s():
    """Seconds; 0 when the default partition is empty."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(extract(epoch FROM now() - min(at)), 0)::bigint FROM consumption_usageevent_default"
        )
        return cursor.fetchone()[0]
