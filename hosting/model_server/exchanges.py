"""What a call to a loaded model is read from and written as: tensors of the protocol, or plain rows.

Both judge values by the same code (`coercion`) and answer from the same run. `read(headers, body)` returns
(request, {input: array}, rows) and raises Problem; `written(request, {output: array})` returns (200, headers, body).
"""

from dataclasses import dataclass
from typing import Any

from hosting.model_server import coercion, compression, rows, wire
from hosting.model_server.elements import Array
from hosting.model_server.limits import MOST_BODY_BYTES
from hosting.model_server.session import LoadedModel

Headers = dict[bytes, bytes]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


def head(manifest: dict[str, Any]) -> dict[str, str]:
    """The members of every answer in tensors."""
    return {"model_name": manifest["model"], "model_version": manifest["version"]}


@dataclass(frozen=True)
class Tensors:
    """The protocol's own: JSON, with binary tensors or without, and the forms that the signature completes."""

    model: LoadedModel

    def read(self, headers: Headers, body: bytes) -> tuple[Any, dict[str, Array], int]:
        length = headers.get(b"inference-header-content-length")
        request = wire.read(
            _plain(headers, body), length.decode("latin-1") if length is not None else None
        )
        chosen = coercion.chosen(request, self.model.signature)
        is_lenient = (
            headers.get(b"x-input-mode") == b"lenient" or request.parameters.get("lenient") is True
        )
        columns, count = coercion.columns_of(request, self.model.signature, strict=not is_lenient)
        return (request, chosen), columns, count

    def written(self, request: Any, results: dict[str, Array]) -> Answer:
        sent, chosen = request
        members = head(self.model.manifest)
        answer, json_length = wire.write(
            members if sent.id is None else {**members, "id": sent.id},
            [(name, results[name], binary) for name, binary in chosen],
            sent.form,
            self.model.manifest.get("plain_output", ""),
        )
        return 200, _tensor_headers(json_length), answer


@dataclass(frozen=True)
class Rows:
    """JSON objects or CSV lines (rows.py); the request that is kept is the Accept header."""

    model: LoadedModel

    def read(self, headers: Headers, body: bytes) -> tuple[Any, dict[str, Array], int]:
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        request = rows.read(_plain(headers, body), content_type, self.model.signature)
        columns, count = coercion.columns_of(request, self.model.signature)
        return headers.get(b"accept", b"*/*").decode("latin-1"), columns, count

    def written(self, request: Any, results: dict[str, Array]) -> Answer:
        columns = {name: rows.values_of(results[name]) for name in self.model.signature.outputs}
        body, media_type = rows.write(columns, request)
        return 200, [(b"content-type", media_type.encode())], body


def _plain(headers: Headers, body: bytes) -> bytes:
    encoding = headers.get(b"content-encoding", b"")
    if encoding in compression.PLAIN:
        return body
    return bytes(compression.inflated(body, encoding, MOST_BODY_BYTES))


def _tensor_headers(json_length: int | None) -> list[tuple[bytes, bytes]]:
    if json_length is None:
        return [(b"content-type", b"application/json")]
    return [
        (b"content-type", b"application/octet-stream"),
        (b"inference-header-content-length", str(json_length).encode()),
    ]
