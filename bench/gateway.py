"""The gateway against an nginx hop, in one run: CPU per request, requests per second per core, added latency.

`.venv/bin/python -m bench.gateway [seconds]`. All duties are on: keys, policies, rate and quota leases, usage journal, shipping.
CPU is what the kernel booked on the process that answers (worker), and with the shipping process added.
Peers that `python -m bench.peers` has installed are measured after it, one at a time, before the same stub.
Ratios and differences are of neighbouring rounds, and of those the median; the table shows the least and the most too.
The last line is one JSON object: cpu_ratio_to_hop, rps_per_core, added_p50_ms, and what they were made from;
`peers` is {name: CPU microseconds per request}.
"""

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench import ground, peers

CONNECTIONS = 16
ROUNDS = 5
PEER_WARM_S = 4.0
PEER_S = 6.0
LEAST_CPU_US = 500_000  # of a round; below, the kernel's tick of 10 ms is too large a part
BODY = b'{"inputs":[{"name":"income","datatype":"FP32","shape":[1],"data":[4000.0]},{"name":"debt","datatype":"FP32","shape":[1],"data":[300.0]}]}'
WRK_SCRIPT = """
wrk.method = "POST"
wrk.body = [[%s]]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer %s"
"""


@dataclass
class Endpoint:
    """Something that answers on a port; `pids`: whose CPU to count."""

    name: str
    port: int
    pids: dict[str, int]


@dataclass
class Cost:
    """Of one round: calls, seconds of wall time, CPU microseconds per call by process."""

    calls: int
    seconds: float
    cpu_us: dict[str, float]
    bad: int


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    with ground.ground() as folder:
        return compare(folder, seconds)


def compare(folder: Path, seconds: float) -> int:
    """Set the endpoints up, measure them in turn, print."""
    from tests.gateway import Gateway, free_port, live_version, subscriber

    program = ground.nginx()
    if not program:
        print(
            "There is no nginx here to compare with. Install it (Debian: apt-get install nginx-light) or run this as root on Debian."
        )
        print(json.dumps({"skipped": "no nginx"}))
        return 1
    if not ground.wrk():
        print(
            "There is no wrk here (Debian: apt-get install wrk): our own client asks, and takes more of the machine."
        )
    stub_port, hop_port = free_port(), free_port()
    with ground.nginx_pair(program, folder, stub_port, hop_port) as (_, hop_pid):
        version = live_version(url=f"http://127.0.0.1:{stub_port}")
        _, key = subscriber(
            version,
            rate_per_second=1_000_000,
            burst=1_000_000,
            concurrency=1000,
            monthly_quota=10**11,
        )
        with Gateway(folder / "gateway", workers=1) as gateway:
            children = gateway.children()
            path = f"/v2/models/{version.model.slug}/infer"
            hop = Endpoint("nginx hop", hop_port, {"worker": hop_pid})
            gateway_endpoint = Endpoint(
                "gateway", gateway.port, {"worker": children["0"], "shipping": children["shipping"]}
            )
            drive = Driver(folder, path, key)
            costs, steady = measure(drive, seconds, hop, gateway_endpoint)
        return report(
            costs,
            steady,
            hop,
            gateway_endpoint,
            measure_peers(folder, seconds, stub_port, path, key),
        )


def measure(
    drive: "Driver", seconds: float, hop: Endpoint, gateway_endpoint: Endpoint
) -> tuple[dict[str, list[Cost]], dict[str, list[dict]]]:
    """Rounds in turn, so that both endpoints meet the same minutes of the machine: costs flat out, latencies at a fixed rate."""
    for endpoint in (hop, gateway_endpoint):
        drive.flat_out(endpoint, 1.0)
    costs: dict[str, list[Cost]] = {hop.name: [], gateway_endpoint.name: []}
    for _ in range(ROUNDS):
        for endpoint in (hop, gateway_endpoint):
            costs[endpoint.name].append(drive.flat_out(endpoint, seconds))
    time.sleep(2)
    steady: dict[str, list[dict]] = {endpoint.name: [] for endpoint in (hop, gateway_endpoint)}
    for _ in range(ROUNDS):
        for endpoint in (hop, gateway_endpoint):
            steady[endpoint.name].append(drive.steady(endpoint, max(3.0, seconds / 2), 200))
    return costs, steady


