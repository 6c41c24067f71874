"""The portal's ASGI application around Django's WSGI one: a worker thread takes a request only when its body has arrived.

The front sends small bodies whole. Before a larger body is received, Django judges the headers: may this person send so much to this
address (`Admission`, filled by `publishing.bodies.before_reading`)? The body is then received without a worker, within its limits.
Uploads are received on disk and have workers of their own. Responses are sent without a worker.
"""

import asyncio
import contextlib
import io
import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from marketplace.core.errors import BusinessAnswer, Incomplete, TooLarge, TooManyAtOnce, TooSlow
from marketplace.core.request_bodies import ADMISSION, REFUSAL, Admission
from marketplace.web.front_limits import Limits

log = logging.getLogger(__name__)
CLIENT, SCHEME = b"x-portal-client", b"x-portal-scheme"
BLOCK = 64 * 1024
DRAIN_S = 1.0  # a rejected client that sends less than DRAIN_BYTES in this time is cut off
DRAIN_BYTES = 512 * 1024
Receive = Callable[[], Any]
Send = Callable[[Any], Any]


@dataclass
class Response:
    """Django's response: bytes, or an open file that the context manager closes."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    file: IO[bytes] | None = None

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        if self.file:
            self.file.close()

    def blocks(self) -> Iterator[bytes]:
        if self.file:
            yield from iter(lambda: self.file.read(BLOCK), b"")
        for at in range(0, len(self.body), BLOCK):
            yield self.body[at : at + BLOCK]


class File:
    """PEP 3333's file wrapper: a response that is sent from its file, without a worker."""

    def __init__(self, file: IO[bytes], block: int = BLOCK):
        self.file = file


class Portal:
    """The ASGI application. `wsgi` is Django's; `started` runs once in a worker, before the first request."""

    def __init__(
        self,
        wsgi: Callable[..., Iterable[bytes]],
        limits: Limits,
        started: Callable[[], None] = lambda: None,
    ):
        self._wsgi = wsgi
        self._limits = limits
        self._started = started
        self._workers = ThreadPoolExecutor(limits.threads, "page")
        self._admission_workers = ThreadPoolExecutor(limits.admission_threads, "admission")
        self._upload_workers = ThreadPoolExecutor(limits.upload_threads, "upload")
        self._receiving: Counter[int | None] = Counter()  # large bodies on their way, by person

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        environ = environ_of(scope)
        length, began = _declared(environ), asyncio.get_running_loop().time()
        if 0 <= length <= self._limits.small_body_bytes:
            environ["wsgi.input"] = body = io.BytesIO()
            if length:
                await self._receive_all(environ, body, length, began, self._limits.body_s, receive)
            await self._respond(environ, self._workers, receive, send)
        elif (refusal := await self._admit(environ, length)) is not None:
            await self._reject(refusal, environ, receive, send)
        else:
            await self._handle_large(environ, began, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.get_running_loop().run_in_executor(self._workers, self._started)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _admit(self, environ: dict[str, Any], length: int) -> Response | None:
        """Let Django judge a large body by its headers. Returns the rejection, or None when the body is admitted."""
        admission = environ[ADMISSION] = Admission(declared=length)
        response = await self._run_in_worker(
            {**environ, "wsgi.input": io.BytesIO()}, self._admission_workers
        )
        return None if admission.is_granted else response

    async def _handle_large(
        self, environ: dict[str, Any], began: float, receive: Receive, send: Send
    ) -> None:
        admission: Admission = environ[ADMISSION]
        with self._large_body_slot(admission, environ), _body_file(admission) as body:
            environ["wsgi.input"] = body
            longest_s = self._limits.upload_s if admission.is_upload else self._limits.body_s
            if REFUSAL not in environ:
                await self._receive_all(environ, body, admission.limit, began, longest_s, receive)
            await self._respond(
                environ,
                self._upload_workers if admission.is_upload else self._workers,
                receive,
                send,
            )

    async def _respond(
        self, environ: dict[str, Any], workers: ThreadPoolExecutor, receive: Receive, send: Send
    ) -> None:
        """Run Django in a worker and send its response; Django renders the rejection of a body that was not received."""
        if REFUSAL not in environ:
            await self._send(await self._run_in_worker(environ, workers), send)
            return
        environ["wsgi.input"] = io.BytesIO()
        await self._reject(
            await self._run_in_worker(environ, self._admission_workers), environ, receive, send
        )

    @contextlib.contextmanager
    def _large_body_slot(self, admission: Admission, environ: dict[str, Any]) -> Iterator[None]:
        """One of the large bodies that a person may send at once; uploads are counted in Postgres instead."""
        person, most = admission.person, self._limits.large_bodies_per_person
        if admission.is_upload:
            yield
            return
        if self._receiving[person] >= most:
            environ[REFUSAL] = TooManyAtOnce(
                f"{most} large requests are on their way already.",
                limit=most,
                remedy="Wait until one of them is answered.",
            )
        self._receiving[person] += 1
        try:
            yield
        finally:
            self._receiving[person] -= 1
            if not self._receiving[person]:
                del self._receiving[person]

    async def _receive_all(
        self,
        environ: dict[str, Any],
        body: IO[bytes],
        limit: int,
        began: float,
        longest_s: float,
        receive: Receive,
    ) -> None:
        """Receive the whole body within `longest_s`, and each block within `body_s`. A failure goes into the environment as REFUSAL."""
        due = began + self._limits.body_s
        try:
            while await self._receive_block(body, limit, min(due, began + longest_s), receive):
                due = asyncio.get_running_loop().time() + self._limits.body_s
        except TimeoutError:
            least = self._limits.upload_block_bytes // 1024
            environ[REFUSAL] = TooSlow(
                f"The body came too slowly: all of it, or at least {least} KiB of it, must arrive within {self._limits.body_s:g} seconds.",
                remedy="Send it again over a faster line.",
            )
        except BusinessAnswer as refusal:
            environ[REFUSAL] = refusal

    async def _receive_block(
        self, body: IO[bytes], limit: int, due: float, receive: Receive
    ) -> bool:
        """Receive the next block of a body; returns whether more follows. Raises TimeoutError at `due` (loop time)."""
        aim = body.tell() + self._limits.upload_block_bytes
        async with asyncio.timeout_at(due):
            while body.tell() < aim:
                if not await _receive_part(body, receive, limit):
                    return False
        return True

    async def _run_in_worker(
        self, environ: dict[str, Any], workers: ThreadPoolExecutor
    ) -> Response:
        return await asyncio.get_running_loop().run_in_executor(workers, self._call_django, environ)

    def _call_django(self, environ: dict[str, Any]) -> Response:
        """Call Django in this worker thread and return its whole response."""
        response, body = Response(), environ["wsgi.input"]
        environ["CONTENT_LENGTH"] = str(body.seek(0, io.SEEK_END))
        body.seek(0)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            response.status = int(status.split(" ", 1)[0])
            response.headers = [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ]

        result = self._wsgi(environ, start)
        if isinstance(result, File):
            response.file = result.file
            return response
        with contextlib.closing(result):
            response.body = b"".join(result)
        return response

    async def _send(self, response: Response, send: Send) -> None:
        """Send to the client as fast as it reads. Gives up when a block of 64 KiB is not taken within `write_s`."""
        with contextlib.suppress(TimeoutError), response:
            await send(
                {
                    "type": "http.response.start",
                    "status": response.status,
                    "headers": response.headers,
                }
            )
            for block in response.blocks():
                async with asyncio.timeout(self._limits.write_s):
                    await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body"})

    async def _reject(
        self, response: Response, environ: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        """Send the rejection, then read on for a while: a client that is cut off while it sends does not read the response."""
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [*response.headers, (b"connection", b"close")],
            }
        )
        await send(
            {"type": "http.response.body", "body": b"".join(response.blocks()), "more_body": True}
        )
        if not _sends_no_more(environ):
            await _drain(receive)
        await send({"type": "http.response.body"})


