"""Does work grow with what changes, or with what exists? The same measurements at 100, 1 000 and 10 000 listings.

`.venv/bin/python -m bench.scale [--sizes 100,1000,10000] [--pages]`, with `--pages` only the pages, in half of the time. Each size is a company of its own (bench/scale_data.py): a listing has
three versions in all states, there are always 1 000 teams, 10 000 keys and 240 000 hours of usage. Measured are, on an otherwise idle
machine: the processor that an idle gateway process takes, a call's p50 and p99 through it, pages (p95, in this process, without
the network), every periodic task when nothing changed, and memory. Shown as they are and as ratios to the smallest size.
The last line is one JSON object with the worst of each: gateway_p50_ratio, gateway_idle_percent, page_ratio (search apart), task_s.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import ground, scale_data, scale_pages

SIZES = (100, 1_000, 10_000)
WORKERS = 2
IDLE_S, STEADY_S, RATE, ROUNDS = 10.0, 4.0, 100, 3
TURNS, REQUESTS = 3, 15  # of each page
GOALS = {"gateway_p50_ratio": 1.1, "gateway_idle_percent": 2.0, "page_ratio": 1.5, "task_s": 2.0}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--sizes", default=",".join(map(str, SIZES)), help="numbers of listings, the smallest first"
    )
    parser.add_argument("--pages", action="store_true", help="no gateway, no tasks")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, only_pages=options.pages)))
        return 0
    sizes = map(int, options.sizes.split(","))
    return print_report(
        {size: _in_a_process_of_its_own(size, options.pages) for size in sizes}, options.pages
    )


def _in_a_process_of_its_own(size: int, only_pages: bool) -> dict[str, Any]:
    """Django knows one database in its life, and memory is to be told apart."""
    words = [sys.executable, "-m", "bench.scale", "--one", str(size)]
    words += ["--pages"] if only_pages else []
    said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(said.splitlines()[-1])


def measure(size: int, *, only_pages: bool = False) -> dict[str, Any]:
    """All figures of one size, in milliseconds, percent of a core, seconds and MiB. Pages are looked at after the tasks ran."""
    with ground.ground() as folder:
        began = time.monotonic()
        made = scale_data.make(size)
        print(f"{size} listings made in {made.seconds:.0f} s", file=sys.stderr)
        found: dict[str, Any] = {} if only_pages else {"gateway": gateway(folder)}
        turns = tasks()
        before = _memory_mib(os.getpid())  # with the objects of making the catalog
        found["pages"] = pages(made)
        found["memory_mib"] = {"portal, what its pages add": _memory_mib(os.getpid()) - before}
        if not only_pages:
            found["tasks"] = turns
            found["memory_mib"] |= found["gateway"].pop("memory_mib")
        print(f"{size} listings measured in {time.monotonic() - began:.0f} s", file=sys.stderr)
        return found


# The gateway


def gateway(folder: Path) -> dict[str, Any]:
    """An idle gateway's processor, then a call's time at a steady rate."""
    from tests.gateway import Gateway, Stub, free_port, live_version, subscriber

    program, stub_port = ground.nginx(), free_port()
    if program:
        with ground.nginx_pair(program, folder, stub_port, free_port()):
            return _gateway(
                folder, f"http://127.0.0.1:{stub_port}", Gateway, live_version, subscriber
            )
    return _gateway(folder, Stub().url, Gateway, live_version, subscriber)


def _gateway(
    folder: Path, url: str, Gateway: Any, live_version: Any, subscriber: Any
) -> dict[str, Any]:
    version = live_version(url=url)
    _, key = subscriber(version)
    request = folder / "request"
    body = b'{"inputs":[{"name":"income","datatype":"FP32","shape":[1],"data":[1.0]}]}'
    head = f"POST /v2/models/{version.model.slug}/infer HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
    request.write_bytes(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    with Gateway(folder / "gateway", workers=WORKERS) as running:
        _load(running.port, 1.0, request)
        workers = [pid for name, pid in running.children().items() if name != "shipping"]
        time.sleep(2)
        idle = _idle_percent(workers)
        runs = [_load(running.port, STEADY_S, request) for _ in range(ROUNDS)]
        return {
            "idle_percent": idle,
            "p50_ms": statistics.median(run["p50_ms"] for run in runs),
            "p99_ms": statistics.median(run["p99_ms"] for run in runs),
            "bad": sum(
                run["errors"] + run["calls"] - run["statuses"].get("200", 0) for run in runs
            ),
            "memory_mib": {"gateway process": max(map(_memory_mib, workers))},
        }


def _idle_percent(pids: list[int]) -> float:
    """Of a core, the busiest process."""
    before = [ground.cpu_seconds(pid) for pid in pids]
    time.sleep(IDLE_S)
    return max(
        100 * (ground.cpu_seconds(pid) - was) / IDLE_S
        for pid, was in zip(pids, before, strict=True)
    )


def _load(port: int, seconds: float, request: Path) -> dict[str, Any]:
    words = [
        sys.executable,
        "-m",
        "bench.load",
        str(port),
        "8",
        str(seconds),
        str(RATE),
        str(request),
    ]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def _memory_mib(pid: int) -> float:
    line = next(
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024


# The tasks


def tasks() -> dict[str, float]:
    """Seconds of each task of the clock when nothing has changed since its last turn."""
    from celery import current_app
    from django.conf import settings

    current_app.autodiscover_tasks(force=True)
    return {
        entry["task"]: _quiet_turn(current_app.tasks[entry["task"]])
        for entry in settings.CELERY_BEAT_SCHEDULE.values()
    }


def _quiet_turn(task: Callable[[], None]) -> float:
    for _ in range(2):
        began = time.perf_counter()
        task()
    return time.perf_counter() - began


# The pages


def pages(made: scale_data.Made) -> dict[str, float]:
    """p95 in milliseconds of each page, as the person who uses it sees it; of several turns, each over all pages, the best: what
    else ran on the machine for a moment only adds."""
    from django.test import Client, override_settings

    from marketplace.core.garbage import keep_what_is_loaded

    keep_what_is_loaded()  # as the web process does, without the objects of making the catalog
    found: dict[str, float] = {}
    with override_settings(ALLOWED_HOSTS=["*"]):
        for _ in range(TURNS):
            for person, named in scale_pages.addresses(made).items():
                client = Client()
                client.force_login(person)
                for name, address in named.items():
                    found[name] = min(_p95_ms(client, address), found.get(name, math.inf))
    return found


def _p95_ms(client: Any, address: str) -> float:
    seconds = [_timed(client, address) for _ in range(REQUESTS + 2)][2:]
    return 1000 * sorted(seconds)[int(0.95 * REQUESTS) - 1]


def _timed(client: Any, address: str) -> float:
    began = time.perf_counter()
    answer = client.get(address)
    assert answer.status_code == 200, f"{address} is {answer.status_code}"
    return time.perf_counter() - began


# What it came to


def print_report(found: dict[int, dict[str, Any]], only_pages: bool = False) -> int:
    """The table and the last line."""
    sizes = list(found)
    least = found[sizes[0]]
    for title, unit in (("gateway", ""), ("tasks", " s"), ("pages", " ms"), ("memory_mib", " MiB")):
        rows = [(name, _row(found, sizes, title, name, unit)) for name in least.get(title, ())]
        if rows:
            ground.table(
                f"bench.scale: {title} at {', '.join(f'{size} listings' for size in sizes)}", rows
            )
    facts = {"page_ratio": round(max(_ratios(found, least)), 2)}
    if only_pages:
        print(json.dumps(facts | {"sizes": sizes}))
        return 0
    facts |= {
        "gateway_p50_ratio": round(
            max(one["gateway"]["p50_ms"] for one in found.values()) / least["gateway"]["p50_ms"], 2
        ),
        "gateway_idle_percent": round(
            max(one["gateway"]["idle_percent"] for one in found.values()), 2
        ),
        "task_s": round(max(max(one["tasks"].values()) for one in found.values()), 2),
    }
    print(
        "\n".join(
            f"{name}: {value} (wanted: at most {GOALS[name]})" for name, value in facts.items()
        )
    )
    bad = sum(one["gateway"]["bad"] for one in found.values())
    print(json.dumps(facts | {"bad_calls": bad, "sizes": sizes}))
    return 0


def _ratios(found: dict[int, dict[str, Any]], least: dict[str, Any]) -> list[float]:
    return [
        one["pages"][name] / least["pages"][name]
        for one in found.values()
        for name in one["pages"]
        if name != scale_pages.SEARCH
    ]


def _row(
    found: dict[int, dict[str, Any]], sizes: list[int], title: str, name: str, unit: str
) -> str:
    values = [found[size][title][name] for size in sizes]
    shown = "  ".join(f"{value:10.2f}{unit}" for value in values)
    return shown + (f"   {values[-1] / values[0]:8.2f} ×" if values[0] else "")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    sys.exit(main())
