"""One deployment follows what the engine shows of it: it starts, is ready, restarts, fails, stops."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import F, Max
from django.utils import timezone

from hosting import health, replicas, sleep
from hosting.drivers.base import AppSpec, AppState, Driver, EngineUnavailable, SeenApp
from hosting.models import Deployment, DeploymentState, Upstream
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.transitions import transition

log = logging.getLogger(__name__)

START_DEADLINE = timedelta(minutes=5)
LONGEST_START = timedelta(minutes=30)  # on a saturated machine
SATURATION_KEPT_S = LONGEST_START.total_seconds()
MOST_RESTARTS = 5
RESTART_WINDOW = timedelta(minutes=10)
UP = (
    DeploymentState.READY,
    DeploymentState.DEGRADED,
    DeploymentState.UNHEALTHY,
    DeploymentState.RESTARTING,
    DeploymentState.SCALED_TO_ZERO,
)


def observe(
    deployment: Deployment, app: SeenApp | None, spec: AppSpec | None, engine: Driver
) -> None:
    """One step after what the engine shows. `app` is None when it has none, `spec` when it is to have none. Raises StaleState."""
    changed = spec is not None and deployment.spec_sha256 not in ("", spec.sha256)
    restarts = replicas.record(
        deployment, app, engine.machines(), counts_restarts=spec is not None and not changed
    )
    if spec is None:
        if deployment.state == DeploymentState.STOPPING and app is None:
            move(deployment, DeploymentState.STOPPED)
        return
    if restarts:
        Deployment.objects.filter(pk=deployment.pk).update(restarts=F("restarts") + restarts)
    if app is None or app.state in (AppState.MISSING, AppState.STOPPING):
        # The engine has not begun, or it lost its state and was just told again. What slept goes on sleeping.
        if deployment.state in UP and deployment.state != DeploymentState.SCALED_TO_ZERO:
            mark_restarting(deployment)
        return
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


def _follow_engine(deployment: Deployment, app: SeenApp, spec: AppSpec, engine: Driver) -> None:
    """Move along with what the engine says, and believe READY only after the data path has answered."""
    if deployment.state == DeploymentState.PENDING:
        start(deployment)
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
        set_not_ready(deployment)
    move(deployment, to)


def _state_of(deployment: Deployment, app: SeenApp) -> str:
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


def start(deployment: Deployment) -> None:
    """Its start begins now: the deadline counts from here."""
    move(
        deployment,
        DeploymentState.STARTING,
        started_at=timezone.now(),
        waits_for_slot=False,
        reason="",
    )


def _ready(deployment: Deployment, spec: AppSpec, engine: Driver) -> None:
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
    fields: dict[str, Any] = {
        "reason": "",
        "spec_sha256": spec.sha256,
        "cold_start_s": replicas.quickest_start_s(deployment),
    }
    if deployment.ready_at is None:
        fields["ready_at"] = timezone.now()
    move(deployment, DeploymentState.READY, **fields)
    sleep.refresh(Deployment.objects.filter(pk=deployment.pk))


def _check_deadline(deployment: Deployment, app: SeenApp, engine: Driver) -> None:
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


def _last_saturated(engine: Driver) -> datetime | None:
    """When a machine of the engine was last seen with more to do than it has processors, of late; None when it was not."""
    if engine.is_saturated():
        cache.set("hosting:saturated_at", timezone.now(), SATURATION_KEPT_S)
    return cache.get("hosting:saturated_at")


def mark_restarting(row: Deployment) -> None:
    """It answered, and is to answer again."""
    if row.state != DeploymentState.RESTARTING:
        set_not_ready(row)
        move(row, DeploymentState.RESTARTING)


def set_not_ready(deployment: Deployment) -> None:
    """Told to the gateway; it goes on trying, since a single replica's calls wait for a few seconds and then succeed."""
    Upstream.objects.filter(version=deployment.version_id).update(is_ready=False)


def fail(deployment: Deployment, reason: str, lines: Iterable[str] = ()) -> None:
    """Out of the engine, with the reason; its publishers are told, with its last lines, which only they may see.

    The publisher tries again with `start`.
    """
    set_not_ready(deployment)
    move(deployment, DeploymentState.FAILED, reason=reason[:2000])
    record(User.objects.system("hosting"), "deployment.failed", deployment, reason=reason[:500])
    body = "\n".join([reason, *lines])[:4000]
    health.notify_publishers(
        deployment, "deployment.failed", f"{deployment.version} does not run", body
    )


def log_tail(engine: Driver, deployment: Deployment, lines: int = 15) -> list[str]:
    """The last lines of its replicas, for the reason; [] when they cannot be had."""
    try:
        return [replicas.plain_line(line) for line in engine.logs(deployment.app_name, lines)]
    except (EngineUnavailable, ValueError):
        return []


def move(deployment: Deployment, to: str, **fields: Any) -> None:
    """transition, and a line in the log. Raises StaleState."""
    transition(deployment, to, **fields)
    log.info("%s is %s %s", deployment.app_name, to, fields.get("reason", "")[:200])
