"""A burst on a real gateway (docs/reliability.md, F21): ten times the connections that keep one worker busy, and what is left of it.

`.venv/bin/python -m bench.burst [seconds]`. The worker has a core for itself; load, nginx as the model, stores and shipping
share the other one. So what is counted is what the gateway can do, not what the load leaves of it.

Three kinds of callers: *busy* ones, who wait for no one's answer but their own and ask again at once; those of a test
application, likewise; and a *quiet* tenant within its limits, 50 calls a second on another model. Rounds in turn:

    at 1×     50 busy connections
    burst     250 busy connections and 250 of the test application, all within the terms of their plans
    hammer    50 busy connections, and 450 of a tenant who is far above the rate of its plan: its refusals are the burst

Goodput is answers with 200, of all callers, for each second of the worker's CPU: what is left at its core is left by the
load, at 1× more than in the burst, so a second of wall time would flatter the gateway; it is told too.
The last line is one JSON object: goodput_ratio and hammer_goodput_ratio (to 1×, medians of neighbouring rounds),
quiet_error_pct, quiet_p99_ratio, back_to_normal_s.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import ground
from bench.gateway import BODY, WRK_SCRIPT, spread

AT_ONE, TIMES = 50, 10
QUIET_RATE = 50
HAMMER_RATE = 500
ROUNDS = 3


@dataclass
class Seen:
    """What one phase came to: answers and refusals a second, CPU microseconds of the worker per answer, the quiet tenant."""

    answered: float
    cpu_us: float
    refused: dict[str, float]
    lag_ms: float
    quiet: dict


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 6.0
    program, wrk = ground.nginx(), ground.wrk()
    if not program or not wrk:
        print(
            "nginx and wrk are not installed here and cannot be: skipped. As root on Debian this installs them by itself."
        )
        print(json.dumps({"skipped": "no nginx or no wrk"}))
        return 0
    with others_core(), ground.ground() as folder:
        return print_report(*measure(folder, program, wrk, seconds))


@contextmanager
def others_core() -> Iterator[None]:
    """This process and all that it starts leave the first core to the worker, where there are two."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before - {min(before)} or before)
    yield
    os.sched_setaffinity(0, before)


