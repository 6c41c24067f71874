"""Compare what should run with what runs, in small repeatable steps. Runs on a nudge and on a timer; two at once do no harm.

What should run comes from the version's state (approved or live, not suspended, not stopped by its owner), never from a
call. Approved versions are brought up too, so that publishing can find them ready.

A pass asks the engine once and reads one short row for each version that should run. Only what changed since the last pass, or is
on its way, is looked at closely: `Memory`. See docs/hosting.md.
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
from hosting.models import Deployment, DeploymentState, Upstream
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.transitions import StaleState, transition

log = logging.getLogger(__name__)

LOCK = 7_310_101
START_DEADLINE = timedelta(minutes=5)
LONGEST_START = timedelta(minutes=30)  # on a saturated machine
SATURATION_KEPT_S = LONGEST_START.total_seconds()
SETTLED_FOR_S = 6  # the timer's next pass, when all is settled
MOST_RESTARTS = 5
RESTART_WINDOW = timedelta(minutes=10)

S = DeploymentState
UP = (S.READY, S.DEGRADED, S.UNHEALTHY, S.RESTARTING, S.SCALED_TO_ZERO)
SETTLED = (S.READY, S.SCALED_TO_ZERO, S.FAILED)


def reconcile_when_due(engine=None):
    """For the timer: `reconcile`, unless all was settled a few seconds ago. A nudge calls `reconcile` itself."""
    return False if cache.get("hosting:settled") else reconcile(engine)


def reconcile(engine=None):
    """One pass. Returns True when something is still on its way (come again soon), False when all is settled or another
    process is at it."""
    with _only_one() as mine:
        if not mine:
            return False
        _adopt()
        _settle_external()
        is_moving = _engine_pass(engine or driver())
        cache.set("hosting:settled", not is_moving, SETTLED_FOR_S)
        return is_moving


@contextmanager
def _only_one():
    """A Postgres advisory lock: it ends with the connection, so a killed worker leaves nothing locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        (mine,) = cursor.fetchone()
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def should_run():
    """Versions that the engine should serve."""
    states = [ModelVersion.State.APPROVED, *ModelVersion.LIVE]
    return ModelVersion.objects.filter(state__in=states, suspended_at=None)


# --- what should run -----------------------------------------------------------------------------------------------


def _adopt():
    """A deployment for each version that should run and has none; wake those stopped, release those no longer wanted."""
    hosted = should_run().exclude(kind=ModelVersion.Kind.EXTERNAL).select_related("model")
    for version in hosted.filter(deployment=None).order_by("pk"):
        defaults = {"app_name": app_name(version), **capacity.of_predecessor(version)}
        Deployment.objects.get_or_create(version=version, defaults=defaults)
    wanted = Q(version__in=hosted.values("pk"), is_stopped_by_owner=False)
    deployments = Deployment.objects.select_related("version__model")
    for deployment in deployments.filter(wanted, state__in=(S.STOPPED, S.STOPPING)):
        _move(deployment, S.PENDING, reason="")
    for deployment in deployments.filter(~wanted).exclude(state__in=(S.STOPPED, S.STOPPING)):
        _release(deployment)


@transaction.atomic
def _release(deployment):
    """Its version is not to run any more; a suspension is told to all whom it stops."""
    _move(deployment, S.STOPPING)
    _set_not_ready(deployment)
    _tell_if_suspended(deployment.version)


def _tell_if_suspended(version):
    if version.suspended_at:
        title, occasion = (
            f"{version} is suspended: calls are refused",
            f"suspended:{version.pk}:{version.suspended_at:%s}",
        )
        health.tell_all(version, "version.suspended", title, version.suspension_reason, occasion)


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
        starts_asleep=deployment.state == S.SCALED_TO_ZERO,
    )


# --- what runs -----------------------------------------------------------------------------------------------------


