"""What is read of one registered version: its entry, what is said of it, its package (docs/pipeline.md, "What is read").

Beside the model, its run has a folder `marketplace` with entry.json, publication.json and README.md; each may be missing, and
what is missing then is told when the draft is handed in.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from marketplace.core import json_reader
from marketplace.core.errors import Invalid
from publishing import card_import
from publishing.registry.server import NotThere, TrackingServer

FOLDER = "marketplace"
ENTRY, PUBLICATION, README = (
    f"{FOLDER}/entry.json",
    f"{FOLDER}/publication.json",
    f"{FOLDER}/README.md",
)
NUMBER_TAG = "marketplace.version"  # of a version in the registry: its number here
SUITE = "MLflow run"
MOST_METRICS = 40
METRIC_MAX, DATA_MAX = 60, 200  # characters, as of a declared figure


@dataclass(frozen=True)
class Registered:
    """A version in the registry. uri: of its artifacts; run_uri: of its run's, or "" without one."""

    name: str
    version: str
    description: str
    number: str  # by its tag, or ""
    uri: str
    run_uri: str
    figures: list[dict[str, Any]]


@dataclass(frozen=True)
class Said:
    """What its team says: the entry, None without one, and the publication's members."""

    entry: dict[str, Any] | None
    publication: dict[str, Any]


def registered(server: TrackingServer, name: str, version: str) -> Registered:
    """The version as the registry has it now. Raises NotRead."""
    asked = {"name": name, "version": version}
    found = _object(server.ask("model-versions/get", **asked), "model_version")
    uri = str(server.ask("model-versions/get-download-uri", **asked).get("artifact_uri", ""))
    run = (
        _object(server.ask("runs/get", run_id=found["run_id"]), "run")
        if found.get("run_id")
        else {}
    )
    tags = {tag.get("key"): tag.get("value") for tag in _objects(found, "tags")}
    return Registered(
        name,
        version,
        description=str(found.get("description") or ""),
        number=str(tags.get(NUMBER_TAG) or ""),
        uri=uri,
        run_uri=str(_object(run, "info").get("artifact_uri") or ""),
        figures=list(_figures(run)),
    )


def said(server: TrackingServer, found: Registered) -> Said:
    """What stands beside the model in its run. Raises NotRead; Invalid naming the file."""
    entry = _json(server, found, ENTRY)
    publication = _json(server, found, PUBLICATION) or {}
    if readme := _text(server, found, README, card_import.LONGEST):
        publication.setdefault("card_text", readme)
    if found.figures:
        publication.setdefault("evaluations", found.figures)
    told = found.description or f"Version {found.version} of {found.name} in MLflow."
    publication.setdefault("changelog", told)
    return Said(entry, publication)


def package(server: TrackingServer, found: Registered, folder: Path) -> Path:
    """The model's files as an archive in `folder`, which its caller removes. Raises NotRead."""
    archive = folder / "package.zip"
    part = folder / "part"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for file in sorted(server.files(found.uri), key=lambda one: one.path):
            server.download(found.uri, file.path, part)
            packed.write(part, file.path)
    part.unlink(missing_ok=True)
    return archive


def _json(server: TrackingServer, found: Registered, path: str) -> dict[str, Any] | None:
    text = _text(server, found, path, json_reader.LARGEST_BODY)
    if text is None:
        return None
    try:
        value = json_reader.read(text)
    except (json_reader.Malformed, json_reader.Unusable) as error:
        raise Invalid(f"{path} cannot be read: {error}", field=path) from None
    if not isinstance(value, dict):
        raise Invalid(f"{path} is not an object.", field=path)
    return value


def _text(server: TrackingServer, found: Registered, path: str, most: int) -> str | None:
    try:
        return server.text(found.run_uri, path, most) if found.run_uri else None
    except NotThere:
        return None


def _figures(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The run's last metrics as declared figures; the machine's own (system/…) are not about the model."""
    inputs = _objects(_object(run, "inputs"), "dataset_inputs")
    names = [str(_object(one, "dataset").get("name") or "") for one in inputs]
    info = _object(run, "info")
    data = ", ".join(filter(None, names)) or f"Data of run {info.get('run_name') or 'unnamed'}"
    metrics = [
        metric
        for metric in _objects(_object(run, "data"), "metrics")
        if not str(metric.get("key")).startswith("system/") and _is_figure(metric.get("value"))
    ]
    for metric in metrics[:MOST_METRICS]:
        yield {
            "suite": SUITE,
            "metric": str(metric.get("key"))[:METRIC_MAX],
            "value": float(metric["value"]),
            "data": data[:DATA_MAX],
        }


def _is_figure(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _object(owner: dict[str, Any], name: str) -> dict[str, Any]:
    value = owner.get(name)
    return value if isinstance(value, dict) else {}


def _objects(owner: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = owner.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
