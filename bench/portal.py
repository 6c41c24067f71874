"""The portal beset by slow clients (docs/reliability.md, F13): `.venv/bin/python -m bench.portal [seconds]`

A portal as it is shipped, front and web process, with the demo's limits. Two people read pages, first while it is quiet, then while
500 sockets drip headers and 500 drip bodies, all from the address that the two have too; then while each other kind of slow client
is there with 50 sockets (silent, half closed, chunks, large bodies, uploads, answers that nobody reads or reads too slowly). Both
kinds of load run three times: memory that the first rounds add and the last does not is a plateau, the rest a leak.

Printed for each: p50 and p95 of a page in ms, errors, memory of front and web in MiB, and by when the last slow socket was closed
beside its limit. The last line is one JSON object: p95_ratio (of a thousand slow sockets to quiet; the worse round), errors,
late_sockets, memory_mib ({process: [before, after each round]}), memory_growth_mib (in the last round, after the slow ones have gone).
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
    "silent,body silent,chunk drip,expect,half-closed,idle,never reads a page,never reads,"
    "reads a byte a second,reads too slowly,large body,upload drip"
)
ROUNDS = 3
Processes = dict[str, int]  # name: process id


@dataclass
class Reading:
    """Milliseconds of each page that was read, and how many requests failed."""

    ms: list[float] = field(default_factory=list)
    errors: int = 0

    def at(self, percent: int) -> float:
        return statistics.quantiles(self.ms, n=100)[percent - 1]


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with ground.ground() as folder:
        cookie = sign_in()
        with portal(folder) as (port, processes):
            read(port, cookie, 3.0)  # the first pages compile their templates
            return measure(port, processes, cookie, seconds)


def measure(port: int, processes: Processes, cookie: str, seconds: float) -> int:
    memory = [memory_mib(processes)]
    quiet = read(port, cookie, seconds)
    print_row("quiet", quiet, processes)
    drips, others, late = [], [], 0
    for _ in range(ROUNDS):
        reading, closed = beset_by(port, cookie, seconds, SLOW, DRIPS)
        print_row(f"{SLOW} slow headers, {SLOW} slow bodies", reading, processes)
        drips.append(reading)
        reading, others_closed = beset_by(port, cookie, seconds, OTHERS, OTHER_KINDS)
        print_row(f"{OTHERS} of each other kind", reading, processes)
        others.append(reading)
        late += print_closed(closed | others_closed)
        memory.append(memory_mib(processes))
    result = {
        "p95_ratio": worst_ratio(drips, quiet),
        "others_p95_ratio": worst_ratio(others, quiet),
        "errors": sum(reading.errors for reading in [quiet, *drips, *others]),
        "late_sockets": late,
        "memory_mib": {name: [round(point[name]) for point in memory] for name in processes},
        "memory_growth_mib": round(sum(memory[-1].values()) - sum(memory[-2].values()), 1),
    }
    print(json.dumps(result))
    return 0


def worst_ratio(readings: list[Reading], quiet: Reading) -> float:
    """The p95 of the slowest of `readings`, as a multiple of the quiet one."""
    return round(max(reading.at(95) for reading in readings) / quiet.at(95), 2)


def print_row(name: str, reading: Reading, processes: Processes) -> None:
    memory = ", ".join(f"{key} {mib:.0f} MiB" for key, mib in memory_mib(processes).items())
    print(
        f"{name:40} {len(reading.ms):5} pages  p50 {reading.at(50):6.1f} ms  p95 {reading.at(95):6.1f} ms  "
        f"{reading.errors} errors  {memory}",
        flush=True,
    )


def print_closed(closed: dict[str, dict[str, Any]]) -> int:
    """Print by when each kind was closed; returns how many sockets were late, or never closed."""
    late = 0
    for kind, row in closed.items():
        is_late = row["closed"] < row["opened"] or row["last_s"] > row["limit_s"] + GRACE_S
        late += row["opened"] if is_late else 0
        print(
            f"  {kind:22} {row['closed']}/{row['opened']} closed, the last after {row['last_s']} s (limit {row['limit_s']:g} s)"
        )
    return late


def beset_by(
    port: int, cookie: str, seconds: float, each: int, kinds: str
) -> tuple[Reading, dict[str, dict[str, Any]]]:
    """Read pages while slow clients are connected; returns the reading, and when the slow ones were closed."""
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
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            try:
                connection.request("GET", path, headers={"Cookie": f"sessionid={cookie}"})
                reading.errors += connection.getresponse().status != 200
            except (OSError, http.client.HTTPException):
                reading.errors += 1
            finally:
                connection.close()
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
def portal(folder: Path) -> Iterator[tuple[int, Processes]]:
    """Front and web process as the demo starts them: (port, their process ids)."""
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
        programs = supervisor.programs.items()
        yield port, {name: running.child.pid for name, running in programs if running.child}
    finally:
        supervisor.stop()


def memory_mib(processes: Processes) -> dict[str, float]:
    """Resident memory of each process."""
    page_mib = os.sysconf("SC_PAGE_SIZE") / 2**20
    return {
        name: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page_mib
        for name, pid in processes.items()
    }


if __name__ == "__main__":
    sys.exit(main())
