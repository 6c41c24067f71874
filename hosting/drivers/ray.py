"""Ray Serve as the engine, through its REST interface. One application per version, so that versions do not touch each other.

`PUT /api/serve/applications/` is the whole desired state: what is left out is deleted. Only the reconciler calls
`apply`, under its lock, with every version that should run.
"""

import http.client
import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from hosting.drivers import ray_metrics
from hosting.drivers.base import AppState, EngineUnavailable, SeenApp, SeenReplica
from marketplace.core import machine_load

IMPORT_PATH = "hosting.model_server.replica:build"
DEPLOYMENT = "model"
TIMEOUT_S = 30
MAX_ONGOING = 16
MAX_QUEUED = 64
# A replica that died is missed at the next check. One that hangs is ended by `hosting.drivers.watchdog`, which knows a starved one;
# Ray's own deadline, three times in a row, is for nodes where no watchdog runs.
CHECK_EVERY_S = 2
CHECK_WITHIN_S = 30
# How often each replica tells how many calls it has, and over how long Ray takes the mean. More replicas come after about ten seconds.
COUNTED_EVERY_S = 5
MEAN_OF_S = 10
MOST_DOWNSCALE_S = 60
SATURATED_PERCENT = 95  # of a node's processors
NEVER = datetime.fromtimestamp(0, UTC)

APP_STATES = {
    "NOT_STARTED": AppState.MISSING,
    "DEPLOYING": AppState.STARTING,
    "DEPLOY_FAILED": AppState.FAILED,
    "RUNNING": AppState.RUNNING,
    "UNHEALTHY": AppState.UNHEALTHY,
    "DELETING": AppState.STOPPING,
}
# RECOVERING: it answers, and a controller that was started again has not asked it yet.
REPLICA_STATES = {"RUNNING": "running", "RECOVERING": "running", "STOPPING": "stopping"}