@dataclass
class Memory:
    """What the last pass left: a checksum of what the engine was told, and one for each version that was settled.

    It lies in the cache: when it is lost, the next pass looks at everything once.
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
        return _one_pass(engine, Memory.load())
    except EngineUnavailable as away:
        log.warning("engine unavailable: %s", away)
        _stop_the_clock()
        return True


def _one_pass(engine, memory):
    seen = engine.status()
    rows = list(_active_rows())
    wanted = {row.pk for row in _wanted(rows, seen)}
    checksum = _checksum(sorted(_desired(row) for row in rows if row.pk in wanted))
    names = {row.app_name for row in rows if row.pk in wanted}
    if checksum != memory.wanted or names != _present(seen):
        engine.apply([spec_of(deployment) for deployment in _full(wanted)])
        seen = engine.status()
    checksums = {
        row.pk: _checksum(
            (row.state, row.spec_sha256, row.pk in wanted, *_desired(row), seen.get(row.app_name))
        )
        for row in rows
    }
    moving = [
        row
        for row in rows
        if row.state not in SETTLED or memory.settled.get(row.pk) != checksums[row.pk]
    ]
    looked_at = {deployment.pk: deployment for deployment in _full(row.pk for row in moving)}
    for deployment in looked_at.values():
        try:
            _observe(
                deployment,
                seen.get(deployment.app_name),
                spec_of(deployment) if deployment.pk in wanted else None,
                engine,
            )
        except StaleState:
            continue  # somebody's verb was first; the next pass sees its result
    now = [looked_at.get(row.pk, row) for row in rows]
    Memory(checksum, checksums).save()
    return any(deployment.state not in (*SETTLED, S.STOPPED) for deployment in now)


def _active_rows():
    """What should run or still runs, without what is large: the manifest, the signature, the example."""
    subscribed = Subscription.objects.filter(
        model=OuterRef("version__model"), state=Subscription.State.ACTIVE
    )
    rows = (
        Deployment.objects.exclude(state=S.STOPPED)
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


def _present(seen):
    return {name for name, app in seen.items() if app.state != AppState.STOPPING}


def _wanted(rows, seen):
    """What the engine is to have: what it has, what sleeps, what is starting, and of the others those that a slot is free for."""
    candidates = [row for row in rows if row.state not in (S.STOPPING, S.FAILED)]
    has, waiting = [], {}
    for row in candidates:
        if row.app_name in seen or row.state in (S.STARTING, S.SCALED_TO_ZERO):
            has.append(row)
        if (
            row.app_name not in seen
            and row.state not in (S.STARTING, S.SCALED_TO_ZERO)
            or _is_to_wake(row)
        ):
            waiting[row.pk] = row
        elif row.state == S.SCALED_TO_ZERO and row.waits_for_slot:
            Deployment.objects.filter(pk=row.pk).update(
                waits_for_slot=False
            )  # it may sleep on after all
    if not waiting:
        return has
    starting = [
        row
        for row in has
        if row.state != S.SCALED_TO_ZERO and not getattr(seen.get(row.app_name), "running", ())
    ]
    queue = start_queue.by_use(Deployment.objects.filter(pk__in=waiting)).values_list(
        "pk", flat=True
    )
    free = start_queue.free_slots(starting)
    started = [row for row in (waiting.pop(pk) for pk in queue[:free]) if _takes_its_slot(row)]
    for row in waiting.values():
        _queue_up(row)
    return has + started


def _is_to_wake(row):
    """It sleeps, and is to stay awake from now on. Twenty such at once would be twenty starts at once."""
    return row.state == S.SCALED_TO_ZERO and sleep.promised_minimum(row) > 0


def _takes_its_slot(row):
    """True unless somebody's verb was first."""
    try:
        if row.state == S.PENDING:
            _begin(row)
            return True
        row.started_at, row.waits_for_slot = timezone.now(), False
        Deployment.objects.filter(pk=row.pk).update(started_at=row.started_at, waits_for_slot=False)
        if row.state == S.SCALED_TO_ZERO:
            _move(row, S.RESTARTING)  # the gateway goes on sending calls, which wait for it
        else:
            _lost(row)
        return True
    except StaleState:
        return False


def _queue_up(row):
    """Others start first. What never ran just stays pending, and what sleeps goes on sleeping."""
    if row.state in UP and not row.waits_for_slot:
        row.waits_for_slot = True
        Deployment.objects.filter(pk=row.pk).update(waits_for_slot=True)
        if row.state != S.SCALED_TO_ZERO:
            _lost(row)


def _lost(row):
    if row.state != S.RESTARTING:
        _set_not_ready(row)
        _move(row, S.RESTARTING)


def _stop_the_clock():
    """Nothing can come up while the engine is away: that time does not count against what is being started."""
    Deployment.objects.filter(state=S.STARTING).update(started_at=timezone.now())


