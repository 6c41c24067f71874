"""`models:/name/version` and `models:/name@alias`: the files of a version in an MLflow registry, by its REST API alone.

The tracking server is at MLFLOW_TRACKING_URI, and is asked with MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and
MLFLOW_TRACKING_PASSWORD, as by MLflow's own client. Only artifacts that the server serves (`mlflow-artifacts:`) are read.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from marketplace_client.cli.failures import NOT_FOUND, NOT_NOW, REFUSED, USAGE, Failure
from marketplace_client.cli.portal import over_http

REFERENCE = re.compile(r"models:/([^/@]{1,256})(?:/(\d{1,18})|@([^/@]{1,256}))")
MOST_FILES = 2000
API, ARTIFACTS = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts"


def is_reference(text: str) -> bool:
    return text.startswith("models:")


def download(text: str, environment: Mapping[str, str], folder: Path) -> Path:
    """The version's files, in a new folder below `folder`. Raises Failure."""
    found = REFERENCE.fullmatch(text)
    if not found:
        raise Failure(f"{text} is not models:/name/version or models:/name@alias.", USAGE)
    server = _Server(environment)
    name, version = unquote(found[1]), found[2]
    if not version:
        asked = server.ask("registered-models/alias", name=name, alias=unquote(found[3]))
        version = str(asked["model_version"]["version"])
    address = server.ask("model-versions/get-download-uri", name=name, version=version)
    root = _served(str(address["artifact_uri"]))
    target = folder / "model"
    for path in server.files(root):
        kept = target / path
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(server.content(f"{root}/{path}"))
    return target


class _Server:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.url = environment.get("MLFLOW_TRACKING_URI", "").rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise Failure("Set MLFLOW_TRACKING_URI to the address of a tracking server.", USAGE)
        self._headers = {"Accept": "application/json", **_credential(environment)}

    def ask(self, operation: str, **query: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._get(f"{API}{operation}?{urlencode(query)}"))
        return found

    def files(self, root: str) -> Iterator[str]:
        """The paths of all files below an artifact folder."""
        waiting, seen = [""], 0
        while waiting:
            folder = waiting.pop()
            query = urlencode({"path": f"{root}/{folder}".rstrip("/")})
            for entry in json.loads(self._get(f"{ARTIFACTS}?{query}")).get("files") or []:
                seen += 1
                if seen > MOST_FILES:
                    raise Failure(f"The version has more than {MOST_FILES} files.")
                path = _safe(f"{folder}/{entry['path']}".lstrip("/"))
                if entry.get("is_dir"):
                    waiting.append(path)
                else:
                    yield path

    def content(self, path: str) -> bytes:
        return self._get(f"{ARTIFACTS}/{quote(path)}")

    def _get(self, target: str) -> bytes:
        try:
            answer = over_http("GET", self.url + target, self._headers, None)
        except OSError as cause:
            raise Failure(f"No answer from {self.url}: {cause}", NOT_NOW) from None
        if answer.status == 200:
            return answer.body
        code = {404: NOT_FOUND, 401: 3, 403: 3}.get(answer.status)
        passing = NOT_NOW if answer.status == 429 or answer.status >= 500 else REFUSED
        raise Failure(f"{self.url} answers {answer.status} to {target}", code or passing)


def _credential(environment: Mapping[str, str]) -> dict[str, str]:
    if token := environment.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    user = environment.get("MLFLOW_TRACKING_USERNAME")
    if not user:
        return {}
    pair = f"{user}:{environment.get('MLFLOW_TRACKING_PASSWORD', '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _served(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme != "mlflow-artifacts":
        raise Failure(
            f"Its artifacts are at {uri}, which the tracking server does not serve. Download them with MLflow, and give the folder."
        )
    return _safe(unquote(parts.path).strip("/"))


def _safe(path: str) -> str:
    """A path below the folder that it is written to."""
    if any(name in ("", ".", "..") or "\\" in name or "\0" in name for name in path.split("/")):
        raise Failure(f"The tracking server names a file {path!r}, which is not followed.")
    return path
