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
class Door:
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
    """Set the doors up, measure them in turn, print."""
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
            hop = Door("nginx hop", hop_port, {"worker": hop_pid})
            own = Door(
                "gateway", gateway.port, {"worker": children["0"], "shipping": children["shipping"]}
            )
            drive = Driver(folder, path, key)
            costs, steady = measure(drive, seconds, hop, own)
        return tell(costs, steady, hop, own, beside(folder, seconds, stub_port, path, key))


def measure(
    drive: "Driver", seconds: float, hop: Door, own: Door
) -> tuple[dict[str, list[Cost]], dict[str, list[dict]]]:
    """Rounds in turn, so that both doors meet the same minutes of the machine: costs flat out, latencies at a fixed rate."""
    for door in (hop, own):
        drive.flat_out(door, 1.0)
    costs: dict[str, list[Cost]] = {hop.name: [], own.name: []}
    for _ in range(ROUNDS):
        for door in (hop, own):
            costs[door.name].append(drive.flat_out(door, seconds))
    time.sleep(2)
    steady: dict[str, list[dict]] = {door.name: [] for door in (hop, own)}
    for _ in range(ROUNDS):
        for door in (hop, own):
            steady[door.name].append(drive.steady(door, max(3.0, seconds / 2), 200))
    return costs, steady


def beside(folder: Path, seconds: float, stub_port: int, path: str, key: str) -> dict[str, float]:
    """{name: CPU microseconds per call} of the peers that are installed; what fails calls, or hardly answers any, is not compared."""
    found = {}
    for peer in peers.installed():
        try:
            with peers.running(peer, folder, stub_port, path, key) as (port, pid, its_key):
                drive = Driver(folder, path, its_key)
                door = Door(peer.name, port, {"worker": pid})
                drive.flat_out(door, PEER_WARM_S)
                costs = [drive.flat_out(door, max(seconds, PEER_S)) for _ in range(ROUNDS)]
        except TimeoutError as reason:
            print(f"{peer.name} does not start here: {reason}")
            continue
        if any(cost.bad or cost.cpu_us["worker"] * cost.calls < LEAST_CPU_US for cost in costs):
            told = ", ".join(f"{cost.calls} calls, {cost.bad} of them bad" for cost in costs)
            print(f"{peer.name} did not answer as it should, so it is not compared: {told}.")
            continue
        found[peer.name] = round(statistics.median(cost.cpu_us["worker"] for cost in costs), 1)
    return found


