"""What runs, as pages and the API show it."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.humanize.templatetags.humanize import ordinal
from django.core.cache import cache
from django.db.models import Count, Exists, OuterRef, Prefetch, Q
from django.utils import timezone
from django.utils.text import capfirst

from catalog.models import ModelVersion
from consumption.models import Subscription
from hosting import replicas, service_levels, sleep, start_queue
from hosting.drivers.base import EngineUnavailable, driver
from hosting.models import Deployment, DeploymentState, HealthSample, Incident, Replica, Upstream

PAST_SHOWN = 10
INCIDENTS_SHOWN = 5
FIGURES_KEPT_S = 30
LOG_LINES = 100
ANSWERING = (
    DeploymentState.READY,
    DeploymentState.SCALED_TO_ZERO,
)  # the latter starts with the first call
CALM = (*ANSWERING, DeploymentState.STOPPED)
CALM_SHOWN = 50  # of what needs nobody; counts tell of the rest
UNREAD = tuple(
    f"version__{name}" for name in ("signature", "example", "manifest", "sla", "changelog")
)  # the bulk of a row
HOUR, WEEK = (
    timedelta(hours=1),
    timedelta(days=7),
)  # how far back rows are looked at that come without end
# What needs somebody first; what nobody waits for last.
ORDER = [
    DeploymentState.FAILED,
    DeploymentState.UNHEALTHY,
    DeploymentState.RESTARTING,
    DeploymentState.DEGRADED,
    DeploymentState.STARTING,
    DeploymentState.PENDING,
    DeploymentState.STOPPING,
    DeploymentState.READY,
    DeploymentState.SCALED_TO_ZERO,
    DeploymentState.STOPPED,
]


class External:
    """An external endpoint, with what pages ask of a Deployment: nothing of ours runs, so it only answers or does not."""

    STATES = {True: DeploymentState.READY, False: DeploymentState.UNHEALTHY}
    WORDS = {True: "Answers", False: "Does not answer"}
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
        self.state = self.STATES[upstream.is_ready]
        self.state_since = upstream.updated_at

    def get_state_display(self):
        return self.WORDS[self.upstream.is_ready]


def deployments_of(versions):
    """What runs for `versions`, newest version first: Deployments and Externals.

    Each with `.is_external`, `.live_replicas`, `.running` (how many of them), `.past_replicas`, `.incident`, `.incident_list` (each with
    `.words`), `.last_probe`, `.figures` (service_levels.ServiceLevelReport), `.promises` and `.budget`. Figures are at most half a minute old; the rest takes the same queries for any number.
    """
    hosted = list(_deployments(versions))
    _add_sleep_and_queue(hosted)
    deployments = [*hosted, *_externals(versions)]
    for deployment in deployments:
        deployment.is_external = isinstance(deployment, External)
        deployment.running = sum(
            replica.state == Replica.State.RUNNING for replica in deployment.live_replicas
        )
        deployment.incident_list = deployment.version.last_incidents
        for incident in deployment.incident_list:
            incident.words = capfirst(
                incident.summary.removeprefix(str(deployment.version)).strip()
            )
        deployment.incident = next(
            (incident for incident in deployment.incident_list if incident.closed_at is None), None
        )
        deployment.last_probe = next(iter(deployment.version.last_samples), None)
        deployment.figures = figures_of(deployment.version)
        deployment.promises = service_levels.promises(deployment.version, deployment.figures)
        deployment.budget = service_levels.error_budget(deployment.version, deployment.figures)
    return sorted(deployments, key=_number, reverse=True)


def _deployments(versions):
    live = Replica.objects.filter(ended_at=None).order_by("-started_at")
    past = Replica.objects.filter(ended_at__gte=timezone.now() - WEEK).order_by("-ended_at")[
        :PAST_SHOWN
    ]
    subscribed = Subscription.objects.filter(
        model=OuterRef("version__model"), state=Subscription.State.ACTIVE
    )
    rows = Deployment.objects.filter(version__in=versions).annotate(
        has_subscribers=Exists(subscribed)
    )
    return rows.select_related("version__model").prefetch_related(
        Prefetch("replicas", live, to_attr="live_replicas"),
        Prefetch("replicas", past, to_attr="past_replicas"),
        *_health(),
    )


def _add_sleep_and_queue(deployments):
    """Give each `.queue_title` (its position while it waits to start), `.wake_note` and `.sleep_note` (whether and when it sleeps)."""
    waits = any(
        deployment.state == DeploymentState.PENDING or deployment.waits_for_slot
        for deployment in deployments
    )
    positions = start_queue.positions() if waits else {}
    for deployment in deployments:
        position = positions.get(deployment.pk)
        deployment.queue_title = (
            f"Waiting to start: {ordinal(position)}" if position else "Waiting to start"
        )
        deployment.wake_note = f"Nobody called it for a while. The next call wakes it and waits about {sleep.start_s(deployment)} seconds."
        deployment.sleep_note = sleep.note(deployment)


def _externals(versions):
    rows = Upstream.objects.filter(
        version__in=versions, kind=Upstream.Kind.EXTERNAL, version__deployment=None
    )
    return [
        External(row) for row in rows.select_related("version__model").prefetch_related(*_health())
    ]


def _health():
    return (
        Prefetch(
            "version__incidents", Incident.objects.all()[:INCIDENTS_SHOWN], to_attr="last_incidents"
        ),
        Prefetch(
            "version__health_samples",
            HealthSample.objects.filter(at__gte=timezone.now() - HOUR)[:1],
            to_attr="last_samples",
        ),
    )


def _number(deployment):
    return deployment.version.precedence


def figures_of(version):
    """The version's measured figures, at most half a minute old: pages refresh every five seconds."""
    return cache.get_or_set(
        f"hosting:measured:{version.pk}", lambda: service_levels.report(version), FIGURES_KEPT_S
    )


