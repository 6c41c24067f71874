"""One request as the protocol collects it, and the checks of its head: sizes, framing, smuggling."""

from functools import lru_cache
from urllib.parse import unquote

from hosting.gateway import problems
from hosting.gateway.call import Call
from hosting.gateway.config import GatewayConfig
from hosting.gateway.headers import FORWARDED, ONCE, size_of
from hosting.gateway.rows_call import RowsCall


class Request:
    """One request. `by_name`: its headers by name; the last one wins, and ambiguous repetitions are rejected."""

    __slots__ = ("method", "url", "headers", "by_name", "body", "size", "keep_alive", "version")

    def __init__(self) -> None:
        self.method = b""
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.by_name: dict[bytes, bytes] = {}
        self.body: list[bytes] = []
        self.size = 0
        self.keep_alive = True
        self.version = "1.1"


NO_REQUEST = Request()  # stands where nothing is being received
NO_REQUEST.method = b"-"


def head_problem(request: Request, received: int, config: GatewayConfig) -> problems.Problem | None:
    """Why the head of a request is rejected. `received`: its bytes on the wire, 0 when it came in one piece with another request."""
    headers, by_name = request.headers, request.by_name
    if len(headers) > config.header_count:
        return _too_many_headers(config)
    if len(request.url) > config.url_bytes:
        return problems.headers_too_large("The address is too long.")
    if not 0 < received <= config.forwarded_header_bytes:
        problem = _size_problem(request, config)
        if problem is not None:
            return problem
    if len(by_name) != len(headers) and _is_ambiguous(headers):
        return problems.bad_framing("A header that may be sent once was sent twice.")
    length = by_name.get(b"content-length")
    if length is not None:
        if b"transfer-encoding" in by_name:
            return problems.bad_framing("Content-Length and Transfer-Encoding were both sent.")
        if int(length) > config.body_bytes:
            return problems.body_too_large(config.body_bytes)
    if request.version == "1.1":
        if b"host" not in by_name:
            return problems.bad_framing("The Host header is missing.")
    elif request.version != "1.0":
        return problems.bad_framing("Speak HTTP/1.1.")
    return None


def _size_problem(request: Request, config: GatewayConfig) -> problems.Problem | None:
    if size_of(request.headers) > config.header_bytes:
        return _too_many_headers(config)
    forwarded = sum(len(request.by_name.get(name, b"")) for name in FORWARDED)
    if forwarded > config.forwarded_header_bytes:
        limit = config.forwarded_header_bytes // 1024
        return problems.headers_too_large(f"What describes body and answer may have {limit} KiB.")
    return None


def _too_many_headers(config: GatewayConfig) -> problems.Problem:
    return problems.headers_too_large(f"At most {config.header_count} headers are read.")


def _is_ambiguous(headers: list[tuple[bytes, bytes]]) -> bool:
    names = [name for name, _ in headers if name in ONCE]
    return len(names) != len(set(names))


def path_of(target: bytes) -> bytes:
    """The path of a target in absolute form, `http://host/path` (RFC 9112, 3.2.2); any other target as it is."""
    scheme, mark, rest = target.partition(b"://")
    if mark and scheme.lower() in (b"http", b"https"):
        return b"/" + rest.partition(b"/")[2]
    return target


CALLS: dict[bytes, type[Call]] = {b"infer": Call, b"rows": RowsCall}


@lru_cache(1024)
def call_target(path: bytes) -> tuple[type[Call], str, str] | None:
    """What a path calls, as tensors or as rows: the model, and the version ("" when the path names none). None for any other path."""
    match path.split(b"/"):
        case [b"", b"v2", b"models", slug, verb] if verb in CALLS:
            return CALLS[verb], unquote(slug.decode("latin-1")), ""
        case [b"", b"v2", b"models", slug, b"versions", number, verb] if verb in CALLS:
            model, version = unquote(slug.decode("latin-1")), unquote(number.decode("latin-1"))
            return CALLS[verb], model, version
    return None
