"""What an operator asks first: is it full, does it limp, does anything pile up? Each store that is away is an answer too."""

import urllib.error
import urllib.request
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from consumption.backlog import backlog
from consumption.models import StaleHour
from hosting import fleet, gateways
from hosting.models import Deployment, HealthSample
from marketplace.audit.models import AuditEvent
from marketplace.lib import broker

ENGINE_S = 1.0
KEPT_S = 4  # several operators look at a page that refreshes every five seconds
MINUTE = timedelta(minutes=1)
SPOOL_LATE_S = 60  # reliability.md F4: the journal drains within a minute
QUEUE_LONG = 100
ANSWERING = (Deployment.State.READY, Deployment.State.SCALED_TO_ZERO)  # the latter starts with the first call

BUSY = """
SELECT version_id, count(*), sum(duration_us) / 60e6 FROM consumption_usageevent
WHERE at >= %s AND NOT is_demo GROUP BY version_id
"""


def overview():
    """Everything on the operations page: the fleet, its load, and what waits."""
    found = fleet.overview()
    _add_load(found["deployments"])
    facts = {
        **found,
        "ready": sum(row.state in ANSWERING for row in found["deployments"]),
        "ready_of": f"of {len(found['deployments'])}",
        "calls_per_s": sum(row.calls_per_s for row in found["deployments"]),
        "gateway": gateways.report(),
        "backlog": backlog(),
        "queue": broker.queue(),
        "audit_waiting": audit_waiting(),
        "stale_hours": StaleHour.objects.count(),
        "engine_answers": cache.get_or_set("hosting:engine-answers", engine_answers, KEPT_S),
        "last_probe": HealthSample.objects.aggregate(at=Max("at"))["at"],
    }
    return facts | {"troubles": list(troubles(facts))}


def troubles(facts):
    """Sentences about what needs somebody, worst first."""
    gateway, journal, tasks = facts["gateway"], facts["backlog"], facts["queue"]
    if not gateway.processes:
        yield "The gateway is not reachable: none of its processes has reported in the last ten seconds. Look at its log."
    if not facts["engine_answers"]:
        yield "The engine's control interface does not answer. Models may be serving all the same; nothing can be started or sized."
    if not gateway.is_postgres_up:
        yield "The gateway cannot reach Postgres. Known keys work for two minutes; usage waits in the journal."
    if not gateway.is_redis_up or tasks is None:
        yield "Redis does not answer. Rates are kept by each gateway process alone; background work waits for the sweeps."
    if journal.oldest_s and journal.oldest_s > SPOOL_LATE_S:
        yield "Usage piles up in the journal: its oldest call is more than a minute old. Is the gateway's shipping process alive?"
    if tasks and tasks.waiting > QUEUE_LONG:
        yield "Background tasks pile up. Are the workers alive?"


def _add_load(deployments):
    """Give each row `.calls_per_s`, `.busy` (calls at once) of the last minute and `.full_percent` of what runs."""
    load = cache.get_or_set("hosting:load", load_by_version, KEPT_S)
    for row in deployments:
        calls, row.busy = load.get(row.version_id, (0, 0.0))
        row.calls_per_s = calls / 60
        places = row.running * row.target_ongoing_requests
        row.full_percent = 100 * row.busy / places if places else None


def load_by_version():
    """{version id: (calls, mean number of calls at once)} of the last minute, from the events that were shipped."""
    with connection.cursor() as cursor:
        cursor.execute(BUSY, [timezone.now() - MINUTE])
        return {version: (calls, float(busy)) for version, calls, busy in cursor.fetchall()}


def audit_waiting():
    """Events of the record that are not chained yet."""
    return AuditEvent.objects.filter(seq=None).count()


def engine_answers():
    """Does anything answer at the engine's control address? Any status counts: the portal need not hold its token."""
    try:
        urllib.request.urlopen(settings.ENGINE_API_URL, timeout=ENGINE_S).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True
