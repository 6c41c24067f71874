"""The operations summary: load, failures, queues and stores, for the operations page. An unavailable store is a fact too."""

import urllib.error
import urllib.request
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Max, Min
from django.utils import timezone

from consumption.metering.backlog import backlog
from consumption.models import StaleHour
from hosting import deployments, gateway_metrics
from hosting.drivers.base import driver
from hosting.models import Deployment, Upstream
from marketplace.audit.models import AuditEvent
from marketplace.core import broker, disk_space
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


def overview():
    """All facts of the operations page: deployments, their load, queues, and the alerts that follow."""
    gateway = gateway_metrics.report()
    load = cache.get_or_set("hosting:load", load_by_version, KEPT_S)
    found = deployments.overview({*load, *gateway.lately, *gateway.shut_versions})
    rows, counts = found["deployments"], found["counts"]
    _add_load(rows, load, gateway)
    facts = {
        **found,
        "ready": sum(counts.get(state, 0) for state in deployments.ANSWERING),
        "ready_of": f"of {sum(count for state, count in counts.items() if state != Deployment.State.STOPPED)} that should",
        "calls_per_s": sum(row.calls_per_s for row in rows),
        "failed_calls": sum(row.failed_calls for row in rows),
        "refused_calls": sum(refusal.count for row in rows for refusal in row.refusals),
        "gateway": gateway,
        "gateway_last": None if gateway.workers else gateway_metrics.last_report(),
        "backlog": backlog(),
        "queue": broker.queue(),
        "audit_waiting": audit_waiting(),
        "stale_hours": StaleHour.objects.count(),
        "engine_answers": cache.get_or_set("hosting:engine-answers", engine_answers, KEPT_S),
        "engine_is_saturated": cache.get_or_set("hosting:saturated", engine_is_saturated, KEPT_S),
        "last_probe": last_probe(),
        "probes_due_since": probes_due_since(),
        "disks": disks(),
        "not_archived_since": not_archived_since(),
        "at": timezone.now(),
    }
    return facts | {"alerts": alerts(facts)}


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


def _add_load(rows, load, gateway):
    """Give each row its last minute, `.calls`, `.calls_per_s`, `.busy` (calls at once), `.failed_calls`, `.full_percent` of what runs,
    and `.refusals` of the last hour."""
    for row in rows:
        row.calls, row.busy, row.failed_calls = load.get(row.version_id, (0, 0.0, 0))
        row.calls_per_s = row.calls / 60
        places = row.running * row.target_ongoing_requests
        row.full_percent = 100 * row.busy / places if places else None
        row.refusals = gateway.refused_lately(row.version_id)


def load_by_version():
    """{version id: (calls, mean number of calls at once, calls that the version failed)} of the last minute, from the events
    that were shipped."""
    with connection.cursor() as cursor:
        cursor.execute(BUSY, [timezone.now() - MINUTE])
        return {
            version: (calls, float(busy), failed)
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
