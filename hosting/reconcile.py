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
from datetime import timedelta

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Q
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models import Subscription
from hosting import capacity, health, replicas, sleep, start_queue
from hosting.drivers.base import AppSpec, AppState, EngineUnavailable, driver
from hosting.models import Change, Deployment, DeploymentState, Upstream
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.transitions import StaleState, transition

log = logging.getLogger(__name__)

LOCK = 7_310_101
START_DEADLINE = timedelta(minutes=5)
LONGEST_START = timedelta(minutes=30)  # on a saturated machine
SATURATION_KEPT_S = LONGEST_START.total_seconds()
LOOK_AGAIN_S = 120
IDLE_FOR_S = 6  # the timer's next pass, when all is settled
MOST_RESTARTS = 5
RESTART_WINDOW = timedelta(minutes=10)

UP = (
    DeploymentState.READY,
    DeploymentState.DEGRADED,
    DeploymentState.UNHEALTHY,
    DeploymentState.RESTARTING,
    DeploymentState.SCALED_TO_ZERO,
)
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
        _move(deployment, DeploymentState.PENDING, reason="")
    for deployment in deployments.filter(~wanted).exclude(
        state__in=(DeploymentState.STOPPED, DeploymentState.STOPPING)
    ):
        _stop_unwanted(deployment)


