"""The client for asyncio: HTTP/1.1 over asyncio's own streams."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar, Unpack
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
from marketplace_client.predictions import Row
from marketplace_client.sync_client import IDLE_S, as_given

Result = TypeVar("Result")
LONGEST_HEAD = 1 << 16
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AsyncClient:
    """`Client` for asyncio: the same arguments and methods, each a coroutine. Cancelling one ends its request.

        async with AsyncClient("income-verification") as client:
            rows = await client.predict([{"income": 4000.0, "debt": 300.0}])

    A client belongs to one event loop.
    """

    def __init__(
        self,
        model: str,
        *,
        ssl_context: ssl.SSLContext | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        **settings: Unpack[Options],
    ) -> None:
        self.settings = Settings(model, **settings)
        self._core = Core(self.settings)
        self._context = ssl_context
        self._sleep = sleep
        self._idle: dict[tuple[str, str], list[tuple[float, Stream]]] = {}

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that are kept open."""
        idle, self._idle = self._idle, {}
        for streams in idle.values():
            for _, (_, writer) in streams:
                writer.close()

    async def predict(
        self,
        data: Any,
        *,
        binary: bool = False,
        timeout: float | None = None,
        traceparent: str = "",
    ) -> Any:
        """As `Client.predict`."""
        steps = self._core.predict(data, binary=binary, timeout=timeout, traceparent=traceparent)
        return as_given(data, await self._run(steps))

    async def predict_one(self, row: Mapping[str, Any], **options: Any) -> Row:
        """One row in, one row out."""
        return (await self._run(self._core.predict([row], **options)))[0]

    async def metadata(self) -> dict[str, Any]:
        """Name, versions, platform, inputs and outputs of the model."""
        return await self._run(self._core.metadata())

    async def feedback(self, outcomes: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Report what turned out to be true: [{"request_id", "actual", "predicted"?, "row"?, "output"?}]."""
        return await self._run(self._core.feedback(outcomes))

    async def _run(self, steps: Steps[Result]) -> Result:
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    await self._sleep(step.seconds)
                    step = steps.send(None)
                    continue
                try:
                    answer = await self._send(step)
                except (NotSent, Lost, Late) as failure:
                    step = steps.throw(failure)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result

    async def _send(self, request: Send) -> Answer:
        """Raises NotSent, Lost or Late."""
        parts = urlsplit(request.url)
        address = (parts.scheme, parts.netloc)
        was_sent = False
        stream: Stream | None = None
        try:
            async with asyncio.timeout(request.timeout):
                try:
                    stream = self._take(address) or await self._connect(address)
                except OSError as cause:
                    raise NotSent(str(cause)) from None
                was_sent = True
                answer, is_kept = await _exchange(stream, request, parts.path or "/", parts.netloc)
        except TimeoutError:
            _drop(stream)
            raise Late(was_sent) from None
        except (OSError, EOFError, ValueError, http.client.HTTPException) as cause:
            _drop(stream)
            raise Lost(str(cause) or type(cause).__name__) from None
        except BaseException:  # cancelled: what is half sent is no good for another call
            _drop(stream)
            raise
        if is_kept:
            self._idle.setdefault(address, []).append((time.monotonic(), stream))
        else:
            _drop(stream)
        return answer

    def _take(self, address: tuple[str, str]) -> Stream | None:
        waiting = self._idle.get(address, [])
        while waiting:
            since, stream = waiting.pop()
            if time.monotonic() - since < IDLE_S and not stream[0].at_eof():
                return stream
            _drop(stream)
        return None

    async def _connect(self, address: tuple[str, str]) -> Stream:
        scheme, netloc = address
        parts = urlsplit(f"//{netloc}")
        is_tls = scheme == "https"
        context = (self._context or ssl.create_default_context()) if is_tls else None
        return await asyncio.open_connection(
            parts.hostname, parts.port or (443 if is_tls else 80), ssl=context, limit=LONGEST_HEAD
        )


def _drop(stream: Stream | None) -> None:
    if stream is not None:
        stream[1].close()


async def _exchange(stream: Stream, request: Send, path: str, host: str) -> tuple[Answer, bool]:
    """(answer, whether the connection can be used again). Raises OSError, EOFError or ValueError."""
    reader, writer = stream
    head = [
        f"{request.method} {path} HTTP/1.1",
        f"Host: {host}",
        f"Content-Length: {len(request.body)}",
    ]
    head += [f"{name}: {value}" for name, value in request.headers.items()]
    writer.write("\r\n".join([*head, "", ""]).encode("latin-1") + request.body)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        # A server that refuses a body may answer and close before it has read all.
        await writer.drain()
    status, headers = await _read_head(reader)
    while status < 200:
        status, headers = await _read_head(reader)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body, is_framed = await _read_chunks(reader), True
    elif "content-length" in headers:
        body, is_framed = await reader.readexactly(int(headers["content-length"])), True
    else:
        body, is_framed = await reader.read(), False
    return Answer(status, headers, body), is_framed and headers.get(
        "connection", ""
    ).lower() != "close"


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise ValueError("The headers of the answer are too long.") from None
    line, _, fields = raw.partition(b"\r\n")
    message = http.client.parse_headers(io.BytesIO(fields))
    return int(line.split()[1]), {name.lower(): value for name, value in message.items()}


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while True:
        size = int((await reader.readline()).partition(b";")[0].strip() or b"x", 16)
        if size == 0:
            while (await reader.readline()).strip():
                pass
            return b"".join(chunks)
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
