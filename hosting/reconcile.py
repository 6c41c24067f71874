"""Compare what should run with what runs, in small repeatable steps. Runs on request and on a timer; two at once do no harm.

What should run comes from the version's state (approved or live, not suspended, not stopped by its owner), never from a
call. Approved versions are brought up too, so that publishing can find them ready.

A pass asks the engine once and reads one short row for each version that should run. Only what changed since the last pass, or is
on its way, is looked at closely: `LastPass`. See docs/hosting.md.
"""

import logging
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models import Subscription
from hosting import capacity, health, sleep, start_queue
from hosting.drivers.base import AppSpec, AppState, EngineUnavailable, driver
from hosting.lifecycle import UP, mark_restarting, move, observe, set_not_ready, start
from hosting.models import Change, Deployment, DeploymentState, Upstream
from marketplace.core.transitions import StaleState

log = logging.getLogger(__name__)

LOCK = 7_310_101
LOOK_AGAIN_S = 120
IDLE_FOR_S = 6  # the timer's next pass, when all is settled

SETTLED = (DeploymentState.READY, DeploymentState.SCALED_TO_ZERO, DeploymentState.FAILED)


def reconcile_when_due(engine=None):
    """For the timer: `reconcile`, unless nothing was moving a few seconds ago. A request calls `reconcile` itself.

    Which versions are to run is looked up only when one has changed, waits for its first start, or LOOK_AGAIN_S have passed.
    """
    if cache.get("hosting:settled"):
        return False
    # Changes are noted from publication on; of what is approved there are a few at any time, found by an index.
    approved = ModelVersion.objects.filter(state=ModelVersion.State.APPROVED)
    has_changed = cache.get("hosting:looked_at") != (_last_change(),) or approved.exists()
    return reconcile(engine, looks_for_versions=has_changed)


def _last_change():
    """The number of the newest change of a model, its versions or what runs of them; None when there is none (see Change)."""
    changes = Change.objects.filter(kind="model").order_by("-pk")
    return changes.values_list("pk", flat=True).first()


def reconcile(engine=None, looks_for_versions=True):
    """One pass. Returns True when something is still on its way (come again soon), False when all is settled or another
    process is at it."""
    with _only_one() as is_locked:
        if not is_locked:
            return False
        if looks_for_versions:
            last_change = _last_change()
            _create_missing()
            _sync_external()
            cache.set("hosting:looked_at", (last_change,), LOOK_AGAIN_S)
        is_moving = _engine_pass(engine or driver())
        cache.set("hosting:settled", not is_moving, IDLE_FOR_S)
        return is_moving


@contextmanager
def _only_one():
    """A Postgres advisory lock: it ends with the connection, so a killed worker leaves nothing locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        (is_locked,) = cursor.fetchone()
    try:
        yield is_locked
    finally:
        if is_locked:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def should_run():
    """Versions that the engine should serve."""
    states = [ModelVersion.State.APPROVED, *ModelVersion.LIVE]
    return ModelVersion.objects.filter(state__in=states, suspended_at=None)


# --- what should run -----------------------------------------------------------------------------------------------


def _create_missing():
    """A deployment for each version that should run and has none; wake those stopped, release those no longer wanted."""
    hosted = should_run().exclude(kind=ModelVersion.Kind.EXTERNAL).select_related("model")
    for version in hosted.filter(deployment=None).order_by("pk"):
        defaults = {"app_name": app_name(version), **capacity.of_predecessor(version)}
        Deployment.objects.get_or_create(version=version, defaults=defaults)
    wanted = Q(version__in=hosted.values("pk"), is_stopped_by_owner=False)
    deployments = Deployment.objects.select_related("version__model")
    for deployment in deployments.filter(
        wanted, state__in=(DeploymentState.STOPPED, DeploymentState.STOPPING)
    ):
        move(deployment, DeploymentState.PENDING, reason="")
    for deployment in deployments.filter(~wanted).exclude(
        state__in=(DeploymentState.STOPPED, DeploymentState.STOPPING)
    ):
        _stop_unwanted(deployment)


@transaction.atomic
def _stop_unwanted(deployment):
    """Its version is not to run any more; a suspension is told to all whom it stops."""
    move(deployment, DeploymentState.STOPPING)
    set_not_ready(deployment)
    _notify_if_suspended(deployment.version)


def _notify_if_suspended(version):
    if version.suspended_at:
        title, occasion = (
            f"{version} is suspended: calls are refused",
            f"suspended:{version.pk}:{version.suspended_at:%s}",
        )
        health.notify_all(version, "version.suspended", title, version.suspension_reason, occasion)


def app_name(version):
    """The engine's name of a version: readable, unique, and of the characters that every engine takes."""
    return f"{version.model.slug}-{version.number}".replace(".", "-").replace("+", "-")


