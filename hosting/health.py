"""Health checks: end-to-end probes of versions, their samples, and the incidents that they open and close."""

import http.client
import json
import ssl
import time
from contextlib import suppress
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.watches import watchers
from hosting import credentials, sleep
from hosting.drivers.base import EngineUnavailable, driver
from hosting.models import Deployment, DeploymentState, HealthSample, Incident, Upstream
from marketplace.accounts.models import Membership, User
from marketplace.audit.actions import record
from marketplace.core import egress, machine_load
from marketplace.core.transitions import StaleState, transition
from marketplace.notices.actions import notify

TIMEOUT_S = 5
STARVED_TIMEOUT_S = 30  # where a machine has more to do than it has processors, everything is late
PASS_S = 60.0  # a pass ends by then; what is still due comes first in the next
FAILURES_TO_OPEN = 3
EVERY = timedelta(seconds=30)
EVERY_WHEN_FAILING = timedelta(seconds=8)
EVERY_WHEN_IT_MAY_SLEEP = timedelta(
    minutes=5
)  # a probe is a call to the engine, and must not keep it awake
UNPROBED = 3 * EVERY
UP_WITHIN = timedelta(minutes=3)
RETENTION = timedelta(days=35)
UNREADABLE = "Its stored credential cannot be read: store it again."
NOT_ANSWERING = (
    DeploymentState.SCALED_TO_ZERO,
    DeploymentState.PENDING,
    DeploymentState.STARTING,
    DeploymentState.STOPPING,
    DeploymentState.STOPPED,
    DeploymentState.FAILED,
)  # nothing answers, and nothing has to


def is_answering(base_url, version):
    """True when `…/ready` says so and the version's own example is answered."""
    return _probe_endpoint(base_url, version, egress.connect_internal)[0]


class Unreachable(Exception):
    """Why an external endpoint could not be asked, in a sentence."""


def exchange(version, method, path, body):
    """(status, answer, milliseconds) of one request to a version's external endpoint, by the way that probes and calls take.

    Raises Unreachable.
    """
    started = time.perf_counter()
    try:
        status, answer = _exchange(
            version.external_url.rstrip("/"),
            method,
            path,
            body,
            partial(egress.connect, timeout=TIMEOUT_S),
            credentials.of(version),
        )
    except TimeoutError:
        raise Unreachable(_timeout_message(TIMEOUT_S)) from None
    except egress.EgressDenied as denial:
        raise Unreachable(str(denial)) from None
    except credentials.Unreadable:
        raise Unreachable(UNREADABLE) from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(_describe(error)) from None
    return status, answer, round((time.perf_counter() - started) * 1000, 2)


def probe_due(engine=None):
    """Probe every version whose turn it is. Returns how many were probed. Versions that sleep are left asleep."""
    began, probed = time.monotonic(), 0
    asleep = None
    for upstream in (
        Upstream.objects.filter(probe_due_at__lte=timezone.now())
        .order_by("probe_due_at")
        .select_related("version__model")
    ):
        deployment = Deployment.objects.filter(version=upstream.version_id).first()
        if not _has_to_answer(upstream, deployment):
            Upstream.objects.filter(pk=upstream.pk, probe_due_at=upstream.probe_due_at).update(
                probe_due_at=None
            )
            continue
        if deployment and may_sleep(deployment):
            asleep = _asleep(engine or driver()) if asleep is None else asleep
            if deployment.app_name in asleep:
                continue  # it has just fallen asleep; the reconciler is about to see it
        due = timezone.now() + probe_interval(deployment)
        unchanged = Upstream.objects.filter(pk=upstream.pk, probe_due_at=upstream.probe_due_at)
        if not unchanged.update(probe_due_at=due):
            continue  # another worker is at it
        probe(upstream)
        probed += 1
        if time.monotonic() - began > PASS_S:
            break
    return probed


def probe_interval(deployment):
    """How long after a good probe the next one is due (timedelta)."""
    return EVERY_WHEN_IT_MAY_SLEEP if deployment and may_sleep(deployment) else EVERY


def may_sleep(deployment):
    return sleep.minimum(deployment) == 0


def _has_to_answer(upstream, deployment):
    """False for what is not to run, and for what no process answers for: it is probed again when it is ready."""
    version = upstream.version
    runs = version.suspended_at is None and version.state in (version.State.APPROVED, *version.LIVE)
    return (
        bool(upstream.base_url)
        and runs
        and (deployment is None or deployment.state not in NOT_ANSWERING)
    )


def _asleep(engine):
    """Names of the applications without a replica. A probe would wake them. When the engine does not say, nothing is known."""
    try:
        return {name for name, app in engine.status().items() if app.target == 0}
    except EngineUnavailable:
        return set()


