"""An upstream that fails is left alone for a while; one that is busy, asleep or left by its callers is not."""

import os
import threading
import time
from collections import Counter

import pytest
from django.db import transaction

from hosting.models import Deployment, DeploymentState
from marketplace.core.invalidation import invalidate
from tests.gateway import answer_ok, free_port, infer_path, meanwhile, route, subscriber, until
from tests.hosting.upstreams import LOST, NOT_LOST, call_in_threads, hang_up, leave_after
from tests.tiers import only

pytestmark = [pytest.mark.xdist_group("gateway_stage")]


@pytest.fixture
def gateway(lone, stage):
    return lone


def trip(gateway, version, key):
    """Call until the lane is shut; then (headers, body) of a refusal."""
    for _ in range(30):
        status, headers, body = gateway.infer(infer_path(version), key)
        if b"model-failing" in body:
            assert status == 503
            return headers, body
    raise AssertionError("it never opened")


def is_open(gateway, version):
    return gateway.count("breaker_open", version=version.pk)


@pytest.mark.fault("F11", "F12")
@pytest.mark.parametrize(
    "how",
    only(("the ingress says 500", "hangs up", "resets", "is late"), "the ingress says 500"),
)
@pytest.mark.parametrize("kind", only(("version", "external"), "version"))
def test_an_upstream_that_fails_five_calls_in_a_row_is_not_asked_for_a_while(
    gateway, stage, request, injected_faults, how, kind
):
    version = request.getfixturevalue(kind)
    subscription, key = subscriber(version)
    stage.stub.behave = LOST.get(how) or (lambda *_: time.sleep(3))
    headers, body = trip(gateway, version, key)
    assert int(headers["retry-after"]) >= 1 and b"tell the model's team" in body
    until(lambda: is_open(gateway, version) or gateway.infer(infer_path(version), key)[0] == 0, 5)
    injected_faults.add(len(stage.stub.seen))
    assert len(stage.stub.seen) >= 5
    until(lambda: len(stage.called(subscription)) >= 5, 5, gateway.said)
    assert {units for _, _, units in stage.called(subscription)} == {0}
    stage.stub.behave = answer_ok
    heals(gateway, version, key)


@pytest.mark.slow
@pytest.mark.fault("F11")
def test_an_upstream_that_refuses_connections_is_not_asked_for_a_while(
    gateway, stage, injected_faults
):
    version = stage.version(url=f"http://127.0.0.1:{free_port()}")
    _, key = subscriber(version)
    trip(gateway, version, key)
    route(version, stage.stub.url)
    invalidate("version")
    heals(gateway, version, key)
    injected_faults.add(gateway.count("breaker_opened_total", version=version.pk))


def heals(gateway, version, key):
    until(lambda: gateway.infer(infer_path(version), key)[0] == 200, 10, gateway.said)
    assert [gateway.infer(infer_path(version), key)[0] for _ in range(10)] == [200] * 10
    until(lambda: is_open(gateway, version) == 0, 5)
    until(lambda: gateway.count("breaker_opened_total", version=version.pk) >= 1, 5)
    until(lambda: gateway.count("breaker_rejections_total", version=version.pk) >= 1, 5)


def test_while_it_is_open_nothing_is_asked_and_then_exactly_one_call_tries(
    gateway, stage, external
):
    _, key = subscriber(external)
    stage.stub.behave = hang_up
    trip(gateway, external, key)
    asked = len(stage.stub.seen)
    assert gateway.infer(infer_path(external), key)[0] == 503 and len(stage.stub.seen) == asked
    goes_on = threading.Event()

    def answer_when_told(connection, head, body):
        goes_on.wait(0.9)
        answer_ok(connection, head, body)

    stage.stub.behave = answer_when_told
    time.sleep(1.1)
    with meanwhile(20, lambda _: gateway.infer(infer_path(external), key)[0]) as found:
        until(lambda: len(found) == 19, 5)
        assert len(stage.stub.seen) == asked + 1 and set(found) == {503}
        goes_on.set()
    assert found[-1] == 200
    assert [gateway.infer(infer_path(external), key)[0] for _ in range(5)] == [200] * 5