class RayDriver:
    """Talks to a head's dashboard (`api_url`) and tells the gateway the ingress (`ingress_url`)."""

    def __init__(self, api_url=None, ingress_url=None, token_path=None, metrics_urls=None):
        self.api_url = api_url or settings.ENGINE_API_URL
        self.ingress_url = (ingress_url or settings.ENGINE_URL).rstrip("/")
        self.token_path = token_path or settings.RAY_AUTH_TOKEN_PATH
        self.metrics_urls = settings.ENGINE_METRICS_URLS if metrics_urls is None else metrics_urls
        self._lock = threading.Lock()
        self._machines = set()

    def apply(self, specs):
        """See Driver.apply. What the engine already has is asked from the engine itself, so that any process may call."""
        with self._lock:
            details = self._get("/api/serve/applications/")
            wanted = _as_begun(config(specs, self.ingress_url), details)
            if not _differs(details, wanted):
                return False
            self._call("PUT", "/api/serve/applications/", wanted)
        return True

    def status(self):
        details = self._get("/api/serve/applications/")
        seen = {
            name: _seen_app(name, app) for name, app in (details.get("applications") or {}).items()
        }
        self._machines = _machines(details, seen)
        return seen

    def is_saturated(self):
        """See Driver.is_saturated: this machine's, when the engine is on it, else that of the busiest node whose agent tells."""
        if is_here(self.api_url):
            return machine_load.is_saturated()
        try:
            return ray_metrics.busiest_percent(self.metrics_urls) >= SATURATED_PERCENT
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def machines(self):
        return self._machines

    def logs(self, name, lines=200):
        """See Driver.logs. Asked from the node of each replica; what the newest one wrote comes last."""
        app = self.status().get(name)
        if app is None:
            return []
        found = []
        for replica in sorted(app.replicas, key=lambda replica: replica.started_at or NEVER):
            found += self._log_of(replica, lines)
        return found[-lines:]

    def figures(self):
        try:
            return ray_metrics.families(self.metrics_urls)
        except (OSError, ValueError, http.client.HTTPException) as away:
            raise EngineUnavailable(f"The engine's metrics cannot be read: {away}") from away

    def base_url(self, spec):
        return self.ingress_url + spec.route

    def _log_of(self, replica, lines):
        if not (replica.log and replica.node):
            return []
        query = urlencode(
            {"node_id": replica.node, "filename": replica.log.lstrip("/"), "lines": lines}
        )
        try:
            text = self._call("GET", f"/api/v0/logs/file?{query}")
        except ValueError:
            return []
        return [line for line in text.decode(errors="replace").splitlines() if line]

    def _get(self, path):
        try:
            return json.loads(self._call("GET", path) or b"{}")
        except json.JSONDecodeError:
            raise EngineUnavailable(
                "The engine's control interface answered with something else."
            ) from None

    def _call(self, method, path, document=None):
        parts = urlsplit(self.api_url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
        try:
            body = json.dumps(document) if document is not None else None
            token = Path(self.token_path).read_text().strip()
            connection.request(
                method,
                path,
                body=body,
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            content = answer.read()
        except (
            OSError,
            http.client.HTTPException,
        ) as away:  # the latter when it dies in the middle of an answer
            raise EngineUnavailable(
                f"The engine's control interface does not answer: {away}"
            ) from away
        finally:
            connection.close()
        if answer.status >= 500:
            raise EngineUnavailable(f"The engine answered {answer.status}: {_line(content)}")
        if answer.status >= 400:
            raise ValueError(f"The engine refused ({answer.status}): {_line(content)}")
        return content


def config(specs, ingress_url):
    """Every application as Ray Serve's declarative configuration."""
    parts = urlsplit(ingress_url)
    return {
        "proxy_location": "HeadOnly" if is_here(ingress_url) else "EveryNode",
        "http_options": {"host": parts.hostname, "port": parts.port, "keep_alive_timeout_s": 600},
        "logging_config": {"encoding": "JSON", "log_level": "INFO", "enable_access_log": False},
        "applications": [
            {
                "name": spec.name,
                "route_prefix": spec.route,
                "import_path": IMPORT_PATH,
                "args": {
                    "manifest": spec.manifest,
                    "signature": spec.signature,
                    "timeout_s": spec.timeout_s,
                },
                "deployments": [_deployment(spec)],
            }
            for spec in sorted(specs, key=lambda spec: spec.name)
        ],
    }


def _deployment(spec):
    return {
        "name": DEPLOYMENT,
        "max_ongoing_requests": MAX_ONGOING,
        "max_queued_requests": MAX_QUEUED,
        "health_check_period_s": CHECK_EVERY_S,
        "health_check_timeout_s": CHECK_WITHIN_S,
        "graceful_shutdown_wait_loop_s": 0.5,
        "graceful_shutdown_timeout_s": 10,
        "ray_actor_options": {"num_cpus": spec.num_cpus},
        "autoscaling_config": {
            "min_replicas": spec.min_replicas,
            "initial_replicas": spec.min_replicas
            if spec.starts_asleep
            else max(spec.min_replicas, 1),
            "max_replicas": spec.max_replicas,
            "target_ongoing_requests": spec.target_ongoing_requests,
            "upscale_delay_s": 2,
            "downscale_delay_s": min(max(spec.idle_seconds / 2, 5), MOST_DOWNSCALE_S),
            "downscale_to_zero_delay_s": spec.idle_seconds,
            "metrics_interval_s": COUNTED_EVERY_S,
            "look_back_period_s": MEAN_OF_S,
        },
    }


def _as_begun(wanted, details):
    """`wanted` with the initial replicas that each version once began with here: another number would size it anew."""
    for application in wanted["applications"]:
        told = ((details.get("applications") or {}).get(application["name"]) or {}).get(
            "deployed_app_config"
        ) or {}
        for begun in told.get("deployments") or ():
            initial = (begun.get("autoscaling_config") or {}).get("initial_replicas")
            bounds = application["deployments"][0]["autoscaling_config"]
            if initial is not None and bounds["min_replicas"] <= initial <= bounds["max_replicas"]:
                bounds["initial_replicas"] = initial
    return wanted


def is_here(url):
    """Is it an address of this machine only?"""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _differs(details, wanted):
    """True when the engine's own record of what it was told lacks something of `wanted`, or holds an application too many."""
    told = {
        name: app.get("deployed_app_config")
        for name, app in (details.get("applications") or {}).items()
    }
    told = {name: given for name, given in told.items() if given}
    asked = {app["name"]: app for app in wanted["applications"]}
    return told.keys() != asked.keys() or not all(_holds(told[name], asked[name]) for name in asked)


def _holds(told, asked):
    """True when `told` has every member that we set, whatever defaults the engine adds. 2 and 2.0 are the same."""
    if isinstance(asked, dict):
        return isinstance(told, dict) and all(
            name in told and _holds(told[name], value) for name, value in asked.items()
        )
    if isinstance(asked, list):
        return isinstance(told, list) and len(told) == len(asked) and all(map(_holds, told, asked))
    return told == asked


def _seen_app(name, app):
    deployment = (app.get("deployments") or {}).get(DEPLOYMENT) or {}
    replicas = tuple(_seen_replica(replica) for replica in deployment.get("replicas") or ())
    message = " ".join(part for part in (app.get("message"), deployment.get("message")) if part)
    return SeenApp(
        name=name,
        state=APP_STATES.get(app.get("status"), AppState.STARTING),
        message=message,
        target=deployment.get("target_num_replicas") or 0,
        replicas=replicas,
    )


def _machines(details, seen):
    """Where the controller, the proxies and the replicas are. A head that was started anew has a new name."""
    used = {replica.node for app in seen.values() for replica in app.replicas}
    return (
        used
        | set(details.get("proxies") or ())
        | {(details.get("controller_info") or {}).get("node_id")} - {None}
    )


def _seen_replica(replica):
    return SeenReplica(
        replica_id=replica["replica_id"],
        state=REPLICA_STATES.get(replica.get("state"), "starting"),
        node=replica.get("node_id") or "",
        pid=replica.get("pid"),
        started_at=datetime.fromtimestamp(started, UTC)
        if (started := replica.get("start_time_s"))
        else None,
        log=replica.get("log_file_path") or "",
    )


def _line(content):
    return " ".join(content.decode(errors="replace").split())[:300]
