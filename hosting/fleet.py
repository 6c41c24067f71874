"""What runs, as pages and the API show it."""

from django.core.cache import cache
from django.db.models import Count, F, Prefetch, Q
from django.utils import timezone

from hosting import measured
from hosting.models import Deployment, HealthSample, Incident, Replica

REPLICAS_SHOWN = 20
SAMPLES_SHOWN = 60
FIGURES_KEPT_S = 30


def deployments_of(versions):
    """Deployments of `versions`, newest version first, with `.live_replicas`, `.past_replicas`, `.samples`, `.incident_list`,
    `.figures` (measured.Measured), `.promises` and `.budget`."""
    found = Deployment.objects.filter(version__in=versions).select_related("version__model", "version__upstream")
    found = list(found.order_by("-version__major", "-version__minor", "-version__patch"))
    for deployment in found:
        replicas = list(deployment.replicas.order_by(F("ended_at").desc(nulls_first=True), "-started_at")[:REPLICAS_SHOWN])
        deployment.live_replicas = [r for r in replicas if r.ended_at is None]
        deployment.past_replicas = [r for r in replicas if r.ended_at is not None]
        deployment.samples = list(HealthSample.objects.filter(version=deployment.version_id)[:SAMPLES_SHOWN])[::-1]
        deployment.incident_list = list(Incident.objects.filter(version=deployment.version_id)[:10])
        deployment.figures = figures_of(deployment.version)
        deployment.promises = measured.promises(deployment.version, deployment.figures)
        deployment.budget = measured.error_budget(deployment.version, deployment.figures)
    return found


def figures_of(version):
    """The version's measured figures, at most half a minute old: pages refresh every five seconds."""
    return cache.get_or_set(f"hosting:measured:{version.pk}", lambda: measured.measured(version), FIGURES_KEPT_S)


def overview():
    """The whole fleet: deployments with replica counts, counts by state, open incidents, failures first."""
    running = Q(replicas__state=Replica.State.RUNNING)
    deployments = (
        Deployment.objects.select_related("version__model__owner_team")
        .annotate(running=Count("replicas", running))
        .prefetch_related(Prefetch("version__incidents", Incident.objects.filter(closed_at=None), to_attr="open_incidents"))
    )
    rows = sorted(deployments, key=lambda row: (row.state == Deployment.State.READY, row.app_name))
    by_state = {}
    for row in rows:
        by_state[row.get_state_display()] = by_state.get(row.get_state_display(), 0) + 1
    return {
        "deployments": rows,
        "by_state": by_state,
        "replicas": sum(row.running for row in rows),
        "incidents": Incident.objects.filter(closed_at=None).select_related("version__model"),
        "at": timezone.now(),
    }
