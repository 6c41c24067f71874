"""More calls than a version can take, and none at all, on the real engine through the real gateway.

python3 manage.py test -m slow tests/hosting/test_engine_load.py -q
"""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hosting import replica_history
from hosting.drivers.base import driver
from hosting.drivers.ray import MAX_ONGOING, MAX_QUEUED
from marketplace.notices.models import Notice
from marketplace.operations.prometheus_exporter import Marketplace
from tests.hosting import live

pytestmark = [pytest.mark.stack, pytest.mark.slow]
EXCESS = 40
LONG = 1_200_000.0  # turns through a loop: two to five seconds, in which nothing else of that replica runs
WIDE = 100_000.0  # KiB: about 0.06 s of work
MOST = 3


def at_once(caller, count, income):
    """(status, headers, document) of `count` calls that are sent in the same moment."""
    together = threading.Barrier(count)

    def call(number):
        together.wait()
        return caller.call(income, address=f"127.0.0.{2 + number % 8}")

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_a_full_queue_refuses_exactly_the_excess_and_says_when(hosted):
    """While one long call runs, others wait for it: as many as may be in a replica and its queue. Whoever is too much is told
    at once, in words, when to come again."""
    caller = hosted.caller(hosted.looping)
    waiting = MAX_ONGOING + MAX_QUEUED - 1
    long = threading.Thread(target=caller.call, args=(LONG,))
    long.start()
    time.sleep(0.5)
    answers = at_once(caller, waiting + EXCESS, 1.0)
    long.join()
    statuses = Counter(status for status, _headers, _document in answers)
    print(dict(statuses))
    assert statuses[200] + statuses[503] == len(answers)
    assert statuses[503] - EXCESS in (0, 1), "the marketplace's own probe may have taken a place"
    for status, headers, problem in answers:
        if status == 503:
            assert int(headers["retry-after"]) >= 1
            assert (problem["type"], problem["status"]) == ("/docs/problems/model-busy", 503)
    assert caller.works(1.0, 2.0)


def test_replicas_follow_the_load_down_to_none_and_back(hosted):
    """1 → most → 0 → the first call wakes it; every step is on the Deployment tab, and nobody is told of a crash."""
    version = hosted.hungry
    crashed = live.deployment(version).replicas.filter(state="crashed").count()
    hosted.bound(version, 0, MOST, 1)
    with live.Load(hosted.caller(version), rate=50, threads=6, income=WIDE, score=WIDE) as load:
        up = hosted.seconds_until(lambda: len(live.pids(version)) == MOST, 90)
    asleep = hosted.seconds_until(lambda: live.deployment(version).state == "scaled_to_zero", 300)
    caller = hosted.caller(version)
    woken = time.monotonic()
    assert caller.works(1.0, 1.0), "the first call of a sleeping version is held, not failed"
    cold = time.monotonic() - woken
    awake = hosted.until_ready(version)
    print(
        f"up {up:.1f} s, asleep {asleep:.1f} s, cold start {cold:.1f} s, ready {awake:.1f} s, load {dict(load.statuses)}"
    )
    assert not load.wrong
    one = live.deployment(version)
    (chart,) = replica_history.charts([one], replica_history.span("1h")).values()
    values = chart.series[0].values
    assert max(values) == MOST
    assert one.replicas.filter(state="crashed").count() == crashed
    assert not Notice.objects.filter(kind="deployment.failed").exists()
    hosted.size(version, 1)


def test_what_replicas_count_reaches_the_portals_metrics(hosted):
    """Three answers and a refusal: each figure of the server class arrives under the version's name."""
    caller, name = hosted.caller(hosted.looping), live.deployment(hosted.looping).app_name
    before = figures(name)
    for income in (1.0, 1.0, 20_000.0):
        assert caller.call(income)[0] == 200
    status, headers, _problem = caller.call("nonsense")
    assert status == 422
    hosted.stack.wait_until(
        lambda: (
            figures(name)["model_requests_total", "422"] > before["model_requests_total", "422"]
        ),
        60,
    )
    after = figures(name)
    risen = {key: after[key] - before[key] for key in after}
    assert risen["model_requests_total", "200"] >= 3
    assert risen["model_request_seconds_count", None] == sum(
        risen["model_requests_total", status] for status in ("200", "422")
    )
    assert risen["model_rows_total", None] >= risen["model_batch_rows_count", None] >= 3
    assert risen["model_request_seconds_spent_total", None] > 0
    assert ("model_in_flight", None) in after
    assert headers["x-request-id"] in "\n".join(driver().logs(name)), (
        "what a replica logs is found by the caller's request id"
    )


def figures(application):
    """{(sample, status): sum over replicas} of what the portal tells of one version."""
    found = Counter()
    for family in Marketplace().collect():
        for sample in family.samples:
            if sample.labels.get("application") == application and "le" not in sample.labels:
                found[sample.name, sample.labels.get("status")] += sample.value
    return found


def test_a_replica_that_nobody_calls_rests(hosted):
    """Its request loop, which Ray and uvicorn would wake sixteen times a second: docs/hosting.md, "What an idle version costs"."""
    (pid,) = live.pids(hosted.looping)
    time.sleep(15)  # Ray's first look at its health is past
    before = wakes_of_the_loop(pid)
    time.sleep(10)
    assert (wakes_of_the_loop(pid) - before) / 10 < 10


def wakes_of_the_loop(pid):
    """So often its threads were given a processor that keep the name of a worker without work: the request loop is one of two."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(
        int((task / "schedstat").read_text().split()[2])
        for task in tasks
        if (task / "comm").read_text().strip() == "ray::IDLE"
    )