def test_a_caller_who_leaves_while_trying_lets_the_next_one_try(gateway, stage, external):
    _, key = subscriber(external)
    stage.stub.behave = hang_up
    trip(gateway, external, key)
    stage.stub.behave = lambda *_: time.sleep(0.9)
    time.sleep(1.1)
    asked = len(stage.stub.seen)
    leave_after(gateway, external, key, lambda: len(stage.stub.seen) > asked)
    stage.stub.behave = answer_ok
    until(lambda: gateway.infer(infer_path(external), key)[0] == 200, 3, gateway.said)


@pytest.mark.parametrize(
    "how",
    [
        "a full queue",
        "told to wait",
        "too many",
        "the model's own failure",
        "the model's own refusal",
    ],
)
def test_it_does_not_open_for_what_the_upstream_decided(gateway, stage, version, how):
    _, key = subscriber(version)
    stage.stub.behave, expected = NOT_LOST[how]
    assert [gateway.infer(infer_path(version), key)[0] for _ in range(12)] == [expected] * 12
    assert len(stage.stub.seen) == 12


def test_it_does_not_open_when_callers_leave(gateway, stage, version):
    _, key = subscriber(version)
    stage.stub.behave = lambda *_: time.sleep(0.8)
    for number in range(8):
        leave_after(gateway, version, key, lambda number=number: len(stage.stub.seen) > number)
    stage.stub.behave = answer_ok
    assert gateway.infer(infer_path(version), key)[0] == 200


def test_it_does_not_open_while_a_sleeping_version_wakes(gateway, stage):
    with transaction.atomic():  # no snapshot sees it awake
        version = stage.version()
        Deployment.objects.create(
            version=version, app_name=f"asleep-{version.pk}", state=DeploymentState.SCALED_TO_ZERO
        )
    _, key = subscriber(version)
    stage.stub.behave = lambda *_: time.sleep(1.5)
    assert call_in_threads(gateway, infer_path(version), key, 8, 1) == {504: 8}
    stage.stub.behave = answer_ok
    assert gateway.infer(infer_path(version), key)[0] == 200


@pytest.mark.slow
@pytest.mark.fault("F11")
def test_a_hundred_hung_calls_of_one_model_touch_no_other_and_leave_nothing_behind(
    gateway, stage, injected_faults
):
    version, other = (
        stage.version(sla={"timeout_s": 2}),
        stage.version(),
    )  # all have begun before the first five end
    _, key = subscriber(version)
    _, other_key = subscriber(other)
    worker = gateway.children()["0"]
    assert gateway.infer(infer_path(other), other_key)[0] == 200
    time.sleep(1.2)
    files, tasks = open_files(worker), gateway.count("tasks")
    hung = threading.Event()

    def hang_for_one(connection, head, body):
        if version.model.slug.encode() in head:
            hung.wait(8)
            return False
        return answer_ok(connection, head, body)

    stage.stub.behave = hang_for_one
    others = []
    with meanwhile(100, lambda _: gateway.infer(infer_path(version), key)[0]) as found:
        until(lambda: len(stage.stub.seen) >= 100, 10)
        while len(found) < 100:
            others.append(gateway.infer(infer_path(other), other_key)[0])
    assert set(others) == {200} and len(others) > 10
    assert Counter(found) == {504: 100}
    assert gateway.infer(infer_path(version), key)[0] == 503, "five in a row are enough"
    time.sleep(1.2)  # the numbers are told once a second
    until(
        lambda: open_files(worker) <= files + 4 and gateway.count("tasks") <= tasks + 2,
        3.8,
        gateway.said,
    )
    until(lambda: gateway.count("in_flight") == 0, 2)
    hung.set()
    injected_faults.add(100)


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
