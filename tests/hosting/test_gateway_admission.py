"""Who is let in: slots that all workers share, decisions that are counted, bursts, trusted proxies, networks of keys."""

import threading
import time

import pytest

from tests.gateway import QUICK, Gateway, answer_ok, free_port, infer_path, subscriber, until
from tests.stack import on_database

pytestmark = [pytest.mark.xdist_group("gateway_stage")]


def gateway_of(stage, folder, workers=1, redis_url="", **limits):
    """A gateway of its own on the stage's stores."""
    return Gateway(
        folder, workers, on_database(stage.database), redis_url or stage.gateway.redis_url, stage.stub.host, **{**QUICK, **limits}
    )


def parallel(count, work):
    """Run `work(n)` in `count` threads; their results."""
    results = [None] * count

    def run(number):
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def slowly(seconds):
    """An upstream that takes its time."""

    def behave(connection, head, body):
        time.sleep(seconds)
        answer_ok(connection, head, body)

    return behave


# Counted


def test_without_redis_each_decision_is_counted_once_and_as_what_it_was(stage, tmp_path):
    version = stage.version()
    _, key = subscriber(version, rate_per_second=1, burst=10)
    with gateway_of(stage, tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0") as gateway:
        answers = [gateway.infer(infer_path(version), key)[0] for _ in range(30)]
        until(lambda: gateway.count("degraded_decisions_total") == 30, 5, gateway.said)
        assert gateway.count("redis_up") == 0 and set(answers) == {200, 429}
        assert gateway.count("decisions_total", decision="failure_mode_allowed") == answers.count(200)
        assert gateway.count("decisions_total", decision="over_limit") == answers.count(429)
        assert gateway.count("decisions_total", decision="ok") == 0


def test_each_version_tells_its_refusals_and_its_calls_in_flight(stage, tmp_path):
    quick, slow = stage.version(), stage.version()
    _, hasty = subscriber(quick, rate_per_second=1, burst=2)
    _, patient = subscriber(slow)
    with gateway_of(stage, tmp_path) as gateway:
        answers = [gateway.infer(infer_path(quick), hasty)[0] for _ in range(6)]
        until(lambda: gateway.count("refused_total", version=quick.pk, limit="rate") == answers.count(429) > 0, 5, gateway.said)
        assert gateway.count("decisions_total", decision="ok") == answers.count(200)
        stage.stub.behave = slowly(2.5)
        calls = threading.Thread(target=parallel, args=(3, lambda _: gateway.infer(infer_path(slow), patient)))
        calls.start()
        until(lambda: gateway.count("version_in_flight", version=slow.pk) == 3, 3, gateway.said)
        assert gateway.count("version_in_flight", version=quick.pk) == 0
        calls.join()
        until(lambda: gateway.count("version_in_flight", version=slow.pk) == 0, 3, gateway.said)
