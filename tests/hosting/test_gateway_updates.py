"""A minor update spreads by share through a real gateway, and goes back by itself when its calls fail (docs/updates.md)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consumption import actions
from consumption.models import Rollout
from marketplace.accounts.models import User
from tests.gateway import answer_ok, http_answer, live_version, subscriber, until

pytestmark = pytest.mark.xdist_group("gateway_stage")
NEW = b"/versions/1.1.0/"


@pytest.fixture
def spreading(stage):
    """(rollout whose notice has run, {subscription id: key} of two applications on 1.0.0, the path of unversioned calls)."""
    first = stage.version()
    keys = {}
    for name in ("Loan origination", "Second desk"):
        held, key = subscriber(first, app=name)
        type(held).objects.filter(pk=held.pk).update(version_policy="auto_minor")
        keys[held.pk] = key
    version = live_version(first.model, "1.1.0", stage.stub.url, is_followed=False)
    rollout = actions.announce_rollout(User.objects.system("publisher"), version)
    Rollout.objects.filter(pk=rollout.pk).update(starts_at=timezone.now() - timedelta(hours=1))
    return rollout, keys, f"/v2/models/{first.model.slug}/infer"


def answering(stage, path, key):
    status, headers, _ = stage.gateway.infer(path, key)
    return status, headers.get("x-model-version")


def begun(stage, rollout, keys, path):
    """(key of the first application, key of the other one), once the gateway has followed."""
    assert {answering(stage, path, key) for key in keys.values()} == {(200, "1.0.0")}
    assert actions.advance_rollouts() == 1
    first = rollout.members.get(is_canary=True).subscription_id
    other = next(pk for pk in keys if pk != first)
    until(lambda: answering(stage, path, keys[first])[1] == "1.1.0", said=stage.gateway.said)
    assert answering(stage, path, keys[other]) == (200, "1.0.0")
    return keys[first], keys[other]


def test_a_worse_one_goes_back_by_its_live_calls(stage, spreading):
    rollout, keys, path = spreading
    first, other = begun(stage, rollout, keys, path)

    def fails(connection, head, body):
        if NEW in head:
            connection.sendall(http_answer(b"{}", b"500 Internal Server Error"))
        else:
            answer_ok(connection, head, body)

    stage.stub.behave = fails

    def is_back():
        stage.gateway.infer(path, first)
        stage.gateway.infer(path, other)
        actions.advance_rollouts()
        return Rollout.objects.get(pk=rollout.pk).state == "rolled_back"

    until(is_back, 20, stage.gateway.said)
    until(lambda: answering(stage, path, first) == (200, "1.0.0"), said=stage.gateway.said)
    assert answering(stage, path, other) == (200, "1.0.0")
    after = Rollout.objects.get(pk=rollout.pk)
    assert after.figures["canary"]["failed"] >= 5 and after.figures["old"]["failed"] == 0


def test_a_good_one_reaches_everybody_and_no_call_fails(stage, spreading):
    rollout, keys, path = spreading
    first, other = begun(stage, rollout, keys, path)
    Rollout.objects.filter(pk=rollout.pk).update(calls=20, canary_at=timezone.now() - timedelta(3))
    answers = [answering(stage, path, key) for _ in range(25) for key in (first, other)]
    assert {status for status, _ in answers} == {200}

    def is_complete():
        actions.advance_rollouts()
        return Rollout.objects.get(pk=rollout.pk).state == "completed"

    until(is_complete, 20, stage.gateway.said)
    until(lambda: answering(stage, path, other) == (200, "1.1.0"), said=stage.gateway.said)
    assert answering(stage, path, first) == (200, "1.1.0")