def measure_peers(
    folder: Path, seconds: float, stub_port: int, path: str, key: str
) -> dict[str, float]:
    """{name: CPU microseconds per call} of the peers that are installed; what fails calls, or hardly answers any, is not compared."""
    cpu_by_peer = {}
    for peer in peers.installed():
        try:
            with peers.running(peer, folder, stub_port, path, key) as (port, pid, its_key):
                drive = Driver(folder, path, its_key)
                endpoint = Endpoint(peer.name, port, {"worker": pid})
                drive.flat_out(endpoint, PEER_WARM_S)
                costs = [drive.flat_out(endpoint, max(seconds, PEER_S)) for _ in range(ROUNDS)]
        except TimeoutError as reason:
            print(f"{peer.name} does not start here: {reason}")
            continue
        if any(cost.bad or cost.cpu_us["worker"] * cost.calls < LEAST_CPU_US for cost in costs):
            summary = ", ".join(f"{cost.calls} calls, {cost.bad} of them bad" for cost in costs)
            print(f"{peer.name} did not answer as it should, so it is not compared: {summary}.")
            continue
        cpu_by_peer[peer.name] = round(
            statistics.median(cost.cpu_us["worker"] for cost in costs), 1
        )
    return cpu_by_peer


class Driver:
    """Sends the same request to any endpoint: wrk where there is one, else our own client."""

    def __init__(self, folder: Path, path: str, key: str) -> None:
        self.path = path
        self.wrk = ground.wrk()
        self.script = folder / "wrk.lua"
        self.script.write_text(WRK_SCRIPT % (BODY.decode(), key))
        self.request = folder / "request"
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Bearer {key}\r\n"
        self.request.write_bytes(head.encode() + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)

    def flat_out(self, endpoint: Endpoint, seconds: float) -> Cost:
        """As many calls as CONNECTIONS connections get through."""
        before = {name: ground.cpu_seconds(pid) for name, pid in endpoint.pids.items()}
        calls, duration_s, bad = (
            self._wrk(endpoint, seconds) if self.wrk else self._own(endpoint, seconds)
        )
        time.sleep(1.0 if "shipping" in endpoint.pids else 0)
        cpu = {
            name: (ground.cpu_seconds(pid) - before[name]) / max(1, calls) * 1e6
            for name, pid in endpoint.pids.items()
        }
        return Cost(calls, duration_s, cpu, bad)

    def steady(self, endpoint: Endpoint, seconds: float, rate: float) -> dict:
        """A fixed rate, for latency."""
        return self._client(endpoint, 8, seconds, rate)

    def _wrk(self, endpoint: Endpoint, seconds: float) -> tuple[int, float, int]:
        url = f"http://127.0.0.1:{endpoint.port}{self.path}"
        command = [
            self.wrk,
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{max(1, round(seconds))}s",
            "-s",
            str(self.script),
            url,
        ]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        line = next(line for line in output.splitlines() if "requests in" in line).split()
        bad = sum(int(line.split()[-1]) for line in output.splitlines() if "Non-2xx" in line)
        return int(line[0]), float(line[3].rstrip("s,")), bad

    def _own(self, endpoint: Endpoint, seconds: float) -> tuple[int, float, int]:
        output = self._client(endpoint, CONNECTIONS, seconds, 0)
        return (
            output["calls"],
            output["seconds"],
            output["calls"] - output["statuses"].get("200", 0),
        )

    def _client(self, endpoint: Endpoint, connections: int, seconds: float, rate: float) -> dict:
        command = [
            sys.executable,
            "-m",
            "bench.load",
            str(endpoint.port),
            str(connections),
            str(seconds),
            str(rate),
            str(self.request),
        ]
        return json.loads(
            subprocess.run(command, capture_output=True, text=True, check=True).stdout
        )


