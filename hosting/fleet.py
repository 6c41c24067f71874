"""What runs, as pages and the API show it."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.humanize.templatetags.humanize import ordinal
from django.core.cache import cache
from django.db.models import Count, Exists, OuterRef, Prefetch, Q
from django.utils import timezone
from django.utils.text import capfirst

from consumption.models import Subscription
from hosting import measured, replicas, sleep, start_queue
from hosting.drivers.base import EngineUnavailable, driver
from hosting.models import Deployment, DeploymentState, HealthSample, Incident, Replica, Upstream

S = DeploymentState
PAST_SHOWN = 10
INCIDENTS_SHOWN = 5
FIGURES_KEPT_S = 30
LOG_LINES = 100
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)  # how far back rows are looked at that come without end
# What needs somebody first; what nobody waits for last.
ORDER = [
    S.FAILED, S.UNHEALTHY, S.RESTARTING, S.DEGRADED, S.STARTING, S.PENDING, S.STOPPING, S.READY, S.SCALED_TO_ZERO, S.STOPPED,
]  # fmt: skip


class External:
    """An external endpoint, with what pages ask of a Deployment: nothing of ours runs, so it only answers or does not."""

    reason = ""
    ready_at = None
    running = crashed = min_replicas = max_replicas = restarts = target_ongoing_requests = 0
    sleep_note = queue_title = wake_note = ""
    live_replicas = past_replicas = ()

    def __init__(self, upstream):
        self.upstream = upstream
        self.version = upstream.version
        self.version_id = upstream.version_id
        self.pk = f"external-{upstream.pk}"
        self.state = S.READY if upstream.is_ready else S.UNHEALTHY
        self.state_since = upstream.updated_at

    def get_state_display(self):
        return "Answers" if self.upstream.is_ready else "Does not answer"


def deployments_of(versions):
    """What runs for `versions`, newest version first: Deployments and Externals.

    Each with `.is_external`, `.live_replicas`, `.running` (how many of them), `.past_replicas`, `.incident`, `.incident_list` (each with
    `.words`), `.last_probe`, `.figures` (measured.Measured), `.promises` and `.budget`. Figures are at most half a minute old; the rest takes the same queries for any number.
    """
    hosted = list(_deployments(versions))
    _add_sleep_and_queue(hosted)
    found = [*hosted, *_externals(versions)]
    for one in found:
        one.is_external = isinstance(one, External)
        one.running = sum(replica.state == Replica.State.RUNNING for replica in one.live_replicas)
        one.incident_list = one.version.last_incidents
        for incident in one.incident_list:
            incident.words = capfirst(incident.summary.removeprefix(str(one.version)).strip())
        one.incident = next((incident for incident in one.incident_list if incident.closed_at is None), None)
        one.last_probe = next(iter(one.version.last_samples), None)
        one.figures = figures_of(one.version)
        one.promises = measured.promises(one.version, one.figures)
        one.budget = measured.error_budget(one.version, one.figures)
    return sorted(found, key=_number, reverse=True)


def _deployments(versions):
    live = Replica.objects.filter(ended_at=None).order_by("-started_at")
    past = Replica.objects.filter(ended_at__gte=timezone.now() - WEEK).order_by("-ended_at")[:PAST_SHOWN]
    subscribed = Subscription.objects.filter(model=OuterRef("version__model"), state=Subscription.State.ACTIVE)
    rows = Deployment.objects.filter(version__in=versions).annotate(has_subscribers=Exists(subscribed))
    return rows.select_related("version__model").prefetch_related(
        Prefetch("replicas", live, to_attr="live_replicas"), Prefetch("replicas", past, to_attr="past_replicas"), *_health()
    )


def _add_sleep_and_queue(deployments):
    """Give each `.queue_title` (its position while it waits to start), `.wake_note` and `.sleep_note` (whether and when it sleeps)."""
    waits = any(one.state == S.PENDING or one.waits_for_slot for one in deployments)
    positions = start_queue.positions() if waits else {}
    for deployment in deployments:
        position = positions.get(deployment.pk)
        deployment.queue_title = f"Waiting to start: {ordinal(position)}" if position else "Waiting to start"
        deployment.wake_note = f"Nobody called it for a while. The next call wakes it and waits about {sleep.start_s(deployment)} seconds."
        deployment.sleep_note = sleep.note(deployment)


def _externals(versions):
    rows = Upstream.objects.filter(version__in=versions, kind=Upstream.Kind.EXTERNAL, version__deployment=None)
    return [External(row) for row in rows.select_related("version__model").prefetch_related(*_health())]


def _health():
    return (
        Prefetch("version__incidents", Incident.objects.all()[:INCIDENTS_SHOWN], to_attr="last_incidents"),
        Prefetch("version__health_samples", HealthSample.objects.filter(at__gte=timezone.now() - HOUR)[:1], to_attr="last_samples"),
    )


def _number(one):
    return one.version.precedence


def figures_of(version):
    """The version's measured figures, at most half a minute old: pages refresh every five seconds."""
    return cache.get_or_set(f"hosting:measured:{version.pk}", lambda: measured.measured(version), FIGURES_KEPT_S)


