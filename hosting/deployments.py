"""What runs, as pages and the API show it."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.humanize.templatetags.humanize import ordinal
from django.core.cache import cache
from django.db.models import Count, Exists, OuterRef, Prefetch, Q
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models import Subscription
from hosting import gateway_metrics, replica_history, replicas, service_levels, sleep, start_queue
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

    is_external = True
    STATES = {True: DeploymentState.READY, False: DeploymentState.UNHEALTHY}
    WORDS = {True: "Answers", False: "Does not answer"}
    reason = ""
    ready_at = None
    running = crashed = min_replicas = max_replicas = restarts = target_ongoing_requests = 0
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


@dataclass(frozen=True)
class DeploymentCard:
    """One version on a page: what runs of it, how it keeps its service level, what happened.

    `rejections` are those of the last hour; `is_paused` while the gateway's circuit breaker is open; `place` is its place in the
    queue of versions that wait to start, None when it waits for nothing; `chart` is None where nothing of ours runs.
    """

    deployment: "Deployment | External"
    figures: service_levels.ServiceLevelReport
    promises: list[service_levels.Promise]
    budget: service_levels.ErrorBudget | None
    rejections: list[gateway_metrics.RecentRejections]
    is_paused: bool
    place: int | None
    chart: replica_history.Chart | None

    @property
    def running(self):
        """How many of its replicas run."""
        live = self.deployment.live_replicas
        return sum(replica.state == Replica.State.RUNNING for replica in live)

    @property
    def incidents(self):
        """Its last incidents, newest first."""
        return self.deployment.version.last_incidents

    @property
    def incident(self):
        """The one that is open, or None."""
        return next((incident for incident in self.incidents if incident.closed_at is None), None)

    @property
    def last_probe(self):
        """Its newest HealthSample of the last hour, or None."""
        return next(iter(self.deployment.version.last_samples), None)

    @property
    def queue_title(self):
        return f"Waiting to start: {ordinal(self.place)}" if self.place else "Waiting to start"

    @property
    def wake_note(self):
        return f"Nobody called it for a while. The next call wakes it and waits about {sleep.start_s(self.deployment)} seconds."

    @property
    def sleep_note(self):
        """Whether and when it sleeps; empty for what never does."""
        return "" if self.deployment.is_external else sleep.note(self.deployment)


def cards(versions, gateway, span):
    """[DeploymentCard] of what runs for `versions`, newest version first.

    `gateway` is a gateway_metrics.Report, `span` the replica_history.Span of the charts. Figures are at most half a minute old;
    the rest takes the same queries for any number.
    """
    hosted = list(_deployments(versions))
    waits = any(
        deployment.state == DeploymentState.PENDING or deployment.waits_for_slot
        for deployment in hosted
    )
    places = start_queue.positions() if waits else {}
    charts = replica_history.charts(hosted, span)
    cards = [
        _card(deployment, gateway, places.get(deployment.pk), charts.get(deployment.pk))
        for deployment in (*hosted, *_externals(versions))
    ]
    return sorted(cards, key=lambda card: card.deployment.version.precedence, reverse=True)


def _card(deployment, gateway, place, chart):
    version = deployment.version
    figures = figures_of(version)
    return DeploymentCard(
        deployment,
        figures,
        service_levels.promises(version, figures),
        service_levels.error_budget(version, figures),
        gateway.recent_rejections(version.pk),
        version.pk in gateway.open_breakers,
        place,
        chart,
    )


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


def _externals(versions):
    rows = Upstream.objects.filter(
        version__in=versions, kind=Upstream.Kind.EXTERNAL, version__deployment=None
    ).exclude(version__state__in=ModelVersion.NOT_RELIED_ON)
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


@dataclass(frozen=True)
class FleetRow:
    """One version that is to run, as the operations page lists it. `deployment` has its `.running` and, in the last hour,
    `.crashed` replicas; `incident` is the open one or None."""

    deployment: "Deployment | External"
    incident: Incident | None
    affected: "Affected"

    @property
    def version(self):
        return self.deployment.version

    @property
    def since(self):
        """When its incident or its state began."""
        return self.incident.opened_at if self.incident else self.deployment.state_since


@dataclass(frozen=True)
class Fleet:
    """All that is to run. `rows` are those that need somebody or were called lately, and some of the others; `counts` are of all,
    by state, `by_label` by the state's words; `unshown` have no row; `incidents` are the open ones, oldest first."""

    rows: list[FleetRow]
    counts: dict[str, int]
    by_label: dict[str, int]
    replicas: int
    incidents: list[Incident]

    @property
    def unshown(self):
        return max(sum(self.counts.values()) - len(self.rows), 0)


def fleet(noticed=()):
    """The Fleet at any size, what needs somebody first: `noticed` (version ids: called, rejected) are among its rows."""
    incidents = {
        incident.version_id: incident
        for incident in Incident.objects.filter(closed_at=None).select_related("version__model")
    }
    deployments = [
        *_deployed({*incidents, *noticed}),
        *map(External, _hosted_elsewhere({*incidents, *noticed})),
    ]
    users = affected({deployment.version.model_id for deployment in deployments})
    rows = [
        FleetRow(
            deployment,
            incidents.get(deployment.version_id),
            users.get(deployment.version.model_id, NOBODY),
        )
        for deployment in deployments
    ]
    rows.sort(
        key=lambda row: (row.incident is None, ORDER.index(row.deployment.state), str(row.version))
    )
    return Fleet(
        rows,
        *_counts(),
        Replica.objects.filter(ended_at=None, state=Replica.State.RUNNING).count(),
        sorted(incidents.values(), key=lambda incident: incident.opened_at),
    )


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
    probed = _probed_elsewhere().order_by("version_id").values_list("pk", flat=True)
    pks = {*probed.filter(is_ready=False), *probed.filter(version__in=noticed)}
    pks |= set(probed.filter(is_ready=True)[: max(CALM_SHOWN - len(pks), 0)])
    live = (ModelVersion.State.APPROVED, *ModelVersion.LIVE)
    shown = Upstream.objects.filter(
        pk__in=pks, version__state__in=live, version__suspended_at=None, version__deployment=None
    )
    return shown.select_related("version__model__owner_team").defer(*UNREAD)


def _probed_elsewhere():
    """External endpoints that have to answer: they have a time for their next probe. Found by an index, without their versions."""
    return Upstream.objects.filter(kind=Upstream.Kind.EXTERNAL).exclude(probe_due_at=None)


def _counts():
    """({state: how many}, the same by its words as pages show it) of all deployments and external endpoints."""
    deployed = dict(Deployment.objects.order_by().values_list("state").annotate(count=Count("pk")))
    elsewhere = dict(
        _probed_elsewhere().order_by().values_list("is_ready").annotate(count=Count("pk"))
    )
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