def report(
    costs: dict[str, list[Cost]],
    steady: dict[str, list[dict]],
    hop: Endpoint,
    gateway_endpoint: Endpoint,
    peer_us: dict[str, float],
) -> int:
    """The table and the last line."""
    hop_us, gateway_us, shipping_us = (
        _cpu(costs, hop, "worker"),
        _cpu(costs, gateway_endpoint, "worker"),
        _cpu(costs, gateway_endpoint, "shipping"),
    )
    hop_p50, gateway_p50 = (
        [run["p50_ms"] for run in steady[endpoint.name]] for endpoint in (hop, gateway_endpoint)
    )
    ratios = [of_gateway / of_hop for of_gateway, of_hop in zip(gateway_us, hop_us, strict=True)]
    added = [of_gateway - of_hop for of_gateway, of_hop in zip(gateway_p50, hop_p50, strict=True)]
    median = statistics.median
    together = round((median(gateway_us) + median(shipping_us)) / median(hop_us), 2)
    figures = {
        "cpu_ratio_to_hop": round(median(ratios), 2),
        "rps_per_core": round(1e6 / median(gateway_us)),
        "added_p50_ms": round(median(added), 3),
        "cpu_ratio_to_hop_spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "added_p50_ms_spread": [round(min(added), 3), round(max(added), 3)],
        "cpu_us_hop": round(median(hop_us), 1),
        "cpu_us_gateway": round(median(gateway_us), 1),
        "cpu_us_shipping": round(median(shipping_us), 1),
        "cpu_ratio_with_shipping": together,
        "wall_rps_one_worker": round(
            max(cost.calls / cost.seconds for cost in costs[gateway_endpoint.name])
        ),
        "not_200": sum(cost.bad for runs in costs.values() for cost in runs),
        "peers": peer_us,
    }
    ground.table(
        "bench.gateway: one worker, all duties on, against an nginx hop before the same stub",
        [
            _row("CPU per request, nginx hop", hop_us, "µs", 1),
            _row("CPU per request, gateway worker", gateway_us, "µs", 1),
            _row("CPU ratio of the gateway to the hop", ratios, "× ", 2, "goal ≤ 4"),
            _row(
                "CPU per request, shipping", shipping_us, "µs", 1, f"together {together} × the hop"
            ),
            (
                "requests a second per core",
                f"{figures['rps_per_core']:7d}      by CPU time (goal ≥ 6 000)",
            ),
            (
                "requests a second, wall clock",
                f"{figures['wall_rps_one_worker']:7d}      load, stub and gateway share this machine",
            ),
            _row("p50 at 200 a second, hop", hop_p50, "ms", 3),
            _row("p50 at 200 a second, gateway", gateway_p50, "ms", 3),
            _row("p50 added by the gateway", added, "ms", 3, "goal ≤ 0.4"),
            ("answers other than 200", f"{figures['not_200']:7d}"),
            *(
                _peer_row(peer, peer_us[peer.name], median(gateway_us))
                for peer in peers.PEERS
                if peer.name in peer_us
            ),
        ],
    )
    print(json.dumps(figures))
    return 0


def _cpu(costs: dict[str, list[Cost]], endpoint: Endpoint, process: str) -> list[float]:
    return [cost.cpu_us[process] for cost in costs[endpoint.name]]


def _row(
    name: str, values: list[float], unit: str, digits: int, output: str = ""
) -> tuple[str, str]:
    """A row: the median of all rounds, the least and the most."""
    return (
        name,
        f"{statistics.median(values):7.{digits}f} {unit}   {spread(values, digits)}   {output}",
    )


def _peer_row(peer: peers.Peer, cpu_us: float, gateway_us: float) -> tuple[str, str]:
    return (
        f"CPU per request, {peer.name}",
        f"{cpu_us:7.0f} µs   = {cpu_us / gateway_us:.1f} × ours (goal ≥ {peer.goal})",
    )


def spread(values: list[float], digits: int) -> str:
    """The least and the most of all rounds."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
