"""How many of the models that consumers may call answer: by the database's word and by the engine's own."""

from collections.abc import Mapping
from dataclasses import dataclass

from hosting.drivers.base import AppState, EngineUnavailable
from hosting.drivers.ray import RayDriver

CALLABLE = """
SELECT version.kind, deployment.app_name, deployment.state, upstream.is_ready
FROM catalog_modelversion AS version
LEFT JOIN hosting_deployment AS deployment ON deployment.version_id = version.id
LEFT JOIN hosting_upstream AS upstream ON upstream.version_id = version.id
WHERE version.state IN ('published', 'deprecated') AND version.suspended_at IS NULL
"""
ANSWERING = ("ready", "degraded", "scaled_to_zero")


@dataclass(frozen=True)
class Readiness:
    """Counts of model versions: all that may be called, those that answer, those given up."""

    total: int
    answering: int
    failed: int

    def sentence(self) -> str:
        return f"{self.answering} of {self.total} model versions answer" + (
            f", {self.failed} failed" if self.failed else ""
        )

    def is_settled(self) -> bool:
        return self.answering + self.failed >= self.total


UNKNOWN = Readiness(total=1, answering=0, failed=0)


def measure(environment: Mapping[str, str]) -> Readiness:
    """The readiness now. After a restart the database still says "ready" while the engine is empty, so both must agree."""
    import psycopg  # here: the subreaper, which has imported this module, stays small

    try:
        with psycopg.connect(environment["DATABASE_URL"], connect_timeout=2) as connection:
            rows = connection.execute(CALLABLE).fetchall()
        running = running_apps(environment)
    except (psycopg.Error, EngineUnavailable):
        return UNKNOWN
    answering = [
        answers_probe if kind == "external" else state in ANSWERING and app in running
        for kind, app, state, answers_probe in rows
    ]
    return Readiness(
        len(rows), sum(map(bool, answering)), sum(state == "failed" for _, _, state, _ in rows)
    )


def running_apps(environment: Mapping[str, str]) -> set[str]:
    """Names of the engine's applications that run. Asked by the launcher, which has no Django settings. Raises EngineUnavailable."""
    token = environment["RAY_AUTH_TOKEN_PATH"]
    driver = RayDriver(
        environment["ENGINE_API_URL"], environment["ENGINE_URL"], token, metrics_urls=()
    )
    return {name for name, app in driver.status().items() if app.state == AppState.RUNNING}
