"""What the stored graph of a version answers, asked in the limited child (publishing/packages/running.py)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from catalog.models import ModelVersion, stored_as
from publishing import endpoints
from publishing.manifest import MEMORY_MB
from publishing.packages import running
from publishing.storage import read

ENDPOINT_SECONDS = 240.0  # of one evaluation


def predict(
    version: ModelVersion, request: dict[str, Any], output: str, seed: int | None = None
) -> dict[str, Any]:
    """What running.predict finds for one output, or an endpoint hosted outside answers. Raises OSError when the stored file cannot be read."""
    if version.kind == ModelVersion.Kind.EXTERNAL:
        return endpoints.predict(version, request, output, seed, ENDPOINT_SECONDS)
    with _stored_graph(version) as (graph, sha256):
        return running.predict(
            graph,
            sha256,
            version.signature,
            request,
            output,
            MEMORY_MB,
            seed=seed,
            quarantine=settings.QUARANTINE_ROOT,
        )


def answer_rows(version: ModelVersion, task: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What running.answer_rows finds for a task of inputs, output and timed. Raises OSError when the stored file cannot be read."""
    with _stored_graph(version) as (graph, sha256):
        about = {"sha256": sha256, "signature": version.signature, "memory_mb": MEMORY_MB}
        return running.answer_rows(
            graph, about | task, seconds, quarantine=settings.QUARANTINE_ROOT
        )


@contextmanager
def _stored_graph(version: ModelVersion) -> Iterator[tuple[Any, str]]:
    """(the open file of the version's graph, its digest)"""
    entry = version.artifacts.get(name=version.manifest["entry"])
    with read(stored_as(entry.sha256)) as graph:
        yield graph, entry.sha256