@transaction.atomic
def _stop_unwanted(deployment):
    """Its version is not to run any more; a suspension is told to all whom it stops."""
    _move(deployment, DeploymentState.STOPPING)
    _set_not_ready(deployment)
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
            _observe(
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
            _start(row)
            return True
        row.started_at, row.waits_for_slot = timezone.now(), False
        Deployment.objects.filter(pk=row.pk).update(started_at=row.started_at, waits_for_slot=False)
        if row.state == DeploymentState.SCALED_TO_ZERO:
            _move(
                row, DeploymentState.RESTARTING
            )  # the gateway goes on sending calls, which wait for it
        else:
            _mark_restarting(row)
        return True
    except StaleState:
        return False


def _wait_for_slot(row):
    """Others start first. What never ran just stays pending, and what sleeps goes on sleeping."""
    if row.state in UP and not row.waits_for_slot:
        row.waits_for_slot = True
        Deployment.objects.filter(pk=row.pk).update(waits_for_slot=True)
        if row.state != DeploymentState.SCALED_TO_ZERO:
            _mark_restarting(row)


def _mark_restarting(row):
    if row.state != DeploymentState.RESTARTING:
        _set_not_ready(row)
        _move(row, DeploymentState.RESTARTING)


def _observe(deployment, app, spec, engine):
    changed = spec is not None and deployment.spec_sha256 not in ("", spec.sha256)
    restarts = replicas.record(
        deployment, app, engine.machines(), counts_restarts=spec is not None and not changed
    )
    if spec is None:
        return _finish_stopping(deployment, app)
    if restarts:
        Deployment.objects.filter(pk=deployment.pk).update(restarts=F("restarts") + restarts)
    if app is None or app.state in (AppState.MISSING, AppState.STOPPING):
        return _wait_for_engine(deployment)
    crashed, left_none = replicas.crashes(deployment, RESTART_WINDOW)
    if left_none > MOST_RESTARTS:
        return fail(
            deployment,
            f"Its process ended {MOST_RESTARTS} times in ten minutes.",
            log_tail(engine, deployment),
        )
    if restarts and crashed > MOST_RESTARTS:
        message = f"More than {MOST_RESTARTS} of its processes ended in ten minutes. Others answered meanwhile, so it goes on serving."
        title = f"{deployment.version} keeps losing processes"
        health.notify_publishers(
            deployment,
            "deployment.crashing",
            title,
            "\n".join([message, *log_tail(engine, deployment)])[:4000],
            timezone.now().date(),
        )
    if app.state == AppState.FAILED:
        return fail(deployment, replicas.plain_reason(app.message), log_tail(engine, deployment))
    _follow_engine(deployment, app, spec, engine)


def _finish_stopping(deployment, app):
    if deployment.state == DeploymentState.STOPPING and app is None:
        _move(deployment, DeploymentState.STOPPED)


def _wait_for_engine(deployment):
    """The engine has not begun, or it lost its state and was just told again. What slept goes on sleeping."""
    if deployment.state in UP and deployment.state != DeploymentState.SCALED_TO_ZERO:
        _mark_restarting(deployment)


def _follow_engine(deployment, app, spec, engine):
    """Move along with what the engine says, and believe READY only after the data path has answered."""
    if deployment.state == DeploymentState.PENDING:
        _start(deployment)
    to = _state_of(deployment, app)
    if to == DeploymentState.STARTING or to == deployment.state:
        # New bounds reach a running version without a restart; from now on a replica that goes has crashed again.
        if deployment.state == DeploymentState.READY and deployment.spec_sha256 != spec.sha256:
            Deployment.objects.filter(pk=deployment.pk).update(spec_sha256=spec.sha256)
        return _check_deadline(deployment, app, engine)
    if (
        to == DeploymentState.READY
        and deployment.state != DeploymentState.DEGRADED
        and not health.is_answering(engine.base_url(spec), deployment.version)
    ):
        return _check_deadline(deployment, app, engine)
    if to == DeploymentState.READY:
        return _ready(deployment, spec, engine)
    if to in (DeploymentState.RESTARTING, DeploymentState.UNHEALTHY):
        _set_not_ready(deployment)
    _move(deployment, to)


def _state_of(deployment, app):
    running, was_up = len(app.running), deployment.state in UP
    if (
        app.state == AppState.RUNNING
        and app.target == 0
        and running == 0
        and sleep.minimum(deployment) == 0
    ):
        return DeploymentState.SCALED_TO_ZERO  # also while the last replica is still on its way out
    if running == 0:
        return (
            DeploymentState.RESTARTING
            if was_up and deployment.state != DeploymentState.SCALED_TO_ZERO
            else deployment.state
        )
    if app.state == AppState.UNHEALTHY or running < sleep.minimum(deployment):
        return DeploymentState.DEGRADED if was_up else DeploymentState.STARTING
    return DeploymentState.READY


def _start(deployment):
    _move(
        deployment,
        DeploymentState.STARTING,
        started_at=timezone.now(),
        waits_for_slot=False,
        reason="",
    )


def _ready(deployment, spec, engine):
    probe_due_at = timezone.now() + health.probe_interval(deployment)
    Upstream.objects.update_or_create(
        version=deployment.version,
        defaults={
            "kind": Upstream.Kind.ENGINE,
            "base_url": engine.base_url(spec),
            "is_ready": True,
            "probe_due_at": probe_due_at,
        },
    )
    fields = {
        "reason": "",
        "spec_sha256": spec.sha256,
        "cold_start_s": replicas.quickest_start_s(deployment),
    }
    if deployment.ready_at is None:
        fields["ready_at"] = timezone.now()
    _move(deployment, DeploymentState.READY, **fields)
    sleep.refresh(Deployment.objects.filter(pk=deployment.pk))


def _set_not_ready(deployment):
    """Told to the gateway; it goes on trying, since a single replica's calls wait for a few seconds and then succeed."""
    Upstream.objects.filter(version=deployment.version_id).update(is_ready=False)


def _check_deadline(deployment, app, engine):
    """The engine retries a failing start for ever; we do not. The clock stands still while the machine is saturated, and on a busy
    machine others that come up are progress too."""
    if (
        deployment.state not in (DeploymentState.STARTING, DeploymentState.RESTARTING)
        or deployment.started_at is None
    ):
        return
    down_since = (
        replicas.down_since(deployment) if deployment.state == DeploymentState.RESTARTING else None
    )
    since = max(deployment.started_at, down_since or deployment.started_at)
    progress = Deployment.objects.aggregate(last=Max("ready_at"))["last"]
    now, counted_from = (
        timezone.now(),
        max(filter(None, (since, progress, _last_saturated(engine)))),
    )
    if now - counted_from > START_DEADLINE or now - max(since, progress or since) > LONGEST_START:
        message = (
            replicas.plain_reason(app.message) if app.message else "No replica was ready in time."
        )
        reason = f"It did not become ready within {START_DEADLINE.seconds // 60} minutes. {message}"
        fail(deployment, reason, log_tail(engine, deployment))


def _last_saturated(engine):
    """When a machine of the engine was last seen with more to do than it has processors, of late; None when it was not."""
    if engine.is_saturated():
        cache.set("hosting:saturated_at", timezone.now(), SATURATION_KEPT_S)
    return cache.get("hosting:saturated_at")


def fail(deployment, reason, lines=()):
    """Out of the engine, with the reason; its publishers are told, with its last lines, which only they may see.

    The publisher tries again with `start`.
    """
    _set_not_ready(deployment)
    _move(deployment, DeploymentState.FAILED, reason=reason[:2000])
    record(User.objects.system("hosting"), "deployment.failed", deployment, reason=reason[:500])
    body = "\n".join([reason, *lines])[:4000]
    health.notify_publishers(
        deployment, "deployment.failed", f"{deployment.version} does not run", body
    )


def log_tail(engine, deployment, lines=15):
    """The last lines of its replicas, for the reason; [] when they cannot be had."""
    try:
        return [replicas.plain_line(line) for line in engine.logs(deployment.app_name, lines)]
    except (EngineUnavailable, ValueError):
        return []


def _move(deployment, to, **fields):
    transition(deployment, to, **fields)
    log.info("%s is %s %s", deployment.app_name, to, fields.get("reason", "")[:200])


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
