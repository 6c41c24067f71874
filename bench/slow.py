"""Slow clients in a process of their own: python -m bench.slow <port> <seconds> <sockets a kind> [session cookie] [kind,…]

Opens that many sockets of each kind at once, lets them drip, and says as JSON when the portal closed them:
{kind: {"opened", "closed", "limit_s", "last_s", "refused"}}; "ready" is printed as soon as all are open.
"""

import contextlib
import json
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from marketplace.web.front_limits import from_environment

HOST = b"Host: 127.0.0.1\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"
PART = b'--b\r\nContent-Disposition: form-data; name="login"\r\n\r\n'
LARGE = b"/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js.map"
FILLING_S = 8.0  # until the answer is made, on a busy machine too, and has filled all buffers
HALF_CLOSED = "half-closed"
ESTABLISHED, NO_INODE = "01", "0"  # in /proc/net/tcp
WHOLE = 1_000_000  # bytes a second: reads the answer at once


@dataclass(frozen=True)
class Kind:
    """What a socket says at first, what it drips every second, and within how many seconds it must be closed."""

    name: str
    limit_s: float
    begins: bytes
    drips: bytes = b""
    reads: int = 0  # bytes a second of the answer


def kinds(cookie: str) -> Iterator[Kind]:
    limits = from_environment()
    jar = f"Cookie: sessionid={cookie}; csrftoken={'c' * 32}\r\n".encode() if cookie else b""
    login = b"POST /accounts/login/ HTTP/1.1\r\n" + HOST + jar + FORM
    api = (
        b"POST /api/v1/applications/ HTTP/1.1\r\n"
        + HOST
        + jar
        + b"Content-Type: application/json\r\n"
    )
    page = b"GET /docs/problems/ HTTP/1.1\r\n" + HOST + jar + b"\r\n"
    yield Kind(
        "header drip", limits.header_s, b"GET / HTTP/1.1\r\n" + HOST + jar + b"X-Slow: ", b"y"
    )
    yield Kind("silent", limits.header_s, b"")
    yield Kind("body silent", limits.body_s, login + b"Content-Length: 60000\r\n\r\n" + PART)
    yield Kind("body drip", limits.body_s, api + b"Content-Length: 60000\r\n\r\n{", b" ")
    yield Kind(
        "chunk drip", limits.body_s, api + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"
    )
    yield Kind(
        "expect", limits.body_s, login + b"Content-Length: 60000\r\nExpect: 100-continue\r\n\r\n"
    )
    yield Kind(HALF_CLOSED, limits.body_s, login + b"Content-Length: 60000\r\n\r\n" + PART)
    large = b"GET " + LARGE + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    yield Kind("idle", limits.idle_s, page, reads=WHOLE)
    yield Kind("never reads a page", limits.idle_s + FILLING_S, page)
    yield Kind("never reads", limits.write_s + FILLING_S, large * 5)
    yield Kind("reads a byte a second", limits.write_s + FILLING_S, large, reads=1)
    yield Kind("reads too slowly", 2 * limits.write_s + FILLING_S, large, reads=1000)
    if cookie:
        put = (
            b"PUT /api/v1/versions/1/interface/ HTTP/1.1\r\n"
            + HOST
            + jar
            + b"Content-Type: application/json\r\n"
        )
        yield Kind(
            "large body",
            limits.body_s,
            put + b"Content-Length: 900000\r\n\r\n" + b" " * 100_000,
            b" ",
        )
        upload = b"POST /publish/income/1.0.0/package/ HTTP/1.1\r\n" + HOST + jar + FORM
        yield Kind(
            "upload drip",
            limits.body_s,
            upload + b"Content-Length: 2147483648\r\n\r\n" + PART,
            b"x",
        )


class Slow:
    """One such socket."""

    def __init__(self, port: int, kind: Kind):
        self.kind = kind
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.began = time.monotonic()
        self.socket.settimeout(1)
        with contextlib.suppress(
            OSError
        ):  # a socket buffer that is full, a portal that has refused already
            self.socket.sendall(kind.begins)
        if kind.name == HALF_CLOSED:
            self.socket.shutdown(socket.SHUT_WR)
        self.socket.setblocking(False)
        self.closed_after: float | None = None

    def step(self) -> None:
        """Drip; or read what came, where this kind does."""
        with contextlib.suppress(OSError):
            if self.kind.drips:
                self.socket.send(self.kind.drips)
            left = self.kind.reads
            while left > 0 and (got := self.socket.recv(min(left, 65536))):
                left -= len(got)
                if self.kind.reads == WHOLE:
                    self.began = time.monotonic()

    def is_open(self, held: set[int]) -> bool:
        """Does the portal still hold its end? `held` are the ports of all whose end it holds."""
        if self.closed_after is None and self.socket.getsockname()[1] not in held:
            self.closed_after = time.monotonic() - self.began
        return self.closed_after is None


def held_by(port: int) -> set[int]:
    """The ports of clients whose connection is established, accepted or not, or whose other end a process holds.

    A client that never reads does not learn of the close, because its window is shut: the kernel's table shows it.
    """
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        int(row[2][-4:], 16)
        for row in rows
        if int(row[1][-4:], 16) == port and (row[3] == ESTABLISHED or row[9] != NO_INODE)
    }


def main() -> int:
    port, seconds, each = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    cookie = sys.argv[4] if len(sys.argv) > 4 else ""
    chosen = sys.argv[5].split(",") if len(sys.argv) > 5 else None
    slow = [
        Slow(port, kind)
        for kind in kinds(cookie)
        if not chosen or kind.name in chosen
        for _ in range(each)
    ]
    print("ready", flush=True)
    watch(port, slow, time.monotonic() + seconds)
    print(json.dumps(told(slow)), flush=True)
    return 0


def watch(port: int, slow: list[Slow], until: float) -> None:
    step_at = time.monotonic()
    while time.monotonic() < until:
        held = held_by(port)
        still = [one for one in slow if one.is_open(held)]
        if not still:
            return
        if time.monotonic() >= step_at:
            step_at += 1.0
            for one in still:
                one.step()
        time.sleep(0.2)


def told(slow: list[Slow]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for one in slow:
        row = found.setdefault(
            one.kind.name, {"opened": 0, "closed": 0, "limit_s": one.kind.limit_s, "last_s": 0.0}
        )
        row["opened"] += 1
        row["closed"] += one.closed_after is not None
        row["last_s"] = max(row["last_s"], round(one.closed_after or 0.0, 1))
    return found


if __name__ == "__main__":
    sys.exit(main())
