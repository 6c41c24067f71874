"""The portal beset by slow clients (docs/reliability.md, F13): `.venv/bin/python -m bench.portal [seconds]`

A portal as it is shipped, front and web process, with the demo's limits. Two people read pages, first in peace, then while 500
sockets drip headers and 500 drip bodies, all from the address that the two have too; then while each other kind of slow client is
there with 50 sockets (silent, half closed, chunks, large bodies, uploads, answers that nobody reads).

Told for each: p50 and p95 of a page in ms, errors, memory of front and web in MiB, and by when the last slow socket was closed
beside its limit. The last line is one JSON object: p95_ratio (of a thousand slow sockets to peace), errors, late_sockets,
memory_growth_mib (of front and web, after the slow ones have gone).
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import ground

SECONDS, READERS = 12.0, 2
SLOW, OTHERS = 500, 50
PAGES = ("/", "/docs/problems/", "/models/", "/access/")
GRACE_S = 2.0
DRIPS = "header drip,body drip"
OTHER_KINDS = (
    "silent,body silent,chunk drip,expect,half-closed,idle,never reads,large body,upload drip"
)


@dataclass
class Reading:
    """What readers met: milliseconds of each page, and answers that were none."""

    ms: list[float] = field(default_factory=list)
    errors: int = 0

    def at(self, percent: int) -> float:
        return statistics.quantiles(self.ms, n=100)[percent - 1]


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with ground.ground() as folder:
        cookie = sign_in()
        with portal(folder) as (port, pids):
            read(port, cookie, 3.0)  # the first pages compile their templates
            return tell(port, pids, cookie, seconds)


def tell(port: int, pids: list[int], cookie: str, seconds: float) -> int:
    before = memory_mib(pids)
    peace = read(port, cookie, seconds)
    row("in peace", peace, pids)
    beset, closed = beset_by(port, cookie, seconds, SLOW, DRIPS)
    row(f"{SLOW} slow headers, {SLOW} slow bodies", beset, pids)
    others, closed_too = beset_by(port, cookie, seconds, OTHERS, OTHER_KINDS)
    row(f"{OTHERS} of each other kind", others, pids)
    late = tell_closed(closed | closed_too)
    result = {
        "p95_ratio": round(beset.at(95) / peace.at(95), 2),
        "others_p95_ratio": round(others.at(95) / peace.at(95), 2),
        "errors": peace.errors + beset.errors + others.errors,
        "late_sockets": late,
        "memory_growth_mib": round(memory_mib(pids) - before, 1),
    }
    print(json.dumps(result))
    return 0


def row(name: str, reading: Reading, pids: list[int]) -> None:
    print(
        f"{name:40} {len(reading.ms):5} pages  p50 {reading.at(50):6.1f} ms  p95 {reading.at(95):6.1f} ms  "
        f"{reading.errors} errors  {memory_mib(pids):.0f} MiB",
        flush=True,
    )


def tell_closed(closed: dict[str, dict[str, Any]]) -> int:
    """Print by when each kind was closed; returns how many were late, or never."""
    late = 0
    for kind, found in closed.items():
        is_late = found["closed"] < found["opened"] or found["last_s"] > found["limit_s"] + GRACE_S
        late += found["opened"] if is_late else 0
        print(
            f"  {kind:14} {found['closed']}/{found['opened']} closed, the last after {found['last_s']} s (limit {found['limit_s']:g} s)"
        )
    return late


def beset_by(
    port: int, cookie: str, seconds: float, each: int, kinds: str
) -> tuple[Reading, dict[str, dict[str, Any]]]:
    """Read pages while slow clients are there; what was met, and when the slow ones were closed."""
    argv = [sys.executable, "-m", "bench.slow", str(port), "45", str(each), cookie, kinds]
    slow = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert slow.stdout is not None and slow.stdout.readline() == "ready\n"
    reading = read(port, cookie, seconds)
    return reading, json.loads(slow.communicate(timeout=120)[0])


def read(port: int, cookie: str, seconds: float) -> Reading:
    """READERS people read one page after the other, each on a connection of its own."""
    reading, until = Reading(), time.monotonic() + seconds
    readers = [
        threading.Thread(target=_read, args=(port, cookie, until, reading)) for _ in range(READERS)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return reading


def _read(port: int, cookie: str, until: float, reading: Reading) -> None:
    while time.monotonic() < until:
        for path in PAGES:
            began = time.monotonic()
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            try:
                line.request("GET", path, headers={"Cookie": f"sessionid={cookie}"})
                reading.errors += line.getresponse().status != 200
            except (OSError, http.client.HTTPException):
                reading.errors += 1
            finally:
                line.close()
            reading.ms.append((time.monotonic() - began) * 1000)


def sign_in() -> str:
    """The cookie of a person on a team, with a few models to look at."""
    from django.test import Client

    from tests import factories

    for number in range(20):
        factories.model(name=f"Model {number}")
    browser = Client()
    browser.force_login(factories.alice())
    return browser.cookies["sessionid"].value


@contextmanager
def portal(folder: Path) -> Iterator[tuple[int, list[int]]]:
    """Front and web process as the demo starts them: (port, their pids)."""
    from marketplace.launcher import process_definitions
    from marketplace.launcher.ports import choose
    from marketplace.launcher.rundir import RunDir
    from marketplace.launcher.status import Status
    from marketplace.launcher.supervisor import Supervisor

    run, port = RunDir(folder / "run"), choose(28000)
    supervisor = Supervisor(run, Status(run), {**os.environ, "RUN_DIR": str(run.path)})
    try:
        supervisor.start(process_definitions.front(port))
        supervisor.start(process_definitions.web(run))
        supervisor.until_ready()
        yield port, [running.child.pid for running in supervisor.programs.values() if running.child]
    finally:
        supervisor.stop()


def memory_mib(pids: list[int]) -> float:
    """Resident memory of these processes together."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    sys.exit(main())
