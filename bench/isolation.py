"""One tenant floods at ten times its limit: what does another one notice, and how exactly is the limit kept?

`.venv/bin/python -m bench.isolation [seconds]`. Two gateway workers, two models, two subscriptions. The quiet tenant's
p50 is taken alone and under the flood, in turn, several times. The last line is one JSON object: other_p50_ratio,
other_errors, accepted_error_pct (accepted calls against rate × seconds + burst).
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import ground

RATE, BURST = 100, 20
FLOOD = 10 * RATE
QUIET = 50
ROUNDS = 3


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with ground.ground() as folder:
        return compare(folder, seconds)


def compare(folder: Path, seconds: float) -> int:
    """Two tenants before one stub; nginx as the stub where there is one."""
    from tests import factories
    from tests.gateway import Gateway, Stub, free_port, live_version, subscriber

    stub_port = free_port()
    program = ground.nginx()
    if not program:
        print(
            "There is no nginx here (Debian: apt-get install nginx-light): the stub is Python and shares its time with the measurement."
        )
        return measure(folder, seconds, Stub().url, factories, Gateway, live_version, subscriber)
    with ground.nginx_pair(program, folder, stub_port, free_port()):
        return measure(
            folder,
            seconds,
            f"http://127.0.0.1:{stub_port}",
            factories,
            Gateway,
            live_version,
            subscriber,
        )


def measure(
    folder: Path, seconds: float, url: str, factories, Gateway, live_version, subscriber
) -> int:
    greedy = live_version(factories.model(name="Greedy"), url=url)
    quiet = live_version(factories.model(name="Quiet"), url=url)
    _, greedy_key = subscriber(greedy, rate_per_second=RATE, burst=BURST, concurrency=64)
    _, quiet_key = subscriber(quiet)
    with Gateway(folder / "gateway", workers=2) as gateway:
        flood = Tenant(folder, gateway.port, greedy.model.slug, greedy_key)
        other = Tenant(folder, gateway.port, quiet.model.slug, quiet_key)
        other.run(2, QUIET)
        alone, under_flood, floods = [], [], []
        for _ in range(ROUNDS):
            alone.append(other.run(seconds, QUIET))
            flooding = flood.start(seconds + 1, FLOOD)
            time.sleep(0.5)
            under_flood.append(other.run(seconds - 0.5, QUIET))
            floods.append(flood.result(flooding))
            time.sleep(1)
    return report(alone, under_flood, floods)


class Tenant:
    """One subscriber's load, as processes of the load generator."""

    def __init__(self, folder: Path, port: int, slug: str, key: str) -> None:
        self.port = port
        self.request = folder / f"request-{slug}"
        body = b'{"inputs":[{"name":"income","datatype":"FP32","shape":[1],"data":[1.0]}]}'
        head = f"POST /v2/models/{slug}/infer HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.request.write_bytes(head.encode() + body)

    def start(self, seconds: float, rate: float) -> subprocess.Popen:
        command = [
            sys.executable,
            "-m",
            "bench.load",
            str(self.port),
            "16",
            str(seconds),
            str(rate),
            str(self.request),
        ]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def result(process: subprocess.Popen) -> dict:
        return json.loads(process.communicate()[0])

    def run(self, seconds: float, rate: float) -> dict:
        return self.result(self.start(seconds, rate))


def report(alone: list[dict], under_flood: list[dict], floods: list[dict]) -> int:
    """The table and the last line."""
    p50_alone, p50_under_flood = (
        statistics.median(run["p50_ms"] for run in runs) for runs in (alone, under_flood)
    )
    errors = sum(
        run["errors"] + run["calls"] - run["statuses"].get("200", 0) for run in under_flood
    )
    accepted = [(run["statuses"].get("200", 0), RATE * run["seconds"] + BURST) for run in floods]
    error = statistics.median(100 * (got / allowed - 1) for got, allowed in accepted)
    figures = {
        "other_p50_ratio": round(p50_under_flood / p50_alone, 3),
        "other_errors": errors,
        "accepted_error_pct": round(error, 2),
        "other_p50_alone_ms": round(p50_alone, 3),
        "other_p50_beside_ms": round(p50_under_flood, 3),
        "flood_calls": sum(run["calls"] for run in floods),
        "flood_refused": sum(run["statuses"].get("429", 0) for run in floods),
    }
    ground.table(
        f"bench.isolation: a tenant with {RATE} calls a second sends {FLOOD}; another sends {QUIET}",
        [
            ("the other's p50 alone", f"{p50_alone:8.3f} ms"),
            (
                "the other's p50 beside the flood",
                f"{p50_under_flood:8.3f} ms   = {figures['other_p50_ratio']} × (goal ≤ 1.2)",
            ),
            ("the other's errors", f"{errors:8d}      (goal 0)"),
            ("accepted against the limit", f"{error:+8.2f} %    (goal ± 1)"),
            (
                "flood: calls and refusals",
                f"{figures['flood_calls']:8d}      {figures['flood_refused']} refused",
            ),
        ],
    )
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
