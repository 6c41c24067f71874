"""Compare what should run with what runs, in small repeatable steps. Runs on a nudge and on a timer; two at once do no harm.

What should run comes from the version's state (approved or live, not suspended, not stopped by its owner), never from a
call. Approved versions are brought up too, so that publishing can find them ready.
"""

import logging
import os
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from catalog.models import ModelVersion
from hosting import health, replicas
from hosting.drivers.base import AppSpec, AppState, EngineUnavailable, driver
from hosting.models import Deployment, DeploymentState, Upstream
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.lib.transitions import StaleState, transition

log = logging.getLogger(__name__)

LOCK = 7_310_101
START_DEADLINE = timedelta(minutes=5)
STARTS_AT_ONCE = int(os.environ.get("ENGINE_STARTS_AT_ONCE", max(3, 2 * (os.cpu_count() or 1))))
MOST_RESTARTS = 5
RESTART_WINDOW = timedelta(minutes=10)

S = DeploymentState
UP = (S.READY, S.DEGRADED, S.UNHEALTHY, S.RESTARTING, S.SCALED_TO_ZERO)


def reconcile(engine=None):
    """One pass. Returns True when something is still on its way (come again soon), False when all is settled or another
    process is at it."""
    with _only_one() as mine:
        if not mine:
            return False
        _adopt()
        _settle_external()
        return _engine_pass(engine or driver())


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
        Deployment.objects.get_or_create(version=version, defaults={"app_name": app_name(version)})
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
        title, occasion = f"{version} is suspended: calls are refused", f"suspended:{version.pk}:{version.suspended_at:%s}"
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
        min_replicas=deployment.min_replicas,
        max_replicas=deployment.max_replicas,
        target_ongoing_requests=deployment.target_ongoing_requests,
        num_cpus=float(version.manifest.get("resources", {}).get("num_cpus", 0.1)),
        timeout_s=version.answers_within_s or AppSpec.timeout_s,
    )


# --- what runs -----------------------------------------------------------------------------------------------------


def _engine_pass(engine):
    deployments = list(Deployment.objects.exclude(state=S.STOPPED).select_related("version__model"))
    specs = {d.pk: spec_of(d) for d in _given_a_slot(deployments)}
    try:
        engine.apply(list(specs.values()))
        seen = engine.status()
    except EngineUnavailable as away:
        log.warning("engine unavailable: %s", away)
        _stop_the_clock()
        return True
    for deployment in deployments:
        try:
            _observe(deployment, seen.get(deployment.app_name), specs.get(deployment.pk), engine)
        except StaleState:
            continue  # somebody's verb was first; the next pass sees its result
    return any(deployment.state in (S.PENDING, S.STARTING, S.RESTARTING, S.STOPPING) for deployment in deployments)


def _stop_the_clock():
    """Nothing can come up while the engine is away: that time does not count against what is being started."""
    Deployment.objects.filter(state=S.STARTING).update(started_at=timezone.now())


def _given_a_slot(deployments):
    """What is up, and the oldest of what is not, a few at a time: the first models answer sooner, and none waits for
    its processor beside twenty others until its deadline."""
    starting = sum(deployment.state == S.STARTING for deployment in deployments)
    waiting = sorted((d for d in deployments if d.state == S.PENDING), key=lambda d: d.pk)
    return [d for d in deployments if d.state in (S.STARTING, *UP)] + waiting[: max(STARTS_AT_ONCE - starting, 0)]


def _observe(deployment, app, spec, engine):
    changed = spec is not None and deployment.spec_sha256 not in ("", spec.sha256)
    restarts = replicas.record(deployment, app, engine.machines(), counts_restarts=spec is not None and not changed)
    if spec is None:
        return _ended(deployment, app)
    if restarts:
        Deployment.objects.filter(pk=deployment.pk).update(restarts=F("restarts") + restarts)
    if app is None or app.state in (AppState.MISSING, AppState.STOPPING):
        return _waiting(deployment)
    crashed, left_none = replicas.crashes(deployment, RESTART_WINDOW)
    if left_none > MOST_RESTARTS:
        return fail(deployment, f"Its process ended {MOST_RESTARTS} times in ten minutes.", log_tail(engine, deployment))
    if restarts and crashed > MOST_RESTARTS:
        _tell_of_crashes(deployment, log_tail(engine, deployment))
    if app.state == AppState.FAILED:
        return fail(deployment, replicas.plain_reason(app.message), log_tail(engine, deployment))
    _follow(deployment, app, spec, engine)