def _observe(deployment, app, spec, engine):
    changed = spec is not None and deployment.spec_sha256 not in ("", spec.sha256)
    restarts = replicas.record(
        deployment, app, engine.machines(), counts_restarts=spec is not None and not changed
    )
    if spec is None:
        return _ended(deployment, app)
    if restarts:
        Deployment.objects.filter(pk=deployment.pk).update(restarts=F("restarts") + restarts)
    if app is None or app.state in (AppState.MISSING, AppState.STOPPING):
        return _waiting(deployment)
    crashed, left_none = replicas.crashes(deployment, RESTART_WINDOW)
    if left_none > MOST_RESTARTS:
        return fail(
            deployment,
            f"Its process ended {MOST_RESTARTS} times in ten minutes.",
            log_tail(engine, deployment),
        )
    if restarts and crashed > MOST_RESTARTS:
        _tell_of_crashes(deployment, log_tail(engine, deployment))
    if app.state == AppState.FAILED:
        return fail(deployment, replicas.plain_reason(app.message), log_tail(engine, deployment))
    _follow(deployment, app, spec, engine)


def _tell_of_crashes(deployment, lines):
    """As long as another replica answers, a version that loses replicas goes on serving; its publishers are told once a day."""
    said = f"More than {MOST_RESTARTS} of its processes ended in ten minutes. Others answered meanwhile, so it goes on serving."
    title = f"{deployment.version} keeps losing processes"
    health.tell_publisher(
        deployment,
        "deployment.crashing",
        title,
        "\n".join([said, *lines])[:4000],
        timezone.now().date(),
    )


def _ended(deployment, app):
    if deployment.state == S.STOPPING and app is None:
        _move(deployment, S.STOPPED)


def _waiting(deployment):
    """The engine has not begun, or it lost its state and was just told again. What slept goes on sleeping."""
    if deployment.state in UP and deployment.state != S.SCALED_TO_ZERO:
        _lost(deployment)


def _follow(deployment, app, spec, engine):
    """Move along with what the engine says, and believe READY only after the data path has answered."""
    if deployment.state == S.PENDING:
        _begin(deployment)
    to = _state_of(deployment, app)
    if to == S.STARTING or to == deployment.state:
        _note_spec(deployment, spec)
        return _check_deadline(deployment, app, engine)
    if (
        to == S.READY
        and deployment.state != S.DEGRADED
        and not health.answers(engine.base_url(spec), deployment.version)
    ):
        return _check_deadline(deployment, app, engine)
    if to == S.READY:
        return _ready(deployment, spec, engine)
    if to in (S.RESTARTING, S.UNHEALTHY):
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
        return S.SCALED_TO_ZERO  # also while the last replica is still on its way out
    if running == 0:
        return S.RESTARTING if was_up and deployment.state != S.SCALED_TO_ZERO else deployment.state
    if app.state == AppState.UNHEALTHY or running < sleep.minimum(deployment):
        return S.DEGRADED if was_up else S.STARTING
    return S.READY


def _begin(deployment):
    _move(deployment, S.STARTING, started_at=timezone.now(), waits_for_slot=False, reason="")


def _ready(deployment, spec, engine):
    probe_due_at = timezone.now() + health.pause(deployment)
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
    _move(deployment, S.READY, **fields)
    sleep.refresh(Deployment.objects.filter(pk=deployment.pk))


def _note_spec(deployment, spec):
    """New bounds reach a running version without a restart; from now on a replica that goes has crashed again."""
    if deployment.state == S.READY and deployment.spec_sha256 != spec.sha256:
        Deployment.objects.filter(pk=deployment.pk).update(spec_sha256=spec.sha256)


def _set_not_ready(deployment):
    """Told to the gateway; it goes on trying, since a single replica's calls wait for a few seconds and then succeed."""
    Upstream.objects.filter(version=deployment.version_id).update(is_ready=False)


def _check_deadline(deployment, app, engine):
    """The engine retries a failing start for ever; we do not. The clock stands still while the machine is saturated, and on a busy
    machine others that come up are progress too."""
    if deployment.state not in (S.STARTING, S.RESTARTING) or deployment.started_at is None:
        return
    down_since = replicas.down_since(deployment) if deployment.state == S.RESTARTING else None
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
    _move(deployment, S.FAILED, reason=reason[:2000])
    record(User.objects.system("hosting"), "deployment.failed", deployment, reason=reason[:500])
    said = "\n".join([reason, *lines])[:4000]
    health.tell_publisher(
        deployment, "deployment.failed", f"{deployment.version} does not run", said
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


def _settle_external():
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
            _tell_if_suspended(upstream.version)
