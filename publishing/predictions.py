"""What the stored graph of a version answers, asked in the limited child (publishing/packages/running.py)."""

from typing import Any

from django.conf import settings

from catalog.models import ModelVersion, stored_as
from publishing.manifest import MEMORY_MB
from publishing.packages import running
from publishing.storage import read


def predict(
    version: ModelVersion, request: dict[str, Any], output: str, seed: int | None = None
) -> dict[str, Any]:
    """What running.predict finds for one output. Raises OSError when the stored file cannot be read."""
    entry = version.artifacts.get(name=version.manifest["entry"])
    with read(stored_as(entry.sha256)) as graph:
        return running.predict(
            graph,
            entry.sha256,
            version.signature,
            request,
            output,
            MEMORY_MB,
            seed=seed,
            quarantine=settings.QUARANTINE_ROOT,
        )