def _tell_of_crashes(deployment, lines):
    """As long as another replica answers, a version that loses replicas goes on serving; its publishers are told once a day."""
    said = f"More than {MOST_RESTARTS} of its processes ended in ten minutes. Others answered meanwhile, so it goes on serving."
    title = f"{deployment.version} keeps losing processes"
    health.tell_publisher(deployment, "deployment.crashing", title, "\n".join([said, *lines])[:4000], timezone.now().date())


def _ended(deployment, app):
    if deployment.state == S.STOPPING and app is None:
        _move(deployment, S.STOPPED)


def _waiting(deployment):
    """The engine has not begun, or it lost its state and was just told again."""
    if deployment.state == S.PENDING:
        _begin(deployment)
    elif deployment.state in UP and deployment.state != S.RESTARTING:
        _set_not_ready(deployment)
        _move(deployment, S.RESTARTING)


def _follow(deployment, app, spec, engine):
    """Move along with what the engine says, and believe READY only after the data path has answered."""
    if deployment.state == S.PENDING:
        _begin(deployment)
    to = _state_of(deployment, app)
    if to == S.STARTING or to == deployment.state:
        _note_spec(deployment, spec)
        return _check_deadline(deployment, app, engine)
    if to == S.READY and deployment.state != S.DEGRADED and not health.answers(engine.base_url(spec), deployment.version):
        return _check_deadline(deployment, app, engine)
    if to == S.READY:
        return _ready(deployment, spec, engine)
    if to in (S.RESTARTING, S.UNHEALTHY):
        _set_not_ready(deployment)
    _move(deployment, to)


def _state_of(deployment, app):
    running, was_up = len(app.running), deployment.state in UP
    if app.state == AppState.RUNNING and app.target == 0 and running == 0 and deployment.min_replicas == 0:
        return S.SCALED_TO_ZERO  # also while the last replica is still on its way out
    if running == 0:
        return S.RESTARTING if was_up and deployment.state != S.SCALED_TO_ZERO else deployment.state
    if app.state == AppState.UNHEALTHY or running < deployment.min_replicas:
        return S.DEGRADED if was_up else S.STARTING
    return S.READY


def _begin(deployment):
    _move(deployment, S.STARTING, started_at=timezone.now(), reason="")


def _ready(deployment, spec, engine):
    Upstream.objects.update_or_create(
        version=deployment.version,
        defaults={"kind": Upstream.Kind.ENGINE, "base_url": engine.base_url(spec), "is_ready": True},
    )
    fields = {"reason": "", "spec_sha256": spec.sha256}
    if deployment.ready_at is None:
        fields["ready_at"] = timezone.now()
    _move(deployment, S.READY, **fields)


def _note_spec(deployment, spec):
    """New bounds reach a running version without a restart; from now on a replica that goes has crashed again."""
    if deployment.state == S.READY and deployment.spec_sha256 != spec.sha256:
        Deployment.objects.filter(pk=deployment.pk).update(spec_sha256=spec.sha256)


def _set_not_ready(deployment):
    """Told to the gateway; it goes on trying, since a single replica's calls wait for a few seconds and then succeed."""
    Upstream.objects.filter(version=deployment.version_id).update(is_ready=False)


def _check_deadline(deployment, app, engine):
    """The engine retries a failing start for ever; we do not. On a busy machine others that come up are progress too."""
    since = replicas.down_since(deployment) if deployment.state == S.RESTARTING else deployment.started_at
    if deployment.state not in (S.STARTING, S.RESTARTING) or since is None:
        return
    progress = Deployment.objects.aggregate(last=Max("ready_at"))["last"]
    if timezone.now() - max(since, progress or since) > START_DEADLINE:
        said = replicas.plain_reason(app.message) if app.message else "No replica was ready in time."
        fail(deployment, f"It did not become ready within {START_DEADLINE.seconds // 60} minutes. {said}", log_tail(engine, deployment))


def fail(deployment, reason, lines=()):
    """Out of the engine, with the reason; its publishers are told, with its last lines, which only they may see.

    The publisher tries again with `start`.
    """
    _set_not_ready(deployment)
    _move(deployment, S.FAILED, reason=reason[:2000])
    record(User.objects.system("hosting"), "deployment.failed", deployment, reason=reason[:500])
    said = "\n".join([reason, *lines])[:4000]
    health.tell_publisher(deployment, "deployment.failed", f"{deployment.version} does not run", said)


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
            version=version, defaults={"kind": Upstream.Kind.EXTERNAL, "base_url": version.external_url.rstrip("/")}
        )
    unwanted = Upstream.objects.filter(kind=Upstream.Kind.EXTERNAL, is_ready=True).exclude(version__in=wanted)
    for upstream in unwanted.select_related("version__model"):
        with transaction.atomic():
            Upstream.objects.filter(pk=upstream.pk).update(is_ready=False)
            _tell_if_suspended(upstream.version)
