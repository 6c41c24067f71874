"""What the marketplace asks of a serving engine. Drivers are chosen in settings (SERVING_DRIVER), as storage backends are."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import Protocol

from django.conf import settings

from marketplace.core.canonical import digest


class EngineUnavailable(Exception):
    """The engine's control interface does not answer. Models may be serving all the same."""


class AppState(StrEnum):
    """What an engine says of one version, in the marketplace's words."""

    MISSING = "missing"
    STARTING = "starting"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    FAILED = "failed"
    STOPPING = "stopping"


@dataclass(frozen=True)
class AppSpec:
    """One version as it should run. `name` is unique in the engine; `route` is its path prefix there.

    idle_seconds    with min_replicas 0: after so long without a call its last replica ends, and the next call starts one
    timeout_s       how long its callers wait for an answer: an inference that takes longer is wedged
    starts_asleep   it sleeps already: an engine that does not have it begins without a replica
    """

    name: str
    route: str
    manifest: dict
    signature: str
    min_replicas: int = 1
    max_replicas: int = 1
    target_ongoing_requests: int = 4
    num_cpus: float = 0.1
    idle_seconds: float = 120.0
    timeout_s: float = 30.0
    starts_asleep: bool = False

    @property
    def sha256(self):
        """Changes when the engine must change what runs; when a version falls asleep is no such thing."""
        return digest(
            {
                "route": self.route,
                "manifest": self.manifest,
                "signature": self.signature,
                "replicas": [self.min_replicas, self.max_replicas, self.target_ongoing_requests],
                "num_cpus": round(self.num_cpus * 1000),
                "timeout": round(self.timeout_s),
            }
        )


@dataclass(frozen=True)
class SeenReplica:
    """One process that an engine says it runs."""

    replica_id: str
    state: str
    node: str = ""
    pid: int | None = None
    started_at: datetime | None = None
    log: str = ""


@dataclass(frozen=True)
class SeenApp:
    """What an engine says of one version. `target` is how many replicas it wants to run now (0 when scaled to zero)."""

    name: str
    state: AppState
    message: str = ""
    target: int = 0
    replicas: tuple[SeenReplica, ...] = field(default=())

    @property
    def running(self):
        return [replica for replica in self.replicas if replica.state == "running"]


class Driver(Protocol):
    """An engine. Methods raise EngineUnavailable when it does not answer, ValueError for a specification it refuses."""

    def apply(self, specs: list[AppSpec]) -> bool:
        """Make exactly `specs` run, removing all else. Idempotent; False when nothing had to be sent."""
        ...

    def status(self) -> dict[str, SeenApp]:
        """What runs now, by application name."""
        ...

    def is_saturated(self) -> bool:
        """Has a machine of the engine more to do than it has processors? Then everything is late, and nothing is broken."""
        ...

    def machines(self) -> set[str]:
        """The machines that were alive at the last `status`, as replicas name them."""
        ...

    def logs(self, name: str, lines: int = 200) -> list[str]:
        """The last lines that the replicas of one version wrote, oldest first."""
        ...

    def figures(self) -> list:
        """What the replicas count, as prometheus_client's Metrics named `model_…`; [] when nobody was told where to ask.

        Each sample has the labels `application` (AppSpec.name) and `replica`.
        """
        ...

    def base_url(self, spec: AppSpec) -> str:
        """Where the gateway sends this version's calls."""
        ...


def driver(dotted=None):
    """The configured driver, made anew. `dotted` replaces the setting."""
    module, _, name = (dotted or settings.SERVING_DRIVER).rpartition(".")
    return getattr(import_module(module), name)()