def probe(upstream):
    """One end-to-end probe: a sample, the upstream's readiness, and perhaps an incident opened or closed. Was it answered?"""
    version = upstream.version
    connect = egress.connect if upstream.kind == Upstream.Kind.EXTERNAL else egress.connect_internal
    try:
        authorization = credentials.authorization(upstream)
        is_ok, milliseconds, detail = _probe_endpoint(
            upstream.base_url, version, connect, authorization
        )
    except credentials.Unreadable:
        is_ok, milliseconds, detail = False, None, UNREADABLE
    deployment = Deployment.objects.filter(version=version).first()
    running = (
        deployment.replicas.filter(ended_at=None, state="running").count() if deployment else 0
    )
    HealthSample.objects.create(
        version=version, is_ok=is_ok, latency_ms=milliseconds, replicas=running, detail=detail[:300]
    )
    now = timezone.now()
    Upstream.objects.filter(pk=upstream.pk).update(
        probed_at=now,
        probe_due_at=now + (probe_interval(deployment) if is_ok else EVERY_WHEN_FAILING),
    )
    if is_ok:
        _set_ready(upstream, True)
        close_incident(version)
    elif _is_failing(version):
        _set_ready(upstream, False)
        # The engine says it runs, and yet it does not answer. Reconcile brings it back when it answers again.
        if deployment and deployment.state in (DeploymentState.READY, DeploymentState.DEGRADED):
            with suppress(StaleState):
                transition(
                    deployment,
                    DeploymentState.UNHEALTHY,
                    reason="It did not answer three probes in a row.",
                )
        _open_incident(version, detail)
    return is_ok


def _set_ready(upstream, is_ready):
    """Ready at once when it answers; not ready after as many failures as open an incident, so that a blip costs no call."""
    if is_ready != upstream.is_ready:
        Upstream.objects.filter(pk=upstream.pk).update(is_ready=is_ready, updated_at=timezone.now())


def _is_failing(version):
    """Three failures in a row. After a time without probes (it slept, or the whole marketplace was stopped) it may take a while to come up."""
    last = list(version.health_samples.values_list("is_ok", flat=True)[:FAILURES_TO_OPEN])
    if len(last) < FAILURES_TO_OPEN or any(last):
        return False
    answered = version.health_samples.filter(is_ok=True).values_list("at", flat=True).first()
    if answered is None:
        return True
    failed = version.health_samples.filter(at__gt=answered).values_list("at", flat=True).last()
    return failed - answered < UNPROBED or timezone.now() - failed > UP_WITHIN


def _probe_endpoint(base_url, version, connect, authorization=""):
    """(ok, milliseconds of the example or None, detail). On a saturated machine silence counts only after half a minute."""
    timeout_s = STARVED_TIMEOUT_S if machine_load.is_saturated() else TIMEOUT_S
    answer = _probe_within(timeout_s, base_url, version, connect, authorization)
    if answer[2] == _timeout_message(TIMEOUT_S) and machine_load.is_saturated():
        return _probe_within(STARVED_TIMEOUT_S, base_url, version, connect, authorization)
    return answer


def _probe_within(timeout_s, base_url, version, connect, authorization):
    connect = partial(connect, timeout=timeout_s)
    try:
        status, _body = _exchange(base_url, "GET", "/ready", None, connect, authorization)
        if status != 200:
            return False, None, f"Asked whether it is ready, it answered {status}."
        if not version.example:
            return True, None, ""
        started = time.perf_counter()
        body = json.dumps(version.example).encode()
        status, body = _exchange(base_url, "POST", "/infer", body, connect, authorization)
        milliseconds = (time.perf_counter() - started) * 1000
        if status != 200 or b'"outputs"' not in body:
            return False, milliseconds, f"The version's own example was answered with {status}."
        return True, milliseconds, ""
    except TimeoutError:
        return False, None, _timeout_message(timeout_s)
    except egress.EgressDenied as denial:
        return False, None, str(denial)
    except (OSError, http.client.HTTPException) as error:
        return False, None, _describe(error)


def _timeout_message(timeout_s):
    return f"It said nothing for {timeout_s} seconds."


def _describe(error):
    """Why a connection failed, for people who read no Python."""
    if isinstance(error, ConnectionRefusedError):
        return "Nothing listens at its address."
    if isinstance(error, ConnectionError | http.client.RemoteDisconnected):
        return "It broke the connection off."
    if isinstance(error, ssl.SSLError):
        return "Its TLS certificate is not accepted."
    if isinstance(error, http.client.HTTPException):
        return "It did not answer in HTTP."
    return f"It cannot be reached: {error.strerror or error}."


