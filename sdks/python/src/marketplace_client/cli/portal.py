"""The portal's REST API as a token of a person sees it."""

from __future__ import annotations

import http.client
import json
import mimetypes
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode

from marketplace_client import errors

ATTEMPTS = 4
TIMEOUT_S = 60.0
CHUNK = 1 << 20
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True)
class Response:
    """`headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


# method, address, headers, body → Response. Raises OSError when there is no answer.
Transport = Callable[[str, str, Mapping[str, str], bytes | IO[bytes] | None], Response]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """A token is not carried elsewhere."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def over_http(
    method: str, url: str, headers: Mapping[str, str], body: bytes | IO[bytes] | None
) -> Response:
    """The transport of real life."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            found, status, content = answer.headers, answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        found, status, content = answer.headers, answer.code, answer.read()
    except http.client.HTTPException as wrong:
        raise OSError(f"{type(wrong).__name__}: {wrong}") from None
    return Response(status, {name.lower(): value for name, value in found.items()}, content)


class Portal:
    """Calls /api/v1/. What is asked twice is done once: a POST carries an Idempotency-Key, so that it may be repeated."""

    def __init__(
        self,
        url: str,
        token: str,
        transport: Transport = over_http,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._transport = transport
        self._sleep = sleep

    def get(self, *path: str | int, **query: Any) -> Any:
        """One answer; what is None in the query is left out."""
        return self._json("GET", self._address(path, query))

    def rows(self, *path: str | int, most: int = 1000, **query: Any) -> list[dict[str, Any]]:
        """The rows of a list over all its pages, at most so many."""
        return list(self._rows(self._address(path, query | {"page_size": min(most, 200)}), most))

    def _rows(self, address: str | None, most: int) -> Iterator[dict[str, Any]]:
        while address and most > 0:
            page = self._json("GET", address)
            if isinstance(page, list):
                page = {"results": page, "next": None}
            yield from page["results"][:most]
            most -= len(page["results"])
            following = page["next"]
            address = self.url + following[following.index("/api/v1/") :] if following else None

    def post(self, *path: str | int, data: Any) -> Any:
        return self._json("POST", self._address(path, {}), data, uuid.uuid4().hex)

    def put(self, *path: str | int, data: Any) -> tuple[Any, int]:
        """(answer, status): 201 for what is new."""
        response = self._call("PUT", self._address(path, {}), _encoded(data), "application/json")
        return json.loads(response.body), response.status

    def form(
        self, *path: str | int, fields: list[tuple[str, str]], files: Mapping[str, Path]
    ) -> tuple[Any, int]:
        """(answer, status) of a multipart/form-data."""
        with tempfile.TemporaryFile() as body:
            kind = _write_form(body, fields, files)
            response = self._call("POST", self._address(path, {}), body, kind, uuid.uuid4().hex)
        return json.loads(response.body), response.status

    def download(self, *path: str | int) -> bytes:
        return self._call("GET", self._address(path, {})).body

    def _address(self, path: tuple[str | int, ...], query: Mapping[str, Any]) -> str:
        parts = "/".join(quote(str(part), safe="") for part in path)
        asked = urlencode(
            {name: value for name, value in query.items() if value is not None}, doseq=True
        )
        return f"{self.url}/api/v1/{parts}/" + (f"?{asked}" if asked else "")

    def _json(self, method: str, address: str, data: Any = None, key: str = "") -> Any:
        body = None if data is None else _encoded(data)
        return json.loads(self._call(method, address, body, "application/json", key).body)

    def _call(
        self,
        method: str,
        address: str,
        body: bytes | IO[bytes] | None = None,
        kind: str = "",
        key: str = "",
    ) -> Response:
        """The 2xx answer. 429, 503 and a lost connection are tried again: nothing is done twice."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json, */*"}
        if body is not None:
            headers["Content-Type"] = kind
            headers["Content-Length"] = str(_size(body))
        if key:
            headers["Idempotency-Key"] = key
        for attempt in range(1, ATTEMPTS + 1):
            if body is not None and not isinstance(body, bytes):
                body.seek(0)
            error: errors.MarketplaceError
            try:
                response = self._transport(method, address, headers, body)
            except OSError as cause:
                error = errors.ConnectionFailed(f"No answer from {self.url}: {cause}")
                wait = 0.5 * 2**attempt
            else:
                if 200 <= response.status < 300:
                    return response
                error = problem = errors.problem_of(
                    response.status, response.headers, response.body
                )
                if response.status not in (429, 503):
                    raise error
                wait = problem.retry_after or 0.5 * 2**attempt
            if attempt == ATTEMPTS or wait > LONGEST_PAUSE_S:
                raise error
            self._sleep(wait)
        raise AssertionError("unreachable")


def _encoded(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def _size(body: bytes | IO[bytes]) -> int:
    if isinstance(body, bytes):
        return len(body)
    return body.seek(0, 2)


def _write_form(out: IO[bytes], fields: list[tuple[str, str]], files: Mapping[str, Path]) -> str:
    """Write a multipart/form-data to `out`; its media type."""
    boundary = uuid.uuid4().hex
    for name, value in fields:
        out.write(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        )
    for name, path in files.items():
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        shown = "".join(one if one.isprintable() and one != '"' else "_" for one in path.name)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{shown}"\r\nContent-Type: {kind}\r\n\r\n'
        out.write(head.encode())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                out.write(chunk)
        out.write(b"\r\n")
    out.write(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}"
