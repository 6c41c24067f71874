"""The client that waits."""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar, Unpack, overload
from urllib.parse import urlsplit

from marketplace_client.calls import (
    Answer,
    Core,
    Late,
    Lost,
    NotSent,
    Options,
    Pause,
    Send,
    Settings,
    Steps,
)
from marketplace_client.predictions import Predictions, Row

# The gateway closes a connection that has been idle for 15 s; one that is closed while we send costs an unsure call.
IDLE_S = 8.0
CONNECT_S = 10.0
Result = TypeVar("Result")


class Client:
    """Calls one model with one key. Safe to share between threads.

        client = Client("income-verification", gateway="https://gateway.example.com", key="mkc_…")
        for row in client.predict([{"income": 4000.0, "debt": 300.0}]):
            print(row["score"])

    The arguments are those of `calls.Settings`; `ssl_context` replaces the system's certificates, `sleep` is for tests.
    """

    def __init__(
        self,
        model: str,
        *,
        ssl_context: ssl.SSLContext | None = None,
        sleep: Callable[[float], None] = time.sleep,
        **settings: Unpack[Options],
    ) -> None:
        self.settings = Settings(model, **settings)
        self._core = Core(self.settings)
        self._connections = _Connections(ssl_context)
        self._sleep = sleep

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._connections.close()

    @overload
    def predict(
        self,
        data: Iterable[Mapping[str, Any]],
        *,
        binary: bool = ...,
        timeout: float | None = ...,
        traceparent: str = ...,
    ) -> Predictions: ...
    @overload
    def predict(
        self, data: Any, *, binary: bool = ..., timeout: float | None = ..., traceparent: str = ...
    ) -> Any: ...
    def predict(
        self,
        data: Any,
        *,
        binary: bool = False,
        timeout: float | None = None,
        traceparent: str = "",
    ) -> Any:
        """Rows in, rows out; a DataFrame in, a DataFrame with the same index out.

        data         a list of dicts, a dict of lists or numpy arrays, or a pandas DataFrame
        binary       send and ask for binary tensors: smaller and faster for many numbers; no gaps but NaN
        timeout      seconds for all of it, instead of the client's
        traceparent  of the caller's W3C trace, to which the calls then belong

        Raises MarketplaceError; `error.predictions` has the rows that were answered before it.
        """
        steps = self._core.predict(data, binary=binary, timeout=timeout, traceparent=traceparent)
        return as_given(data, self._run(steps))

    def predict_one(self, row: Mapping[str, Any], **options: Any) -> Row:
        """One row in, one row out."""
        return self._run(self._core.predict([row], **options))[0]

    def metadata(self) -> dict[str, Any]:
        """Name, versions, platform, inputs and outputs of the model."""
        return self._run(self._core.metadata())

    def feedback(self, outcomes: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Report what turned out to be true: [{"request_id", "actual", "predicted"?, "row"?, "output"?}]."""
        return self._run(self._core.feedback(outcomes))

    def _run(self, steps: Steps[Result]) -> Result:
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    self._sleep(step.seconds)
                    step = steps.send(None)
                    continue
                try:
                    answer = self._connections.send(step)
                except (NotSent, Lost, Late) as failure:
                    step = steps.throw(failure)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result


def as_given(data: Any, predictions: Predictions) -> Any:
    """A DataFrame for a DataFrame."""
    if hasattr(data, "columns") and hasattr(data, "to_dict"):
        return predictions.to_frame(data.index)
    return predictions


class _Connections:
    """Keep-alive connections by address, each used by one thread at a time."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._idle: dict[tuple[str, str], list[tuple[float, http.client.HTTPConnection]]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for _, connection in connections:
                connection.close()

    def send(self, request: Send) -> Answer:
        """Raises NotSent, Lost or Late; `request.timeout` bounds the whole of it."""
        parts = urlsplit(request.url)
        address = (parts.scheme, parts.netloc)
        by = time.monotonic() + request.timeout
        connection = self._take(address) or self._connect(address, request.timeout)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            _bound(connection, by)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # A server that refuses a body may answer and close before it has read all.
                connection.request(request.method, target, request.body or None, request.headers)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            body = _read(connection, response, by)
        except TimeoutError:
            connection.close()
            raise Late(sent=True) from None
        except (OSError, http.client.HTTPException) as cause:
            connection.close()
            raise Lost(str(cause) or type(cause).__name__) from None
        if response.will_close:
            connection.close()
        else:
            with self._lock:
                self._idle.setdefault(address, []).append((time.monotonic(), connection))
        return Answer(response.status, headers, body)

    def _take(self, address: tuple[str, str]) -> http.client.HTTPConnection | None:
        with self._lock:
            waiting = self._idle.get(address, [])
            while waiting:
                since, connection = waiting.pop()
                if time.monotonic() - since < IDLE_S and not _has_ended(connection):
                    return connection
                connection.close()
        return None

    def _connect(self, address: tuple[str, str], timeout: float) -> http.client.HTTPConnection:
        scheme, netloc = address
        wait = min(timeout, CONNECT_S)
        connection: http.client.HTTPConnection
        if scheme == "https":
            connection = http.client.HTTPSConnection(netloc, timeout=wait, context=self._context)
        else:
            connection = http.client.HTTPConnection(netloc, timeout=wait)
        try:
            connection.connect()
        except TimeoutError:
            if wait < timeout:
                raise NotSent(f"it could not be made within {wait:g} s") from None
            raise Late(sent=False) from None
        except (OSError, http.client.HTTPException) as cause:
            raise NotSent(str(cause)) from None
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def _has_ended(connection: http.client.HTTPConnection) -> bool:
    """An idle connection that has something to read was closed by the server."""
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _bound(connection: http.client.HTTPConnection, by: float) -> None:
    """Let the next wait on the socket end at `by`. Raises TimeoutError when that is past."""
    left = by - time.monotonic()
    if left <= 0:
        raise TimeoutError
    if connection.sock is not None:
        connection.sock.settimeout(left)


def _read(
    connection: http.client.HTTPConnection, response: http.client.HTTPResponse, by: float
) -> bytes:
    """The body; the deadline holds for all of it, not for each piece."""
    chunks = []
    while True:
        _bound(connection, by)
        chunk = response.read1(1 << 18)
        if not chunk:
            break
        chunks.append(chunk)
    body = b"".join(chunks)
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    response.close()  # read1 does not, and the connection takes no other request before
    return body
