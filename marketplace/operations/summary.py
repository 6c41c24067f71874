"""The operations summary: load, failures, queues and stores, for the operations page. An unavailable store is a fact too."""

import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Max, Min
from django.utils import timezone

from catalog.search import embedders
from consumption.metering.backlog import Backlog, backlog
from consumption.models import StaleHour
from hosting import deployments, gateway_metrics
from hosting.drivers.base import driver
from hosting.models import DeploymentState, Upstream
from marketplace.audit.models import AuditEvent, Watch
from marketplace.core import broker, disk_space
from marketplace.notices.models import Letter
from marketplace.operations.alerts import alerts

ENGINE_S = 1.0
KEPT_S = 4  # several operators look at a page that refreshes every five seconds
MINUTE = timedelta(minutes=1)

BUSY = """
SELECT version_id, count(*), sum(duration_us) / 60e6, count(*) FILTER (WHERE outcome IN ('upstream_error', 'unknown') OR http_status = 504)
FROM consumption_usageevent WHERE at >= %s AND NOT is_demo GROUP BY version_id
"""

ARCHIVED = """
SELECT coalesce(last_archived_time, stats_reset) FROM pg_stat_archiver WHERE last_failed_time > coalesce(last_archived_time, '-infinity')
"""


@dataclass(frozen=True)
class Load:
    """The last minute of one version: calls, the mean number of calls at once, and those that the version failed."""

    calls: int = 0
    busy: float = 0.0
    failed: int = 0

    @property
    def calls_per_s(self):
        return self.calls / MINUTE.total_seconds()


@dataclass(frozen=True)
class VersionStatus(deployments.FleetRow):
    """A row of the fleet with its load; `rejections` are those of the last hour."""

    load: Load
    rejections: list[gateway_metrics.RecentRejections]

    @property
    def full_percent(self):
        """The calls at once, of those that the running replicas are sized for; None where nothing of ours runs."""
        places = self.deployment.running * self.deployment.target_ongoing_requests
        return 100 * self.load.busy / places if places else None


@dataclass(frozen=True)
class OperationsSummary:
    """All facts of the operations page: deployments, their load, queues, and the alerts that follow.

    `record_watch` is None before the record was first looked at; `last_gateway_report` is None while the gateway reports; `queue` is None without Redis; `probes_due_since` is since when a version
    waits for its probe; `meaning_problem` says why search finds by words only, or is empty; `late_letter` is the oldest mail that the server does not take; `disks` are [(what lies there, disk_space.DiskSpace)].
    """

    fleet: deployments.Fleet
    versions: list[VersionStatus]
    gateway: gateway_metrics.Report
    last_gateway_report: datetime | None
    backlog: Backlog
    queue: broker.Queue | None
    audit_waiting: int
    record_watch: Watch | None
    stale_hours: int
    engine_answers: bool
    engine_is_saturated: bool
    last_probe: datetime | None
    probes_due_since: datetime | None
    disks: list[tuple[str, disk_space.DiskSpace]]
    not_archived_since: datetime | None
    meaning_problem: str
    late_letter: Letter | None
    at: datetime

    @property
    def ready(self):
        """How many versions answer."""
        return sum(self.fleet.counts.get(state, 0) for state in deployments.ANSWERING)

    @property
    def ready_of(self):
        """Of how many that should answer: all that nobody stopped."""
        counts = self.fleet.counts.items()
        expected = sum(count for state, count in counts if state != DeploymentState.STOPPED)
        return f"of {expected} that should"

    @property
    def calls_per_s(self):
        return sum(version.load.calls_per_s for version in self.versions)

    @property
    def failed_calls(self):
        return sum(version.load.failed for version in self.versions)

    @property
    def rejected_calls(self):
        return sum(limit.count for version in self.versions for limit in version.rejections)

    @cached_property
    def alerts(self):
        """[Alert], worst first."""
        return alerts(self)


def overview():
    """The OperationsSummary of now."""
    gateway = gateway_metrics.report()
    load = cache.get_or_set("hosting:load", load_by_version, KEPT_S)
    fleet = deployments.fleet({*load, *gateway.rejected_last_hour, *gateway.open_breakers})
    return OperationsSummary(
        fleet=fleet,
        versions=[_status(row, load, gateway) for row in fleet.rows],
        gateway=gateway,
        last_gateway_report=None if gateway.workers else gateway_metrics.last_report(),
        backlog=backlog(),
        queue=broker.queue(),
        audit_waiting=audit_waiting(),
        record_watch=Watch.objects.first(),
        stale_hours=StaleHour.objects.count(),
        engine_answers=cache.get_or_set("hosting:engine-answers", engine_answers, KEPT_S),
        engine_is_saturated=cache.get_or_set("hosting:saturated", engine_is_saturated, KEPT_S),
        last_probe=last_probe(),
        probes_due_since=probes_due_since(),
        disks=disks(),
        not_archived_since=not_archived_since(),
        meaning_problem=embedders.why_not(),
        late_letter=Letter.objects.late().defer("text", "html").first(),
        at=timezone.now(),
    )


def _status(row, load, gateway):
    version_id = row.deployment.version_id
    return VersionStatus(
        row.deployment,
        row.incident,
        row.affected,
        load.get(version_id, Load()),
        gateway.recent_rejections(version_id),
    )


def engine_is_saturated():
    """Has a machine of the engine more to do than it has processors?"""
    return driver().is_saturated()


def last_probe():
    """When a version was last probed; None when none ever was."""
    return Upstream.objects.aggregate(last=Max("probed_at"))["last"]


def probes_due_since():
    """Since when a version waits for its probe; None when none does."""
    return Upstream.objects.filter(probe_due_at__lt=timezone.now()).aggregate(
        first=Min("probe_due_at")
    )["first"]


def disks():
    """[(what lies there, disk_space.DiskSpace)] of this machine, each disk once."""
    folders = {"journal": settings.USAGE_JOURNAL_DIR, "artifacts": settings.ARTIFACT_ROOT}
    by_disk = {}
    for name, folder in folders.items():
        space = disk_space.measure(folder)
        names, _ = by_disk.get((space.free // disk_space.MIB, space.reserve), ([], None))
        by_disk[space.free // disk_space.MIB, space.reserve] = [*names, name], space
    return [(" and the ".join(names), space) for names, space in by_disk.values()]


def load_by_version():
    """{version id: Load}, from the events that were shipped."""
    with connection.cursor() as cursor:
        cursor.execute(BUSY, [timezone.now() - MINUTE])
        return {
            version: Load(calls, float(busy), failed)
            for version, calls, busy, failed in cursor.fetchall()
        }


def audit_waiting():
    """Events of the record that are not chained yet."""
    return AuditEvent.objects.filter(seq=None).count()


def not_archived_since():
    """Since when Postgres has not brought its log to the backup, though it tried; None while it can, or keeps none."""
    with connection.cursor() as cursor:
        cursor.execute(ARCHIVED)
        return next(iter(cursor.fetchone() or ()), None)


def engine_answers():
    """Does anything answer at the engine's control address? Any status counts: the portal need not hold its token."""
    try:
        urllib.request.urlopen(settings.ENGINE_API_URL, timeout=ENGINE_S).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True
