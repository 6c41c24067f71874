"""What turned out to be true of calls, and the quality that follows. Rule: docs/feedback.md, "Outcomes"."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from consumption import actions
from consumption.actions import Outcome
from consumption.feedback import live_quality
from consumption.models import OutcomeReport
from marketplace.core.errors import Invalid
from tests import factories

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/feedback/"


@pytest.fixture
def held():
    return factories.subscription()


def report(held, *pairs, by=None):
    """Outcomes of as many calls: (actual, predicted)."""
    given = [
        Outcome(factories.call(held).event_id, actual, predicted) for actual, predicted in pairs
    ]
    return actions.report_outcomes(by or factories.maya(), given)


def test_numbers_give_an_error_and_a_bias(held):
    assert report(held, *[(100.0, 110.0)] * 20, *[(100, 90)] * 10, (100, None)) == []
    (quality,) = live_quality.of(held.model)
    assert (quality.version, quality.n, quality.without) == ("1.0.0", 30, 1)
    assert quality.is_enough and quality.right is None
    assert quality.error == pytest.approx(10) and quality.bias == pytest.approx(10 / 3)


def test_labels_give_a_share_with_an_interval(held):
    report(held, *[("paid", "paid")] * 24, *[("paid", "late")] * 6)
    (quality,) = live_quality.of(held.model)
    assert quality.right == pytest.approx(0.8) and quality.error is None
    assert (quality.low, quality.high) == pytest.approx((0.627, 0.905), abs=0.001)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share(counts):
    low, high = live_quality.wilson(*counts)
    assert 0 <= low <= counts[0] / counts[1] <= high <= 1 and low < high


def test_who_reports_again_corrects(held):
    call = factories.call(held)
    for predicted in (5.0, 7.0):
        actions.report_outcomes(factories.maya(), [Outcome(call.event_id, 7.0, predicted)])
    assert OutcomeReport.objects.get().predicted_number == 7.0
    actions.report_outcomes(factories.maya(), [Outcome(call.event_id, 7.0, 6.0, row=1)])
    assert OutcomeReport.objects.count() == 2


def test_what_does_not_fit_is_refused_one_by_one(held):
    call, old = factories.call(held), factories.call(held, timezone.now() - timedelta(days=100))
    refused = actions.report_outcomes(
        factories.maya(),
        [
            Outcome(call.event_id, "paid", 1.0),
            Outcome(call.event_id, float("inf")),
            Outcome(call.event_id, "x" * 101),
            Outcome(factories.uuid4(), 1.0),
            Outcome(old.event_id, True, False),
        ],
    )
    assert len(refused) == 4 and OutcomeReport.objects.get().actual_label == "true"
    assert live_quality.of(held.model) == []  # of the last 90 days
    for many in ([], [Outcome(call.event_id, 1.0)] * 1_001):
        with pytest.raises(Invalid):
            actions.report_outcomes(factories.maya(), many)


def test_of_others_calls_nobody_reports_and_nobody_reads(held):
    call = factories.call(held)
    for who in (factories.alice, factories.charlie, factories.rita):
        refused = actions.report_outcomes(who(), [Outcome(call.event_id, 1.0, 1.0)])
        assert [one.reason for one in refused] == ["No call of yours has this request id."]
    report(held, (1.0, 1.0))
    seen = {
        who.__name__: [row.team for row in live_quality.by_team(who(), held.model)]
        for who in (factories.maya, factories.alice, factories.vera, factories.charlie)
    }
    team = ["Mortgage origination"]
    assert seen == {"maya": team, "alice": team, "vera": team, "charlie": []}


# ── By key ────────────────────────────────────────────────────────────────


def post(text, request_id, **changed):
    outcome = {"request_id": str(request_id), "actual": 10, "predicted": 12.5} | changed
    return Client().post(
        ADDRESS,
        {"outcomes": [outcome]},
        content_type="application/json",
        headers={"X-API-Key": text} if text else {},
    )


def test_a_program_reports_with_the_key_that_it_calls_with(held):
    key, text = factories.key(held)
    call = factories.call(held)
    assert post(text, call.event_id).json() == {"taken": 1, "refused": []}
    assert OutcomeReport.objects.get().subscription == held
    app = factories.application(name="Second system")
    other = factories.call(factories.subscription(held.pinned_version, app=app))
    refused = post(text, other.event_id).json()
    assert refused["taken"] == 0 and len(refused["refused"]) == 1
    assert post(text, call.event_id, actual=[1]).status_code == 422
    assert Client().get("/api/v1/models/", headers={"X-API-Key": text}).status_code == 401


def test_a_key_that_opens_nothing_reports_nothing(held):
    key, text = factories.key(held)
    call = factories.call(held)
    for wrong in ("", "mkc_nonsense", text[:-1] + ("0" if text[-1] != "0" else "1"), "ü" * 50):
        assert post(wrong, call.event_id).status_code == 401
    actions.change_networks(factories.maya(), key, ["10.20.0.0/16"])
    assert post(text, call.event_id).status_code == 401
    actions.change_networks(factories.maya(), key, ["127.0.0.0/8"])
    assert post(text, call.event_id).status_code == 200
    key.refresh_from_db()
    actions.revoke_key(factories.maya(), key, "It is not needed any more.")
    assert post(text, call.event_id).status_code == 401
