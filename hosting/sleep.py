"""Which versions may sleep: those that nobody calls for a while end their last replica, and their next call starts one.

That is the default, so that a large catalog lives on a small machine. A version stays awake when its team says so (at least one
replica), when an always-on plan of its model has subscribers, and when a start would break what it promises: see
docs/hosting.md, "Asleep and awake". What follows stands on the deployment (`awake_because`), so that the reconciler reads no usage.
"""

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from math import ceil

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models import Subscription, UsageDay
from hosting.models import AwakeReason, Deployment, DeploymentState
from hosting.service_levels import ENOUGH_CALLS, window_start

LEAST_S = 60  # a version is seen ready before it may fall asleep
JUDGED_AGAIN_AFTER = timedelta(minutes=5)
AT_ONCE = 100
START_GUESS_S = 10.0  # of a version that was never measured


def minimum(deployment):
    """How many replicas run at least; none yet while one that is to stay awake from now on waits for its slot."""
    if deployment.state == DeploymentState.SCALED_TO_ZERO and deployment.waits_for_slot:
        return 0
    return promised_minimum(deployment)


def promised_minimum(deployment):
    """How many replicas its team and its consumers rely on."""
    return max(
        deployment.min_replicas, 1 if deployment.awake_because or not settings.SLEEP_AFTER_S else 0
    )


def idle_s(deployment):
    """After so many seconds without a call it falls asleep: sooner when nobody has called or subscribed to its model."""
    is_used = deployment.version.model.calls_30d > 0 or deployment.has_subscribers
    return max(settings.SLEEP_AFTER_S if is_used else settings.SLEEP_UNUSED_AFTER_S, LEAST_S)


def start_s(deployment):
    """How long its first call waits when it sleeps, in whole seconds, as measured."""
    return ceil(deployment.cold_start_s or START_GUESS_S)


def note(deployment):
    """Whether it sleeps, for its page. The deployment knows whether it `has_subscribers`."""
    if not settings.SLEEP_AFTER_S or deployment.state in (
        DeploymentState.STOPPED,
        DeploymentState.FAILED,
        DeploymentState.SCALED_TO_ZERO,
    ):
        return ""
    if reason := deployment.awake_because or (AwakeReason.TEAM if deployment.min_replicas else ""):
        label = AwakeReason(reason).label
        return f"Stays awake: {label[0].lower()}{label[1:]}."
    minutes = max(round(idle_s(deployment) / 60), 1)
    after = f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"Sleeps after {after} without a call; the next one then waits about {start_s(deployment)} seconds."


def refresh_due():
    """`refresh` those that are due, at most AT_ONCE, and those that an always-on plan now wants awake. Returns how many changed."""
    due = Deployment.objects.filter(sleep_due_at__lte=timezone.now()).exclude(
        state=DeploymentState.STOPPED
    )
    chosen = set(due.order_by("sleep_due_at").values_list("pk", flat=True)[:AT_ONCE])
    if promised := _always_on_models():
        asleep = Deployment.objects.filter(version__model__in=promised, state__in=NOT_STOPPED)
        chosen |= set(
            asleep.exclude(awake_because__in=(AwakeReason.TEAM, AwakeReason.PLAN)).values_list(
                "pk", flat=True
            )
        )
    rows = Deployment.objects.filter(pk__in=chosen)
    rows.update(sleep_due_at=timezone.now() + JUDGED_AGAIN_AFTER)
    return refresh(rows)


def refresh(deployments=None):
    """Judge anew which of the deployments (by default all) stay awake; writes only what changed. Returns how many changed.

    Also writes `cold_start_s` of the catalog's versions: how long a first call waits, None for one that is always awake.
    """
    rows = (
        (Deployment.objects if deployments is None else deployments)
        .filter(state__in=NOT_STOPPED)
        .select_related("version__model")
    )
    rows = list(rows.only(*FIELDS))
    promised, calls = (
        _always_on_models(),
        _calls({row.version_id for row in rows if row.version.model.calls_30d >= ENOUGH_CALLS}),
    )
    changed = 0
    for row in rows:
        reason = _why_awake(row, row.version.model_id in promised, calls.get(row.version_id, 0))
        changed += _write(row, reason)
    return changed


NOT_STOPPED = [
    state for state in DeploymentState if state != DeploymentState.STOPPED
]  # by name: so the index is of use
FIELDS = (
    "min_replicas",
    "cold_start_s",
    "awake_because",
    "state",
    "version__sla",
    "version__cold_start_s",
    "version__model__calls_30d",
)


def _why_awake(deployment, is_promised, calls):
    version, start_s = deployment.version, deployment.cold_start_s or START_GUESS_S
    if deployment.min_replicas:
        return AwakeReason.TEAM
    if is_promised:
        return AwakeReason.PLAN
    if version.answers_within_s and version.answers_within_s < 2 * start_s:
        return AwakeReason.DEADLINE
    promised_ms = _number(version.sla.get("p95_ms"))
    if calls >= ENOUGH_CALLS and promised_ms and promised_ms < 1000 * start_s:
        return AwakeReason.LATENCY
    return AwakeReason.NONE


def _write(deployment, reason):
    sleeps = not reason and settings.SLEEP_AFTER_S
    announced_s = deployment.cold_start_s or START_GUESS_S if sleeps else None
    if deployment.version.cold_start_s != announced_s:
        ModelVersion.objects.filter(pk=deployment.version_id).update(cold_start_s=announced_s)
    if deployment.awake_because == reason:
        return False
    Deployment.objects.filter(pk=deployment.pk).update(awake_because=reason)
    return True


def _always_on_models():
    """Models of which an always-on plan has subscribers."""
    return set(
        Subscription.objects.filter(
            state=Subscription.State.ACTIVE, plan__is_always_on=True
        ).values_list("model", flat=True)
    )


def _calls(versions):
    """{version id: calls of the last 30 days}."""
    since = window_start().date()
    rows = (
        UsageDay.objects.filter(version__in=versions, day__gte=since)
        .values_list("version")
        .annotate(Sum("calls"))
        .order_by()
    )
    return dict(rows)


def _number(value):
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