def give_core(pid: int) -> None:
    """The first core, for all threads of a process."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {min(os.sched_getaffinity(1))})


@dataclass
class Caller:
    """Somebody with a key for a model."""

    slug: str
    key: str


class Stand:
    """The gateway, who calls it, and the meters."""

    def __init__(self, folder: Path, wrk: str, gateway, seconds: float, quiet: Caller) -> None:
        self.folder, self.wrk, self.gateway, self.seconds, self.quiet = (
            folder,
            wrk,
            gateway,
            seconds,
            quiet,
        )
        self.pid = gateway.children()["0"]
        give_core(self.pid)

    def phase(self, *loads: tuple[Caller, int]) -> Seen:
        """These callers on so many connections each, and the quiet one beside them."""
        time.sleep(1.2)  # the worker tells its numbers once a second
        cpu, before = ground.cpu_seconds(self.pid), self._numbers()
        running = [self._flat_out(caller, connections) for caller, connections in loads]
        quiet = self._steady()
        time.sleep(self.seconds * 0.7)
        lag_ms = self.gateway.count("event_loop_lag_seconds") * 1e3
        for process in running:
            process.communicate()
        heard = json.loads(quiet.communicate()[0])
        cpu = ground.cpu_seconds(self.pid) - cpu
        time.sleep(1.2)
        change = {
            name: round((count - before[name]) / self.seconds, 1)
            for name, count in self._numbers().items()
        }
        answered = change.pop("answered")
        return Seen(answered, cpu / answered / self.seconds * 1e6, change, lag_ms, heard)

    def _numbers(self) -> dict[str, float]:
        count = self.gateway.count
        refused = {
            limit: count(f"refused_{limit}_total")
            for limit in ("rate", "concurrency", "upstream", "load")
        }
        return {"answered": count("answers_total", status="200"), **refused}

    def _flat_out(self, caller: Caller, connections: int) -> subprocess.Popen:
        script = self.folder / f"{caller.slug}-{caller.key[4:12]}.lua"
        script.write_text(WRK_SCRIPT % (BODY.decode(), caller.key))
        url = f"http://127.0.0.1:{self.gateway.port}/v2/models/{caller.slug}/infer"
        words = [
            self.wrk,
            "-t1",
            f"-c{connections}",
            f"-d{round(self.seconds)}s",
            "-s",
            str(script),
            url,
        ]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def _steady(self) -> subprocess.Popen:
        request = self.folder / "quiet"
        head = f"POST /v2/models/{self.quiet.slug}/infer HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.quiet.key}\r\n"
        request.write_bytes(head.encode() + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        words = [
            sys.executable,
            "-m",
            "bench.load",
            self.gateway.port,
            8,
            self.seconds,
            QUIET_RATE,
            request,
        ]
        return subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True)

    def back_to_normal_s(self) -> float:
        """Seconds until nobody waits for a refusal any more and the lag is that of a quiet process."""
        began = time.monotonic()
        while (
            self.gateway.count("rejections_delayed")
            or self.gateway.count("event_loop_lag_seconds") > 0.01
        ):
            time.sleep(0.1)
        return time.monotonic() - began


def measure(
    folder: Path, program: str, wrk: str, seconds: float
) -> tuple[dict[str, list[Seen]], list[float]]:
    """All rounds of the three phases, and how long each burst took to be over."""
    from tests import factories
    from tests.gateway import Gateway, free_port, live_version, subscriber

    stub = free_port()
    with ground.nginx_pair(program, folder, stub, free_port()):
        url = f"http://127.0.0.1:{stub}"
        version, other = (
            live_version(factories.model(name="Busy"), url=url),
            live_version(factories.model(name="Quiet"), url=url),
        )

        def caller(of, app: str, **terms) -> Caller:
            return Caller(of.model.slug, subscriber(of, app, **terms)[1])

        wide = {"rate_per_second": 1_000_000, "burst": 1_000_000}
        busy, hasty = (
            caller(version, "Busy", **wide),
            caller(version, "Hasty", rate_per_second=HAMMER_RATE, burst=HAMMER_RATE),
        )
        trying, quiet = (
            caller(version, "Trying", environment="test", **wide),
            caller(other, "Quiet", rate_per_second=2 * QUIET_RATE),
        )
        with Gateway(folder / "gateway", workers=1, connections_per_address=2000) as gateway:
            stand = Stand(folder, wrk, gateway, seconds, quiet)
            stand.phase((busy, AT_ONE))  # warm
            return rounds(stand, busy, trying, hasty)


def rounds(
    stand: Stand, busy: Caller, trying: Caller, hasty: Caller
) -> tuple[dict[str, list[Seen]], list[float]]:
    seen: dict[str, list[Seen]] = {"at 1×": [], "burst": [], "hammer": []}
    over = []
    half = AT_ONE * TIMES // 2
    for _ in range(ROUNDS):
        seen["at 1×"].append(stand.phase((busy, AT_ONE)))
        seen["burst"].append(stand.phase((busy, half), (trying, half)))
        over.append(stand.back_to_normal_s())
        seen["hammer"].append(stand.phase((busy, AT_ONE), (hasty, AT_ONE * (TIMES - 1))))
        over.append(stand.back_to_normal_s())
    return seen, over


def print_report(seen: dict[str, list[Seen]], over: list[float]) -> int:
    """The table and the last line."""

    def to_1(phase: str, of: Callable[[Seen], float]) -> list[float]:
        return [
            of(there) / of(alone) for there, alone in zip(seen[phase], seen["at 1×"], strict=True)
        ]

    def quiet_to_1(figure: str) -> list[float]:
        return [
            ratio
            for phase in ("burst", "hammer")
            for ratio in to_1(phase, lambda one: one.quiet[figure])
        ]

    median = statistics.median
    good, hammer = (to_1(phase, lambda one: 1 / one.cpu_us) for phase in ("burst", "hammer"))
    wall, hammer_wall = (to_1(phase, lambda one: one.answered) for phase in ("burst", "hammer"))
    p50, p99 = quiet_to_1("p50_ms"), quiet_to_1("p99_ms")
    facts = {
        "goodput_ratio": round(median(good), 3),
        "hammer_goodput_ratio": round(median(hammer), 3),
        "goodput_ratio_wall": round(median(wall), 3),
        "hammer_goodput_ratio_wall": round(median(hammer_wall), 3),
        "quiet_error_pct": round(errors_pct(seen["burst"] + seen["hammer"]), 3),
        "quiet_p50_ratio": round(median(p50), 2),
        "quiet_p99_ratio": round(median(p99), 2),
        "back_to_normal_s": round(max(over), 1),
        "phases": {name: [asdict(one) for one in runs] for name, runs in seen.items()},
    }
    ground.table(
        f"bench.burst: {AT_ONE * TIMES} connections where {AT_ONE} keep the worker busy",
        [
            *(row for name, runs in seen.items() for row in of_phase(name, runs)),
            (
                "goodput of the burst to 1×",
                f"{median(good):8.3f}     {spread(good, 3)}   goal ≥ 0.8; by wall {median(wall):.3f}",
            ),
            (
                "goodput beside refusals to 1×",
                f"{median(hammer):8.3f}     {spread(hammer, 3)}   goal ≥ 0.8; by wall {median(hammer_wall):.3f}",
            ),
            ("quiet tenant's errors", f"{facts['quiet_error_pct']:8.3f} %   goal ≤ 0.1"),
            ("quiet tenant's p50 to 1×", f"{median(p50):8.2f} ×   {spread(p50, 2)}"),
            ("quiet tenant's p99 to 1×", f"{median(p99):8.2f} ×   {spread(p99, 2)}   goal ≤ 2"),
            ("back to normal", f"{facts['back_to_normal_s']:8.1f} s   goal ≤ 10"),
        ],
    )
    print(json.dumps(facts))
    return 0


def of_phase(name: str, runs: list[Seen]) -> Iterator[tuple[str, str]]:
    """Rows of one phase."""
    median = statistics.median
    answered, cpu = [one.answered for one in runs], [one.cpu_us for one in runs]
    yield f"{name}: answers a second", f"{median(answered):8.0f}     {spread(answered, 0)}"
    yield f"{name}: worker's CPU per answer", f"{median(cpu):8.1f} µs  {spread(cpu, 1)}"
    yield f"{name}: quiet tenant's p99", f"{median(one.quiet['p99_ms'] for one in runs):8.1f} ms"


def errors_pct(runs: list[Seen]) -> float:
    """Of the quiet tenant's calls: those that were not answered with 200."""
    asked = sum(one.quiet["calls"] + one.quiet["errors"] for one in runs)
    return 100 * (asked - sum(one.quiet["statuses"].get("200", 0) for one in runs)) / max(1, asked)


if __name__ == "__main__":
    sys.exit(main())