def _exchange(base_url, method, path, body, connect, authorization):
    parts = urlsplit(base_url)
    connection = connect(base_url)
    try:
        headers = {"Content-Type": "application/json", "X-Request-Id": "probe"}
        if authorization:
            headers["Authorization"] = authorization
        connection.request(method, parts.path.rstrip("/") + path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(1_000_000)
    finally:
        connection.close()


def notify_out_of_memory(engine=None):
    """Tell publishers whose models refused calls for lack of memory, once for each process. Raises EngineUnavailable."""
    counts = {}
    for family in (engine or driver()).figures():
        for sample in family.samples:
            if sample.name == "model_out_of_memory_total" and sample.value:
                counts.setdefault(sample.labels["application"], []).append(
                    (sample.labels["replica"], int(sample.value))
                )
    for deployment in Deployment.objects.filter(app_name__in=counts).select_related(
        "version__model"
    ):
        for replica, count in counts[deployment.app_name]:
            _notify_out_of_memory(deployment, replica, count)


def _notify_out_of_memory(deployment, replica, count):
    declared = deployment.version.manifest.get("resources", {}).get("memory_mb", 512)
    body = (
        f"Out of memory: {count} of its calls needed more than a version that declares {declared} MB gets, and were refused. "
        "Other calls and other models are not touched. Tell callers to send fewer rows, or publish a smaller model."
    )
    notify_publishers(
        deployment, "deployment.memory", f"{deployment.version} ran out of memory", body, replica
    )


# --- incidents -----------------------------------------------------------------------------------------------------


def _open_incident(version, detail):
    if version.incidents.filter(closed_at=None).exists():
        return
    try:
        with transaction.atomic():
            incident = Incident.objects.create(
                version=version, summary=f"{version} does not answer. {detail}"[:300]
            )
            record(User.objects.system("hosting"), "incident.opened", incident, reason=detail[:300])
            notify(
                recipients(version),
                "incident.opened",
                f"{version} does not answer",
                key=f"incident-opened:{incident.pk}",
                teams=teams_of(version),
                body=detail,
                url=version.get_absolute_url(),
                model=version.model.slug,
            )
    except IntegrityError:
        return  # another worker opened it


def close_incident(version):
    """Close the open incident, if there is one, and tell the people who were told of it."""
    for incident in version.incidents.filter(closed_at=None):
        with transaction.atomic():
            if not Incident.objects.filter(pk=incident.pk, closed_at=None).update(
                closed_at=timezone.now()
            ):
                continue
            record(User.objects.system("hosting"), "incident.closed", incident)
            notify(
                recipients(version),
                "incident.closed",
                f"{version} answers again",
                key=f"incident-closed:{incident.pk}",
                teams=teams_of(version),
                url=version.get_absolute_url(),
                model=version.model.slug,
            )


def recipients(version):
    """The publisher's people, the leads of the teams that subscribe, and who watches the model."""
    teams = version.model.subscriptions.granted().values_list("application__team", flat=True)
    return [*publishers(version), *_leads(teams), *watchers(version.model)]


def teams_of(version):
    """The numbers of the owner team and of the teams that subscribe: their webhooks are told, too."""
    using = version.model.subscriptions.granted().values_list("application__team", flat=True)
    return [version.model.owner_team_id, *using]


def publishers(version):
    return [version.model.owner, *_leads([version.model.owner_team_id])]


def _leads(team_ids):
    """The leads of the teams; of a team without one, all its members: somebody has to know."""
    members = Membership.objects.filter(team__in=set(team_ids), left_at=None, user__is_active=True)
    leads = members.filter(role=Membership.Role.LEAD)
    rows = leads | members.exclude(team__in=leads.values("team"))
    return [row.user for row in rows.select_related("user")]


def notify_all(version, kind, title, body, key):
    """Tell publishers and subscribers once per `key`."""
    notify(
        recipients(version),
        kind,
        title,
        key=key,
        teams=teams_of(version),
        body=body,
        url=version.get_absolute_url(),
        model=version.model.slug,
    )


def notify_publishers(deployment, kind, title, body, occasion=""):
    """Tell the version's publishers something about its deployment, once per `occasion`, by default its last start."""
    version = deployment.version
    occasion = occasion or (f"{deployment.started_at:%s}" if deployment.started_at else "never")
    key = f"{kind}:{deployment.pk}:{occasion}"
    notify(
        publishers(version),
        kind,
        title,
        key=key,
        teams=[version.model.owner_team_id],
        body=body,
        url=version.get_absolute_url(),
        model=version.model.slug,
    )


def delete_old_samples():
    """Samples older than 35 days: the measured figures look back 30."""
    HealthSample.objects.filter(at__lt=timezone.now() - RETENTION).delete()
