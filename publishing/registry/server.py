"""A team's MLflow tracking server, read by its REST API: every connection goes through the egress policy, and all of it is bounded.

Only what the server itself serves is read: artifacts at `mlflow-artifacts:`. Names come as parameters, never as parts of a path;
parts of artifact paths are checked one by one (docs/reliability.md, "Outgoing requests").
"""

import base64
import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from marketplace.core import egress, json_reader
from publishing.packages import limits

API, ARTIFACTS = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts"
SCHEME = "mlflow-artifacts"
CONNECT_S = 30.0  # each wait for the server
TOTAL_S = 600.0  # everything about one version
JSON_BYTES = 1024 * 1024
CHUNK = 256 * 1024


class NotRead(Exception):
    """Why the tracking server could not be read, in a sentence. `is_passing`: it may work later."""

    def __init__(self, message: str, is_passing: bool = False) -> None:
        super().__init__(message)
        self.is_passing = is_passing


class NotThere(NotRead):
    """The server does not have it (404)."""


@dataclass(frozen=True)
class RemoteFile:
    """A file below an artifact folder: its path in there, and its bytes as the server says."""

    path: str
    size: int


class TrackingServer:
    """Reads one server. Use one for each import: its time runs from the start, and its bytes are counted together.

    credential: "user:password", a bearer token, or "".
    """

    def __init__(self, url: str, credential: str = "", most_bytes: int = limits.FILE_BYTES) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "model-marketplace"}
        if credential:
            self._headers["Authorization"] = _authorization(credential)
        self._ends_at = time.monotonic() + TOTAL_S
        self._bytes_left = most_bytes

    def ask(self, operation: str, **query: str) -> dict[str, Any]:
        """The JSON object that an operation of the REST API answers. Raises NotRead."""
        return self._json(f"{API}{operation}?{urlencode(query)}")

    def files(self, uri: str) -> Iterator[RemoteFile]:
        """Every file below the artifact folder at `uri`, at most as many as an archive may have. Raises NotRead."""
        root, waiting, found = artifact_path(uri), [""], 0
        while waiting:
            folder = waiting.pop()
            listed = self._json(f"{ARTIFACTS}?{urlencode({'path': _joined(root, folder)})}")
            for entry in listed.get("files") or []:
                found += 1
                path = _joined(folder, _checked(str(entry.get("path", ""))))
                if found > limits.ARCHIVE_MEMBERS or path.count("/") >= limits.ARCHIVE_DEPTH:
                    raise NotRead("The model's folder has too many files, or is too deep.")
                if entry.get("is_dir"):
                    waiting.append(path)
                else:
                    yield RemoteFile(path, int(entry.get("file_size") or 0))

    def text(self, uri: str, path: str, most: int) -> str:
        """A small text file below the artifact folder at `uri`. Raises NotRead, NotThere."""
        address = _joined(artifact_path(uri), path)
        with self._get(f"{ARTIFACTS}/{quote(address)}") as answer:
            content = answer.read(most + 1)
        if len(content) > most:
            raise NotRead(f"{path} has more than {most // 1024} KiB.")
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise NotRead(f"{path} is not UTF-8.") from None

    def download(self, uri: str, path: str, target: Path) -> None:
        """Write a file below the artifact folder at `uri` to `target`. Raises NotRead."""
        address = _joined(artifact_path(uri), path)
        with self._get(f"{ARTIFACTS}/{quote(address)}") as answer, target.open("wb") as file:
            while block := answer.read(CHUNK):
                self._bytes_left -= len(block)
                if self._bytes_left < 0:
                    raise NotRead("The model's files are larger than a package may be.")
                self._seconds_left()
                file.write(block)

    def _json(self, target: str) -> dict[str, Any]:
        with self._get(target) as answer:
            content = answer.read(JSON_BYTES + 1)
        if len(content) > JSON_BYTES:
            raise NotRead("The tracking server's answer has more than 1 MiB.")
        try:
            found = json_reader.read(content)
        except (json_reader.Malformed, json_reader.Unusable):
            found = None
        if not isinstance(found, dict):
            raise NotRead("What answers at the tracking address is no MLflow tracking server.")
        return found

    @contextmanager
    def _get(self, target: str) -> Iterator[http.client.HTTPResponse]:
        url = self._url + target
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        try:
            connection = egress.connect(url, min(CONNECT_S, self._seconds_left()))
            try:
                connection.request("GET", path, headers=self._headers)
                answer = connection.getresponse()
                _require_ok(answer)
                yield answer
            finally:
                connection.close()
        except egress.EgressDenied as denial:
            raise NotRead(str(denial)) from None
        except (OSError, http.client.HTTPException) as error:
            said = f"The tracking server does not answer ({type(error).__name__})."
            raise NotRead(said, is_passing=True) from None

    def _seconds_left(self) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            said = f"The tracking server took longer than {TOTAL_S / 60:.0f} minutes."
            raise NotRead(said, is_passing=True)
        return left


def artifact_path(uri: str) -> str:
    """The path on the server of what `mlflow-artifacts:` names. Raises NotRead for what the server does not serve."""
    parts = urlsplit(uri)
    if parts.scheme != SCHEME:
        raise NotRead(
            f"Its artifacts are at {parts.scheme or 'a path'}:, which the tracking server does not serve. "
            "Start it with --serve-artifacts, or publish with the command line."
        )
    return _checked(unquote(parts.path).strip("/"))


def _checked(path: str) -> str:
    """An artifact path whose parts are names. Raises NotRead."""
    names = path.split("/")
    if len(path) > 1000 or any(
        name in ("", ".", "..") or not name.isprintable() or set(name) & set("\\%?#")
        for name in names
    ):
        raise NotRead("The tracking server names a file in a way that is not followed.")
    return path


def _joined(folder: str, path: str) -> str:
    return f"{folder}/{path}".strip("/")


def _authorization(credential: str) -> str:
    if ":" in credential:
        return f"Basic {base64.b64encode(credential.encode()).decode()}"
    return f"Bearer {credential}"


def _require_ok(answer: http.client.HTTPResponse) -> None:
    if answer.status == 200:
        return
    if answer.status == 404:
        raise NotThere("The tracking server does not have it.")
    if answer.status in (401, 403):
        raise NotRead("The tracking server does not let the marketplace read: see the credential.")
    is_passing = answer.status == 429 or answer.status >= 500
    raise NotRead(f"The tracking server answers {answer.status}.", is_passing)