def last_lines(deployment):
    """The last lines that its processes wrote, oldest first; None when the engine does not answer."""
    try:
        return [replicas.plain_line(line) for line in driver().logs(deployment.app_name, LOG_LINES)]
    except (EngineUnavailable, ValueError, OSError):
        return None


def overview():
    """The whole fleet: Deployments and Externals with replica counts, what needs somebody first; counts by state.

    Each has `.running` and `.crashed` (in the last hour) replicas, `.open_incident`, `.since` (when this state or its incident began) and `.affected` (Affected).
    """
    incidents = {incident.version_id: incident for incident in Incident.objects.filter(closed_at=None).select_related("version__model")}
    deployments = Deployment.objects.select_related("version__model__owner_team").annotate(
        running=Count("replicas", Q(replicas__state=Replica.State.RUNNING)),
        crashed=Count("replicas", Q(replicas__state=Replica.State.CRASHED, replicas__ended_at__gte=timezone.now() - HOUR)),
    )
    external = Upstream.objects.filter(kind=Upstream.Kind.EXTERNAL, version__suspended_at=None, version__deployment=None)
    external = external.select_related("version__model__owner_team")
    rows = [*deployments, *(External(row) for row in external)]
    users = affected()
    for row in rows:
        row.is_external = isinstance(row, External)
        row.open_incident = incidents.get(row.version_id)
        row.since = row.open_incident.opened_at if row.open_incident else row.state_since
        row.affected = users.get(row.version.model_id, NOBODY)
    rows.sort(key=lambda row: (row.open_incident is None, ORDER.index(row.state), str(row.version)))
    return {
        "deployments": rows,
        "by_state": dict(Counter(row.get_state_display() for row in rows)),
        "replicas": sum(row.running for row in rows),
        "incidents": sorted(incidents.values(), key=lambda incident: incident.opened_at),
    }


@dataclass(frozen=True)
class Affected:
    """Who may call a model: applications with an active subscription, and their teams."""

    applications: int
    teams: int

    def __str__(self):
        if not self.applications:
            return "Nobody subscribes to it."
        return f"{_of(self.applications, 'application')} of {_of(self.teams, 'team')} may call it."


NOBODY = Affected(0, 0)


def affected(models=None):
    """{model id: Affected} of `models`, or of all; those that nobody subscribes to are absent. One query."""
    active = Subscription.objects.filter(state=Subscription.State.ACTIVE).order_by().values_list("model")
    active = active if models is None else active.filter(model__in=models)
    rows = active.annotate(applications=Count("application", distinct=True), teams=Count("application__team", distinct=True))
    return {model: Affected(applications, teams) for model, applications, teams in rows}


def _of(count, noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
