"""The soak's client, a process of its own: it calls at a steady rate and writes down at once what it was answered.

`python -m tests.soak.client <port> <seconds> <calls a second> <requests.json> <log>`; requests.json: {label: request text}
and the shares in which they are sent. A line of the log: `label status request-id`. What never came back is counted, not
logged. Prints one JSON object: {"sent", "lost", "hung", "skipped", "statuses", "p50_ms", "p99_ms"}.
"""

import asyncio
import itertools
import json
import os
import sys
import time
from pathlib import Path

import uvloop

from bench.load import Client, Load

CONNECTIONS = 48  # below the gateway's bound for one address
TIMEOUT_S = 60.0


class Witness(Load):
    """`lost`: sent, and the connection ended without an answer. `hung`: no answer within a minute."""

    def __init__(self, port: int, requests: list[tuple[str, bytes]], log: int) -> None:
        super().__init__(port, b"")
        self.requests = itertools.cycle(requests)
        self.log = log
        self.sent = self.hung = 0

    async def one(self, client: Client) -> Client:
        if client.transport.is_closing():  # closed while idle, or the gateway was away
            client = await self._again()
        label, request = next(self.requests)
        self.sent += 1
        began = time.perf_counter()
        try:
            status, head = await asyncio.wait_for(client.ask(request), TIMEOUT_S)
        except TimeoutError:
            self.hung += 1
            client.transport.abort()
            return client
        except OSError:
            self.errors += 1
            return client
        self.latencies.append(time.perf_counter() - began)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        os.write(self.log, f"{label} {status} {request_id(head)}\n".encode())
        if b"connection: close" in head:
            client.transport.close()
        return client


def request_id(head: bytes) -> str:
    at = head.find(b"x-request-id: ")
    return head[at + 14 : at + 46].decode() if at >= 0 else "-"


def in_shares(requests: dict[str, str], shares: dict[str, int]) -> list[tuple[str, bytes]]:
    """One round: each label as often as its share says."""
    return [
        (label, requests[label].encode()) for label, share in shares.items() for _ in range(share)
    ]


async def main() -> None:
    port, seconds, rate, plan, path = sys.argv[1:6]
    told = json.loads(Path(plan).read_text())
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    witness = Witness(int(port), in_shares(told["requests"], told["shares"]), log)
    began = time.monotonic()
    await witness.steady(CONNECTIONS, float(seconds), float(rate))
    summary = witness.summary(time.monotonic() - began)
    print(
        json.dumps(
            summary | {"sent": witness.sent, "lost": summary.pop("errors"), "hung": witness.hung}
        )
    )


if __name__ == "__main__":
    uvloop.run(main())