def _sends_no_more(environ: dict[str, Any]) -> bool:
    """The client waits for 100 Continue, was too slow, or has left."""
    return "HTTP_EXPECT" in environ or isinstance(environ.get(REFUSAL), (TooSlow, Incomplete))


def environ_of(scope: dict[str, Any]) -> dict[str, Any]:
    """PEP 3333's environment of an ASGI scope. Headers with an underscore are left out: they would pass for others."""
    headers = dict(scope["headers"])
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": headers.get(CLIENT, b"").decode("latin-1"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": headers.get(SCHEME, b"http").decode("latin-1"),
        "wsgi.errors": _Errors(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": File,
    }
    for name, value in scope["headers"]:
        if b"_" in name or name in (CLIENT, SCHEME):
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = (
            f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
            if key in environ
            else text
        )
    return environ


class _Errors(io.TextIOBase):
    """wsgi.errors: to the log."""

    def write(self, text: str) -> int:
        if text.strip():
            log.error("%s", text.rstrip())
        return len(text)


def _declared(environ: dict[str, Any]) -> int:
    """Bytes of the body by its header; -1 when it comes in chunks."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return -1
    return int(environ.get("CONTENT_LENGTH") or 0)


def _body_file(admission: Admission) -> IO[bytes]:
    """Where a large body is received: uploads on disk, in a file without a name, everything else in memory."""
    return tempfile.TemporaryFile(dir=admission.folder) if admission.is_upload else io.BytesIO()


async def _receive_part(body: IO[bytes], receive: Receive, limit: int) -> bool:
    """Receive one message of the body; returns whether more follows. Raises TooLarge, Incomplete."""
    message = await receive()
    if message["type"] != "http.request":
        raise Incomplete("The connection closed before the body was whole.")
    body.write(message.get("body", b""))
    if body.tell() > limit:
        raise TooLarge(
            f"A request has at most {limit // 1024} KiB here.",
            limit=limit,
            remedy="Send less at a time.",
        )
    return bool(message.get("more_body"))


async def _drain(receive: Receive) -> None:
    """Read and drop what a rejected client still sends, as long as it sends fast."""
    with contextlib.suppress(TimeoutError):
        more = True
        while more:
            async with asyncio.timeout(DRAIN_S):
                more = await _drain_block(receive)


async def _drain_block(receive: Receive) -> bool:
    left = DRAIN_BYTES
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return False
    return True
