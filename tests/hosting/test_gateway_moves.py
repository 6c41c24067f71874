"""A subscription moves while calls flow: none fails, calls in flight end where they are, and the same rows are replayed on both."""

import json
import threading

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from consumption import actions
from tests import factories
from tests.gateway import Load, answer_ok, http_answer, live_version, meanwhile, subscriber, until
from tests.pages import text_of

pytestmark = pytest.mark.xdist_group("gateway_stage")
NEW = b"/versions/2.0.0/"


@pytest.fixture
def moving(stage):
    """(subscription, key, path, 2.0.0) of a subscription that 1.0.0 answers; both versions are hosted at the stub."""
    first = stage.version(sla={"timeout_s": 60})
    second = live_version(first.model, "2.0.0", stage.stub.url, sla={"timeout_s": 60})
    held, key = subscriber(first)
    return held, key, f"/v2/models/{first.model.slug}/infer", second


def answering(gateway, path, key):
    status, headers, _ = gateway.infer(path, key)
    assert status == 200
    return headers["x-model-version"]


@pytest.mark.slow
def test_no_call_fails_while_it_moves_and_is_moved_back(stage, moving, tmp_path):
    """Issue 13, Done 1: moved with the same key while calls flow, undone, moved again; 0 failed."""
    held, key, path, second = moving
    load = Load(stage.gateway, path, key, tmp_path, seconds=6, rate=100)
    until(lambda: len(stage.stub.seen) > 20)
    move = actions.move_version(factories.maya(), held, second)
    until(lambda: any(NEW in head for head, _ in stage.stub.seen), said=stage.gateway.said)
    actions.undo_move(factories.maya(), move)
    until(lambda: answering(stage.gateway, path, key) == "1.0.0")
    actions.move_version(factories.maya(), held, second)
    until(lambda: answering(stage.gateway, path, key) == "2.0.0")
    assert not load.is_over(), "calls flowed all the while"
    result = load.result()
    assert (result["errors"], set(result["statuses"])) == (0, {"200"}), result["statuses"]


def test_a_call_in_flight_ends_where_it_is(stage, moving):
    held, key, path, second = moving
    arrived, moved = threading.Event(), threading.Event()

    def slow(connection, head, body):
        """The first call waits until the subscription was moved; those after it do not."""
        if not arrived.is_set():
            arrived.set()
            moved.wait(30)
        answer_ok(connection, head, body)

    stage.stub.behave = slow
    with meanwhile(1, lambda _: stage.gateway.infer(path, key)) as answers:
        assert arrived.wait(30)
        actions.move_version(factories.maya(), held, second)
        until(lambda: answering(stage.gateway, path, key) == "2.0.0")
        moved.set()
    ((status, headers, _),) = answers
    assert (status, headers["x-model-version"]) == (200, "1.0.0")


def test_a_held_update_reaches_no_call(stage):
    """Newer versions wait while updates are held, and answer within a second when they are let go on."""
    first = stage.version()
    held, key = subscriber(first)
    path = f"/v2/models/{first.model.slug}/infer"
    actions.hold_updates(factories.maya(), held)
    until(lambda: answering(stage.gateway, path, key) == "1.0.0")
    live_version(first.model, "1.1.0", stage.stub.url)
    named = f"/v2/models/{first.model.slug}/versions/1.1.0/infer"
    until(lambda: stage.gateway.infer(named, key)[0] == 200, said=stage.gateway.said)
    assert answering(stage.gateway, path, key) == "1.0.0"
    actions.release_updates(factories.maya(), held)
    until(lambda: answering(stage.gateway, path, key) == "1.1.0")
    actions.roll_back(factories.maya(), held)
    until(lambda: answering(stage.gateway, path, key) == "1.0.0")


def test_the_same_rows_are_replayed_on_both(stage, moving, monkeypatch):
    """The owner's example, or what was tried lately, under the sandbox pass: nothing is metered as use."""
    held, _, _, second = moving
    monkeypatch.setattr(settings, "GATEWAY_INTERNAL_URL", f"http://127.0.0.1:{stage.gateway.port}")

    def answer(connection, head, body):
        score = 2000.0 if NEW in head else 1600.0
        rows = json.loads(body)["inputs"][0]["shape"][0]
        output = {"name": "score", "datatype": "FP32", "shape": [rows], "data": [score] * rows}
        connection.sendall(http_answer(json.dumps({"outputs": [output]}).encode()))

    stage.stub.behave = answer
    type(second).objects.filter(model=held.model_id).update(example=factories.example(2))
    client = Client()
    client.force_login(factories.maya())
    address = reverse("consumption:move", args=[held.pk])
    shown = text_of(client.post(address, {"to": "2.0.0", "do": "replay"}))
    assert "The owner’s example, row 2" in shown
    assert "1,600" in shown and "2,000" in shown and "+25.0 %" in shown
    assert held.application.subscriptions.get().pinned_version.number == "1.0.0"