class Driver:
    """Sends the same request to any door: wrk where there is one, else our own client."""

    def __init__(self, folder: Path, path: str, key: str) -> None:
        self.path = path
        self.wrk = ground.wrk()
        self.script = folder / "wrk.lua"
        self.script.write_text(WRK_SCRIPT % (BODY.decode(), key))
        self.request = folder / "request"
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Bearer {key}\r\n"
        self.request.write_bytes(head.encode() + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)

    def flat_out(self, door: Door, seconds: float) -> Cost:
        """As many calls as CONNECTIONS connections get through."""
        before = {name: ground.cpu_seconds(pid) for name, pid in door.pids.items()}
        calls, took, bad = self._wrk(door, seconds) if self.wrk else self._own(door, seconds)
        time.sleep(1.0 if "shipping" in door.pids else 0)
        cpu = {
            name: (ground.cpu_seconds(pid) - before[name]) / max(1, calls) * 1e6
            for name, pid in door.pids.items()
        }
        return Cost(calls, took, cpu, bad)

    def steady(self, door: Door, seconds: float, rate: float) -> dict:
        """A fixed rate, for latency."""
        return self._client(door, 8, seconds, rate)

    def _wrk(self, door: Door, seconds: float) -> tuple[int, float, int]:
        url = f"http://127.0.0.1:{door.port}{self.path}"
        words = [
            self.wrk,
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{max(1, round(seconds))}s",
            "-s",
            str(self.script),
            url,
        ]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        line = next(line for line in said.splitlines() if "requests in" in line).split()
        bad = sum(int(line.split()[-1]) for line in said.splitlines() if "Non-2xx" in line)
        return int(line[0]), float(line[3].rstrip("s,")), bad

    def _own(self, door: Door, seconds: float) -> tuple[int, float, int]:
        said = self._client(door, CONNECTIONS, seconds, 0)
        return said["calls"], said["seconds"], said["calls"] - said["statuses"].get("200", 0)

    def _client(self, door: Door, connections: int, seconds: float, rate: float) -> dict:
        words = [
            sys.executable,
            "-m",
            "bench.load",
            str(door.port),
            str(connections),
            str(seconds),
            str(rate),
            str(self.request),
        ]
        return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def tell(
    costs: dict[str, list[Cost]],
    steady: dict[str, list[dict]],
    hop: Door,
    own: Door,
    others: dict[str, float],
) -> int:
    """The table and the last line."""
    hop_us, own_us, shipping_us = (
        _cpu(costs, hop, "worker"),
        _cpu(costs, own, "worker"),
        _cpu(costs, own, "shipping"),
    )
    hop_p50, own_p50 = ([run["p50_ms"] for run in steady[door.name]] for door in (hop, own))
    ratios = [ours / theirs for ours, theirs in zip(own_us, hop_us, strict=True)]
    added = [ours - theirs for ours, theirs in zip(own_p50, hop_p50, strict=True)]
    median = statistics.median
    together = round((median(own_us) + median(shipping_us)) / median(hop_us), 2)
    facts = {
        "cpu_ratio_to_hop": round(median(ratios), 2),
        "rps_per_core": round(1e6 / median(own_us)),
        "added_p50_ms": round(median(added), 3),
        "cpu_ratio_to_hop_spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "added_p50_ms_spread": [round(min(added), 3), round(max(added), 3)],
        "cpu_us_hop": round(median(hop_us), 1),
        "cpu_us_gateway": round(median(own_us), 1),
        "cpu_us_shipping": round(median(shipping_us), 1),
        "cpu_ratio_with_shipping": together,
        "wall_rps_one_worker": round(max(cost.calls / cost.seconds for cost in costs[own.name])),
        "not_200": sum(cost.bad for runs in costs.values() for cost in runs),
        "peers": others,
    }
    ground.table(
        "bench.gateway: one worker, all duties on, against an nginx hop before the same stub",
        [
            _measured("CPU per request, nginx hop", hop_us, "µs", 1),
            _measured("CPU per request, gateway worker", own_us, "µs", 1),
            _measured("CPU ratio of the gateway to the hop", ratios, "× ", 2, "goal ≤ 4"),
            _measured(
                "CPU per request, shipping", shipping_us, "µs", 1, f"together {together} × the hop"
            ),
            (
                "requests a second per core",
                f"{facts['rps_per_core']:7d}      by CPU time (goal ≥ 6 000)",
            ),
            (
                "requests a second, wall clock",
                f"{facts['wall_rps_one_worker']:7d}      load, stub and gateway share this machine",
            ),
            _measured("p50 at 200 a second, hop", hop_p50, "ms", 3),
            _measured("p50 at 200 a second, gateway", own_p50, "ms", 3),
            _measured("p50 added by the gateway", added, "ms", 3, "goal ≤ 0.4"),
            ("answers other than 200", f"{facts['not_200']:7d}"),
            *(
                _beside(peer, others[peer.name], median(own_us))
                for peer in peers.PEERS
                if peer.name in others
            ),
        ],
    )
    print(json.dumps(facts))
    return 0


def _cpu(costs: dict[str, list[Cost]], door: Door, process: str) -> list[float]:
    return [cost.cpu_us[process] for cost in costs[door.name]]


def _measured(
    name: str, values: list[float], unit: str, digits: int, said: str = ""
) -> tuple[str, str]:
    """A row: the median of all rounds, the least and the most."""
    return (
        name,
        f"{statistics.median(values):7.{digits}f} {unit}   {spread(values, digits)}   {said}",
    )


def _beside(peer: peers.Peer, cpu_us: float, own_us: float) -> tuple[str, str]:
    return (
        f"CPU per request, {peer.name}",
        f"{cpu_us:7.0f} µs   = {cpu_us / own_us:.1f} × ours (goal ≥ {peer.goal})",
    )


def spread(values: list[float], digits: int) -> str:
    """The least and the most of all rounds."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