def spec_of(deployment):
    """A Deployment (with version and model) as the driver wants it."""
    version = deployment.version
    return AppSpec(
        name=deployment.app_name,
        route=f"/v2/models/{version.model.slug}/versions/{version.number}",
        manifest=version.manifest,
        signature=version.manifest_signature,
        min_replicas=sleep.minimum(deployment),
        max_replicas=deployment.max_replicas,
        target_ongoing_requests=deployment.target_ongoing_requests,
        num_cpus=float(version.manifest.get("resources", {}).get("num_cpus", 0.1)),
        idle_seconds=sleep.idle_s(deployment),
        timeout_s=version.answers_within_s or AppSpec.timeout_s,
        starts_asleep=deployment.state == DeploymentState.SCALED_TO_ZERO,
    )


# --- what runs -----------------------------------------------------------------------------------------------------


@dataclass
class LastPass:
    """The result of the last pass: a checksum of what the engine was sent, and one for each version that was settled.

    It is in the cache. When it is lost, the next pass looks at everything once.
    """

    wanted: int = 0
    settled: dict[int, int] = field(default_factory=dict)

    KEY = "hosting:reconciled"

    @classmethod
    def load(cls):
        return cls(*cache.get(cls.KEY, (0, {})))

    def save(self):
        cache.set(self.KEY, (self.wanted, self.settled), None)


def _engine_pass(engine):
    try:
        return _one_pass(engine, LastPass.load())
    except EngineUnavailable as error:
        log.warning("engine unavailable: %s", error)
        # Nothing can start now, so this time does not count against start deadlines.
        Deployment.objects.filter(state=DeploymentState.STARTING).update(started_at=timezone.now())
        return True


def _one_pass(engine, last_pass):
    apps = engine.status()
    rows = list(_active_rows())
    wanted = {row.pk for row in _wanted(rows, apps)}
    checksum = _checksum(sorted(_desired(row) for row in rows if row.pk in wanted))
    names = {row.app_name for row in rows if row.pk in wanted}
    deployed = {name for name, app in apps.items() if app.state != AppState.STOPPING}
    if checksum != last_pass.wanted or names != deployed:
        engine.apply([spec_of(deployment) for deployment in _full(wanted)])
        apps = engine.status()
    checksums = {
        row.pk: _checksum(
            (row.state, row.spec_sha256, row.pk in wanted, *_desired(row), apps.get(row.app_name))
        )
        for row in rows
    }
    moving = [
        row
        for row in rows
        if row.state not in SETTLED or last_pass.settled.get(row.pk) != checksums[row.pk]
    ]
    observed = {deployment.pk: deployment for deployment in _full(row.pk for row in moving)}
    for deployment in observed.values():
        try:
            observe(
                deployment,
                apps.get(deployment.app_name),
                spec_of(deployment) if deployment.pk in wanted else None,
                engine,
            )
        except StaleState:
            continue  # somebody's verb was first; the next pass sees its result
    now = [observed.get(row.pk, row) for row in rows]
    LastPass(checksum, checksums).save()
    return any(deployment.state not in (*SETTLED, DeploymentState.STOPPED) for deployment in now)


def _active_rows():
    """What should run or still runs, without what is large: the manifest, the signature, the example."""
    subscribed = Subscription.objects.filter(
        model=OuterRef("version__model"), state=Subscription.State.ACTIVE
    )
    rows = (
        Deployment.objects.exclude(state=DeploymentState.STOPPED)
        .select_related("version__model")
        .annotate(has_subscribers=Exists(subscribed))
    )
    return rows.only(
        "state",
        "app_name",
        "spec_sha256",
        "min_replicas",
        "max_replicas",
        "target_ongoing_requests",
        "started_at",
        "waits_for_slot",
        "awake_because",
        "version__manifest_signature",
        "version__model__calls_30d",
    )


