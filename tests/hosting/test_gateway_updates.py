"""A minor update spreads by share through a real gateway, and goes back by itself when its calls fail (docs/updates.md)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consumption import actions
from consumption.models import Rollout
from governance.actions.suspension import stop
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
    first = rollout.members.get(got_at__isnull=False).subscription_id
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
    days_ago = timezone.now() - timedelta(days=3)
    steps = [{**rollout.steps[0], "calls": 20}]
    Rollout.objects.filter(pk=rollout.pk).update(steps=steps, canary_at=days_ago, step_at=days_ago)
    rollout.members.filter(got_at__isnull=False).update(got_at=days_ago)
    answers = [answering(stage, path, key) for _ in range(25) for key in (first, other)]
    assert {status for status, _ in answers} == {200}

    def is_complete():
        actions.advance_rollouts()
        return Rollout.objects.get(pk=rollout.pk).state == "completed"

    until(is_complete, 20, stage.gateway.said)
    seen = []

    def other_has_it():
        seen.append(answering(stage, path, first))
        return answering(stage, path, other) == (200, "1.1.0")

    until(other_has_it, said=stage.gateway.said)
    assert set(seen) == {(200, "1.1.0")}, "the first one never goes back on the way"


@pytest.mark.slow
def test_nobody_is_left_without_an_answer_when_the_version_before_is_stopped(stage, spreading):
    """Nobody has the new version yet; the old one is suspended by governance's own verb."""
    rollout, keys, path = spreading
    Rollout.objects.filter(pk=rollout.pk).update(starts_at=timezone.now() + timedelta(days=7))
    assert {answering(stage, path, key) for key in keys.values()} == {(200, "1.0.0")}
    first = rollout.version.model.versions.get(number="1.0.0")
    stop(User.objects.system("publisher"), first, "It answers nonsense for part-time workers.")
    actions.advance_rollouts()
    for key in keys.values():
        until(
            lambda key=key: answering(stage, path, key) == (200, "1.1.0"), said=stage.gateway.said
        )
    assert Rollout.objects.get(pk=rollout.pk).state == "announced"
