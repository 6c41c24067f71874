"""Which versions start next: as many at once as the engine has processors, the most used first.

A start keeps one processor busy for seconds; eighteen at once on two processors are all late together. Versions that have a
replica, or sleep, need no slot; one that slept and is to stay awake from now on does. A start gives its slot back after HOLDS_A_SLOT, so that one that hangs stops nobody; its own
deadline is the reconciler's. See docs/hosting.md, "The start queue".
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from consumption.models import Subscription
from hosting.models import Deployment, DeploymentState

HOLDS_A_SLOT = timedelta(minutes=2)
WAITING = Q(state=DeploymentState.PENDING) | Q(
    state__in=(DeploymentState.RESTARTING, DeploymentState.SCALED_TO_ZERO), waits_for_slot=True
)


def by_use(deployments):
    """A queryset of deployments, the most used first: by calls of their model in 30 days, then subscriptions, then the newest."""
    active = Q(version__model__subscriptions__state=Subscription.State.ACTIVE)
    return deployments.annotate(
        subscriptions=Count("version__model__subscriptions", active)
    ).order_by("-version__model__calls_30d", "-subscriptions", "-pk")


def positions():
    """{deployment id: its position in the queue, from 1} of all that wait for a slot."""
    waiting = by_use(Deployment.objects.filter(WAITING)).values_list("pk", flat=True)
    return {pk: position for position, pk in enumerate(waiting, 1)}


def free_slots(starting):
    """How many more may start beside the deployments `starting`; one that has taken too long no longer counts."""
    since = timezone.now() - HOLDS_A_SLOT
    taken = sum(
        deployment.started_at is None or deployment.started_at > since for deployment in starting
    )
    return max(settings.ENGINE_STARTS_AT_ONCE - taken, 0)