def _full(pks):
    """The deployments with all that a specification needs."""
    subscribed = Subscription.objects.filter(
        model=OuterRef("version__model"), state=Subscription.State.ACTIVE
    )
    pks = list(pks)
    rows = (
        Deployment.objects.filter(pk__in=pks).annotate(has_subscribers=Exists(subscribed))
        if pks
        else []
    )
    return rows.select_related("version__model") if pks else []


def _desired(row):
    """What the engine is told of a version, short enough to compare at every pass."""
    sizes = row.max_replicas, row.target_ongoing_requests
    return (
        row.app_name,
        sleep.minimum(row),
        *sizes,
        sleep.idle_s(row),
        row.version.manifest_signature,
    )


def _checksum(value):
    """The same in every process, unlike hash()."""
    return zlib.crc32(repr(value).encode())


def _wanted(rows, apps):
    """What the engine is to have: what it has, what sleeps, what is starting, and of the others those that a slot is free for."""
    candidates = [
        row for row in rows if row.state not in (DeploymentState.STOPPING, DeploymentState.FAILED)
    ]
    deployed, waiting = [], {}
    for row in candidates:
        if row.app_name in apps or row.state in (
            DeploymentState.STARTING,
            DeploymentState.SCALED_TO_ZERO,
        ):
            deployed.append(row)
        if (
            row.app_name not in apps
            and row.state not in (DeploymentState.STARTING, DeploymentState.SCALED_TO_ZERO)
            # It is to stay awake from now on. Twenty such at once would be twenty starts at once.
            or (row.state == DeploymentState.SCALED_TO_ZERO and sleep.promised_minimum(row) > 0)
        ):
            waiting[row.pk] = row
        elif row.state == DeploymentState.SCALED_TO_ZERO and row.waits_for_slot:
            Deployment.objects.filter(pk=row.pk).update(
                waits_for_slot=False
            )  # it may sleep on after all
    if not waiting:
        return deployed
    starting = [
        row
        for row in deployed
        if row.state != DeploymentState.SCALED_TO_ZERO
        and not getattr(apps.get(row.app_name), "running", ())
    ]
    queue = start_queue.by_use(Deployment.objects.filter(pk__in=waiting)).values_list(
        "pk", flat=True
    )
    free = start_queue.free_slots(starting)
    started = [row for row in (waiting.pop(pk) for pk in queue[:free]) if _take_slot(row)]
    for row in waiting.values():
        _wait_for_slot(row)
    return deployed + started


def _take_slot(row):
    """True unless somebody's verb was first."""
    try:
        if row.state == DeploymentState.PENDING:
            start(row)
            return True
        row.started_at, row.waits_for_slot = timezone.now(), False
        Deployment.objects.filter(pk=row.pk).update(started_at=row.started_at, waits_for_slot=False)
        if row.state == DeploymentState.SCALED_TO_ZERO:
            move(
                row, DeploymentState.RESTARTING
            )  # the gateway goes on sending calls, which wait for it
        else:
            mark_restarting(row)
        return True
    except StaleState:
        return False


def _wait_for_slot(row):
    """Others start first. What never ran just stays pending, and what sleeps goes on sleeping."""
    if row.state in UP and not row.waits_for_slot:
        row.waits_for_slot = True
        Deployment.objects.filter(pk=row.pk).update(waits_for_slot=True)
        if row.state != DeploymentState.SCALED_TO_ZERO:
            mark_restarting(row)


# --- external endpoints --------------------------------------------------------------------------------------------


def _sync_external():
    """An Upstream row for each external version that should be reachable; the probe decides whether it is ready."""
    wanted = should_run().filter(kind=ModelVersion.Kind.EXTERNAL)
    for version in wanted.filter(upstream=None).exclude(external_url=""):
        Upstream.objects.get_or_create(
            version=version,
            defaults={"kind": Upstream.Kind.EXTERNAL, "base_url": version.external_url.rstrip("/")},
        )
    Upstream.objects.filter(
        version__in=wanted, kind=Upstream.Kind.EXTERNAL, probe_due_at=None
    ).update(probe_due_at=timezone.now())
    unwanted = Upstream.objects.filter(kind=Upstream.Kind.EXTERNAL, is_ready=True).exclude(
        version__in=wanted
    )
    for upstream in unwanted.select_related("version__model"):
        with transaction.atomic():
            Upstream.objects.filter(pk=upstream.pk).update(is_ready=False)
            _notify_if_suspended(upstream.version)