def last_lines(deployment):
    """The last lines that its processes wrote, oldest first; None when the engine does not answer."""
    try:
        return [replicas.plain_line(line) for line in driver().logs(deployment.app_name, LOG_LINES)]
    except (EngineUnavailable, ValueError, OSError):
        return None


def overview(noticed=()):
    """The fleet at any size: Deployments and Externals that need somebody or are `noticed` (version ids: called, refused), and some of the others.

    Each has `.running` and `.crashed` (in the last hour) replicas, `.open_incident`, `.since` (when this state or its incident began)
    and `.affected` (Affected); what needs somebody comes first. `counts` are of all, by state; `unshown`: how many have no row.
    """
    incidents = {
        incident.version_id: incident
        for incident in Incident.objects.filter(closed_at=None).select_related("version__model")
    }
    rows = [
        *_deployed({*incidents, *noticed}),
        *map(External, _hosted_elsewhere({*incidents, *noticed})),
    ]
    users = affected({row.version.model_id for row in rows})
    for row in rows:
        row.is_external = isinstance(row, External)
        row.open_incident = incidents.get(row.version_id)
        row.since = row.open_incident.opened_at if row.open_incident else row.state_since
        row.affected = users.get(row.version.model_id, NOBODY)
    rows.sort(key=lambda row: (row.open_incident is None, ORDER.index(row.state), str(row.version)))
    counts, by_state = _counts()
    return {
        "deployments": rows,
        "counts": counts,
        "by_state": by_state,
        "unshown": max(sum(counts.values()) - len(rows), 0),
        "replicas": Replica.objects.filter(ended_at=None, state=Replica.State.RUNNING).count(),
        "incidents": sorted(incidents.values(), key=lambda incident: incident.opened_at),
    }


def _deployed(noticed):
    """Deployments that need somebody, those of `noticed` versions, and the first of the others: what answers, then what is stopped."""
    crashed = Replica.objects.filter(
        state=Replica.State.CRASHED, ended_at__gte=timezone.now() - HOUR
    )
    chosen = Q(version__in=noticed) | ~Q(state__in=CALM) | Q(pk__in=crashed.values("deployment"))
    pks = set(Deployment.objects.filter(chosen).values_list("pk", flat=True))
    for states in (ANSWERING, (DeploymentState.STOPPED,)):
        calm = (
            Deployment.objects.filter(state__in=states)
            .order_by("app_name")
            .values_list("pk", flat=True)
        )
        pks |= set(calm[: max(CALM_SHOWN - len(pks), 0)])
    return (
        Deployment.objects.filter(pk__in=pks)
        .select_related("version__model__owner_team")
        .defer(*UNREAD)
        .annotate(
            running=Count(
                "replicas", Q(replicas__ended_at=None, replicas__state=Replica.State.RUNNING)
            ),
            crashed=Count(
                "replicas",
                Q(
                    replicas__state=Replica.State.CRASHED,
                    replicas__ended_at__gte=timezone.now() - HOUR,
                ),
            ),
        )
    )


def _hosted_elsewhere(noticed):
    """Upstreams of external endpoints that do not answer, those of `noticed` versions, and the first of the others."""
    rows = _external().select_related("version__model__owner_team").defer(*UNREAD)
    upstreams = list(rows.filter(Q(is_ready=False) | Q(version__in=noticed)))
    calm = rows.filter(is_ready=True).exclude(version__in=noticed).order_by("version")
    return upstreams + list(calm[: max(CALM_SHOWN - len(upstreams), 0)])


def _external():
    live = ModelVersion.objects.filter(
        state__in=(ModelVersion.State.APPROVED, *ModelVersion.LIVE), suspended_at=None
    )
    return Upstream.objects.filter(
        kind=Upstream.Kind.EXTERNAL, version__in=live, version__deployment=None
    )


def _counts():
    """({state: how many}, the same by its words as pages show it) of all deployments and external endpoints."""
    deployed = dict(Deployment.objects.order_by().values_list("state").annotate(count=Count("pk")))
    elsewhere = dict(_external().order_by().values_list("is_ready").annotate(count=Count("pk")))
    external = {External.STATES[is_ready]: count for is_ready, count in elsewhere.items()}
    by_label = {DeploymentState(state).label: count for state, count in deployed.items()} | {
        External.WORDS[is_ready]: count for is_ready, count in elsewhere.items()
    }
    return {
        state: deployed.get(state, 0) + external.get(state, 0) for state in {*deployed, *external}
    }, by_label


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
    active = (
        Subscription.objects.filter(state=Subscription.State.ACTIVE).order_by().values_list("model")
    )
    active = active if models is None else active.filter(model__in=models)
    rows = active.annotate(
        applications=Count("application", distinct=True),
        teams=Count("application__team", distinct=True),
    )
    return {model: Affected(applications, teams) for model, applications, teams in rows}


def _of(count, noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
