"""A load generator of our own, for machines without wrk and for a steady rate: raw HTTP/1.1 on uvloop.

`python -m bench.load <port> <connections> <seconds> <rate or 0> <file with the request>` prints one JSON object:
{"calls", "seconds", "errors", "skipped", "statuses": {…}, "p50_ms", "p99_ms", "acknowledged": […] with --ids}.
"""

import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path

import uvloop


class Client(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self.buffer = b""
        self.waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        at = head.find(b"content-length:")
        length = (
            int(head[at + 15 : head.find(b"\r", at) if head.find(b"\r", at) > 0 else None])
            if at >= 0
            else 0
        )
        if len(self.buffer) >= end + 4 + length:
            self.buffer = self.buffer[end + 4 + length :]
            if self.waiting and not self.waiting.done():
                self.waiting.set_result((int(head[9:12]), head))

    def connection_lost(self, exc) -> None:
        if self.waiting and not self.waiting.done():
            self.waiting.set_exception(ConnectionError("lost"))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.waiting


class Load:
    """Counts and latencies of a run."""

    def __init__(self, port: int, request: bytes, keep_ids: bool = False) -> None:
        self.port = port
        self.request = request
        self.keep_ids = keep_ids
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}
        self.errors = 0
        self.skipped = 0
        self.ids: list[str] = []

    async def connect(self) -> Client:
        _, client = await asyncio.get_running_loop().create_connection(
            Client, "127.0.0.1", self.port
        )
        return client

    async def one(self, client: Client) -> Client:
        if client.transport.is_closing():  # closed while idle: the server's right
            client = await self._again()
        began = time.perf_counter()
        try:
            status, head = await client.ask(self.request)
        except OSError:
            self.errors += 1
            return await self._again()
        self.latencies.append(time.perf_counter() - began)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if self.keep_ids and status == 200:
            at = head.find(b"x-request-id: ") + 14
            self.ids.append(head[at : at + 32].decode())
        if b"connection: close" in head:
            client.transport.close()
            return await self._again()
        return client

    async def _again(self) -> Client:
        by = time.monotonic() + 30
        while True:
            try:
                return await self.connect()
            except OSError:
                if time.monotonic() > by:
                    raise
                await asyncio.sleep(0.02)

    async def flat_out(self, connections: int, seconds: float) -> None:
        until = time.monotonic() + seconds

        async def loop() -> None:
            client = await self.connect()
            while time.monotonic() < until:
                client = await self.one(client)

        await asyncio.gather(*(loop() for _ in range(connections)))

    async def steady(self, connections: int, seconds: float, rate: float) -> None:
        """Calls start at fixed times, whether or not earlier ones came back (as long as a connection is free)."""
        free = deque([await self.connect() for _ in range(connections)])
        running = set()
        began = time.monotonic()
        for number in range(int(seconds * rate)):
            wait = began + number / rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            if not free:
                self.skipped += 1
                continue

            async def run(client: Client) -> None:
                free.append(await self.one(client))

            task = asyncio.create_task(run(free.popleft()))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    def summary(self, seconds: float) -> dict:
        """What the run came to."""
        ordered = sorted(self.latencies) or [0.0]
        return {
            "calls": len(self.latencies),
            "seconds": seconds,
            "errors": self.errors,
            "skipped": self.skipped,
            "statuses": self.statuses,
            "p50_ms": ordered[len(ordered) // 2] * 1e3,
            "p99_ms": ordered[int(len(ordered) * 0.99)] * 1e3,
            **({"acknowledged": self.ids} if self.keep_ids else {}),
        }


async def main() -> None:
    port, connections, seconds, rate, path = sys.argv[1:6]
    load = Load(int(port), Path(path).read_bytes(), "--ids" in sys.argv)
    began = time.monotonic()
    if float(rate):
        await load.steady(int(connections), float(seconds), float(rate))
    else:
        await load.flat_out(int(connections), float(seconds))
    print(json.dumps(load.summary(time.monotonic() - began)))


if __name__ == "__main__":
    uvloop.run(main())
