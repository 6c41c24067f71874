"""Minor updates reach those who follow them by share, and a worse one goes back by itself (docs/updates.md; issue 13, Done 7)."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import actions, affected, deadlines
from consumption.models import AcceptanceRun, Rollout, Subscription
from consumption.playground import gateway_client
from consumption.playground.gateway_client import Reply
from consumption.rollouts import figures
from consumption.rollouts.guard import Evidence, Side, worse
from governance.calendar import business_days_after
from hosting.gateway.auth import snapshot
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories
from tests.api.calls import Api
from tests.pages import text_of
from tests.rollout_factories import announced, calls, due

pytestmark = pytest.mark.django_db
REASON = "It rounds to whole thousands."


def now_of(rollout):
    return Rollout.objects.for_list().get(pk=rollout.pk)


def answering(held):
    found = affected.answering(Subscription.objects.for_list().filter(pk__in=[h.pk for h in held]))
    return [found[one.pk].number for one in held]


def having(rollout):
    return rollout.members.filter(got_at__isnull=False).values_list("subscription", flat=True)


def begun(count=4):
    """(rollout with its first applications, those, the others)."""
    rollout, held = announced(count=count)
    due(rollout)
    actions.advance_rollouts()
    rollout = now_of(rollout)
    first = set(having(rollout))
    return rollout, [h for h in held if h.pk in first], [h for h in held if h.pk not in first]


def later(rollout, **since):
    """So much time has passed since the first ones got it."""
    at = timezone.now() - timedelta(**since)
    Rollout.objects.filter(pk=rollout.pk).update(canary_at=at, step_at=at)
    rollout.members.filter(got_at__isnull=False).update(got_at=at)


def at_last_step(rollout):
    """Everybody follows when the calls of those who have it are no worse."""
    Rollout.objects.filter(pk=rollout.pk).update(step=len(rollout.steps) - 1)


def told(person, occasion):
    rows = Notice.objects.filter(recipient=person, key__startswith=f"rollout-{occasion}:")
    return [row.title for row in rows.order_by("pk")]


def old_of(rollout):
    return rollout.version.model.versions.get(number="1.0.0")


# ── Announced, by share, complete ─────────────────────────────────────────


def test_nobody_is_moved_before_the_notice_has_run():
    rollout, held = announced(count=2)
    assert actions.advance_rollouts() == 0 and answering(held) == ["1.0.0", "1.0.0"]
    assert rollout.starts_at == business_days_after(rollout.announced_at, 5)
    said = Notice.objects.filter(recipient=factories.maya(), kind="version.published").last()
    assert "Desk 2: Spreading model 1.1.0 reaches it by itself from" in said.title
    assert "5 %, then 25 %, then all of the applications get it" in said.body


def test_the_gateway_reads_the_same_rule():
    rollout, first, others = begun()
    model = snapshot.models([rollout.version.model_id])[rollout.version.model_id]
    assert [(version.number, version.is_followed) for version in model.versions] == [
        ("1.1.0", False),
        ("1.0.0", True),
    ]
    key, _ = factories.key(first[0])
    assert snapshot.api_keys([key.kid])[0].held == rollout.version.precedence
    key, _ = factories.key(others[0])
    assert snapshot.api_keys([key.kid])[0].held is None


def test_a_good_one_reaches_a_share_then_more_then_everybody():
    rollout, first, others = begun(count=12)
    assert (len(first), len(others)) == (1, 11), "5 %, rounded up"
    assert set(answering(first)) == {"1.1.0"} and set(answering(others)) == {"1.0.0"}
    calls(first[0], rollout.version, 120)
    calls(others[0], old_of(rollout), 300)
    actions.advance_rollouts()
    assert now_of(rollout).step == 0, "its hours are not over"
    assert now_of(rollout).figures["canary"]["calls"] == 120
    later(rollout, hours=25)
    assert actions.advance_rollouts() == 1 and actions.advance_rollouts() == 0
    assert answering([*first, *others]).count("1.1.0") == 3, "25 %, those of before among them"
    assert len(told(factories.maya(), "began")) == 3
    now = now_of(rollout)
    assert (now.state, now.step, now.figures["canary"]["calls"]) == ("canary", 1, 0), "counted anew"
    later(rollout, hours=25)
    calls(first[0], rollout.version, 120)
    assert actions.advance_rollouts() == 1 and actions.advance_rollouts() == 0
    assert now_of(rollout).state == "completed"
    assert set(answering([*first, *others])) == {"1.1.0"}
    assert Subscription.objects.filter(hold="update").count() == 3, "until every gateway knows"
    Rollout.objects.update(ended_at=timezone.now() - timedelta(minutes=2))
    actions.advance_rollouts()
    assert set(Subscription.objects.values_list("hold", flat=True)) == {""}
    assert set(answering([*first, *others])) == {"1.1.0"}
    assert len(told(factories.maya(), "completed")) == 9
    assert told(factories.alice(), "completed") == [
        "Spreading model 1.1.0 reached everybody who follows it"
    ]
    assert AuditEvent.objects.get(action="rollout.complete").actor.is_system


def test_each_step_is_guarded_for_its_own_window():
    """Good at first, worse with the applications of the second step: all who have it go back."""
    rollout, first, others = begun(count=12)
    calls(first[0], rollout.version, 120)
    later(rollout, hours=25)
    actions.advance_rollouts()
    assert now_of(rollout).step == 1
    second = next(one for one in others if one.pk in having(rollout))
    calls(second, rollout.version, 30, status=500)
    assert actions.advance_rollouts() == 1 and now_of(rollout).state == "rolled_back"
    assert set(answering([*first, *others])) == {"1.0.0"}
    assert len(told(factories.maya(), "rolled-back")) == 3


def test_a_step_that_reaches_nobody_new_keeps_what_was_counted():
    """One consumer with few calls is not asked for as many again."""
    rollout, first, _ = begun(count=1)
    calls(first[0], rollout.version, 100)
    later(rollout, hours=25)
    actions.advance_rollouts()
    assert (now_of(rollout).step, now_of(rollout).state) == (1, "canary")
    Rollout.objects.update(step_at=timezone.now() - timedelta(hours=25))
    actions.advance_rollouts()
    assert now_of(rollout).state == "completed"


def test_a_patch_and_a_version_that_nobody_follows_are_as_ever():
    first = factories.published_version()
    held = factories.subscription(first, version_policy="pin_exact")
    assert factories.published_version(first.model, "1.1.0", by_canary=True).is_followed
    assert not Rollout.objects.exists() and answering([held]) == ["1.0.0"]
    other = factories.subscription(first, app=factories.application(name="Other"))
    factories.published_version(first.model, "1.1.1", by_canary=True)
    assert not Rollout.objects.exists() and answering([other]) == ["1.1.1"]


def test_those_that_called_lately_are_the_first():
    rollout, held = announced(count=12)
    busy = held[7]
    factories.called(busy, calls=50)
    due(rollout)
    actions.advance_rollouts()
    assert busy.pk in having(rollout)


def test_updates_of_a_model_wait_for_each_other():
    rollout, first, _ = begun(count=2)
    second = factories.published_version(rollout.version.model, "1.2.0", by_canary=True)
    waiting = Rollout.objects.get(version=second)
    due(waiting)
    actions.advance_rollouts()
    assert now_of(waiting).state == "announced" and answering(first) == ["1.1.0"]


# ── Worse ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ({"count": 6, "status": 503}, "6 of 6 calls failed, 100.0 %"),
        ({"count": 9, "status": 422}, "9 of 9 calls were refused (4xx), 100.0 %"),
        ({"count": 100, "us": 45_000}, "answered within 45 ms; within 20 ms"),
    ],
)
def test_a_worse_one_goes_back_by_itself(new, says):
    """Issue 13, Done 7: within the guard's window, whatever it is worse in."""
    rollout, first, others = begun()
    calls(others[0], old_of(rollout), 150)
    calls(first[0], rollout.version, **new)
    assert actions.advance_rollouts() == 1
    after = now_of(rollout)
    assert after.state == "rolled_back" and says in after.reason
    assert set(answering([*first, *others])) == {"1.0.0"}
    assert after.figures["canary"]["calls"] == new["count"] and after.figures["old"]["calls"] == 150
    assert told(factories.maya(), "rolled-back") == [
        f"{first[0].application}: Spreading model 1.1.0 was rolled back; 1.0.0 answers again"
    ]
    assert told(factories.alice(), "rolled-back") == [
        "The update to Spreading model 1.1.0 was rolled back"
    ]
    assert AuditEvent.objects.get(action="rollout.rolled_back").detail["figures"] == after.figures
    later(rollout, hours=60)
    assert (
        actions.advance_rollouts() == 0
        and not ModelVersion.objects.get(pk=rollout.version_id).is_followed
    ), "it stays held"


def test_what_was_always_so_is_no_reason():
    """Both sides refuse as often and are as slow: the caller's data, not the version."""
    rollout, first, others = begun()
    for held, version in ((others[0], old_of(rollout)), (first[0], rollout.version)):
        calls(held, version, 110, us=900_000)
        calls(held, version, 40, status=422)
    actions.advance_rollouts()
    assert now_of(rollout).state == "canary"


def test_a_single_consumer_is_compared_with_what_it_called_before():
    rollout, first, _ = begun(count=1)
    before = timezone.now() - timedelta(days=2)
    calls(first[0], old_of(rollout), 200, us=20_000, at=before)
    calls(first[0], rollout.version, 150, us=90_000)
    actions.advance_rollouts()
    after = now_of(rollout)
    assert after.state == "rolled_back" and after.figures["is_earlier"]


def test_too_few_calls_are_no_proof():
    rollout, first, _ = begun()
    calls(first[0], rollout.version, 30)
    later(rollout, days=13)
    actions.advance_rollouts()
    assert now_of(rollout).state == "canary", "they are not judged good for lack of calls"
    later(rollout, days=14)
    actions.advance_rollouts()
    assert now_of(rollout).reason == "Only 30 calls were made in 14 days; 100 are judged at least."
    assert answering(first) == ["1.0.0"]


def test_only_the_newest_calls_are_read(monkeypatch):
    """What was good for long and then breaks is seen."""
    rollout, first, others = begun()
    later(rollout, hours=10)
    monkeypatch.setattr(figures, "MOST", 100)
    calls(first[0], rollout.version, 2_000, at=timezone.now() - timedelta(hours=5))
    calls(first[0], rollout.version, 20, status=500)
    calls(others[0], old_of(rollout), 200)
    actions.advance_rollouts()
    assert now_of(rollout).state == "rolled_back"
    assert now_of(rollout).figures["canary"]["calls"] == 100


def test_guard_judges_as_the_page_says():
    old = Side(1000, 0, 0, 20_000)
    assert worse(Evidence(Side(100, 4), old), 100) == "", "fewer than five say nothing"
    assert worse(Evidence(Side(600, 5, 0, 20_000), old), 100) == "", "below one in a hundred"
    assert "failed" in worse(Evidence(Side(100, 5, 0, 20_000), old), 100)
    assert worse(Evidence(Side(10, 5), Side(1000, 300)), 100) == "", "it could still be made up"
    assert worse(Evidence(Side(100, 0, 0, 29_000), old), 100) == "", "less than half longer"
    assert worse(Evidence(Side(99, 0, 0, 90_000), old), 100) == "", "too few to say"
    assert worse(Evidence(Side(100, 0, 0, 9_000), Side(100, 0, 0, 1_000)), 100) == "", "noise"


def test_a_worker_that_is_killed_in_between_leaves_the_step_to_the_next(monkeypatch):
    rollout, held = announced(count=3)
    due(rollout)

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("consumption.rollouts.actions._tell", killed)
    with pytest.raises(KeyboardInterrupt):
        actions.advance_rollouts()
    assert now_of(rollout).state == "announced" and set(answering(held)) == {"1.0.0"}
    monkeypatch.undo()
    assert actions.advance_rollouts() == 1 and answering(held).count("1.1.0") == 1
    assert len(told(factories.maya(), "began")) == 1


def test_a_suspended_version_goes_back_at_once():
    rollout, first, _ = begun()
    ModelVersion.objects.filter(pk=rollout.version_id).update(suspended_at=timezone.now())
    actions.advance_rollouts()
    assert now_of(rollout).state == "stopped" and "1.1.0 is suspended" not in now_of(rollout).reason
    assert now_of(rollout).reason == "Spreading model 1.1.0 is stopped."
    assert answering(first) == ["1.0.0"]


# ── The version before answers no more ────────────────────────────────────


def suspend(version):
    ModelVersion.objects.filter(pk=version.pk).update(suspended_at=timezone.now())


def test_who_would_get_no_answer_gets_it_at_once():
    """Before its notice has run, before its turn; one that may not get it is told what to do."""
    rollout, held = announced(count=3)
    actions.hold_updates(factories.maya(), held[2])
    suspend(old_of(rollout))
    actions.advance_rollouts()
    actions.advance_rollouts()
    assert now_of(rollout).state == "announced", "those whom a version answers wait as they did"
    assert answering(held) == ["1.1.0", "1.1.0", "1.0.0"]
    assert told(factories.maya(), "caught") == [
        f"Desk {n}: Spreading model 1.1.0 answers its calls now, earlier" for n in (1, 2)
    ]
    assert told(factories.maya(), "waits") == [
        "Desk 3: nothing answers its calls, and Spreading model 1.1.0 waits"
    ]
    assert AuditEvent.objects.filter(action="rollout.catch").count() == 1


def test_a_worse_one_stays_where_nothing_else_answers():
    rollout, first, others = begun(count=3)
    suspend(old_of(rollout))
    actions.advance_rollouts()
    assert set(answering([*first, *others])) == {"1.1.0"}
    calls(first[0], rollout.version, 20, status=500)
    actions.advance_rollouts()
    assert now_of(rollout).state == "rolled_back"
    assert set(answering([*first, *others])) == {"1.1.0"}, "the one of before is suspended"
    assert len(told(factories.maya(), "kept")) == 3 and told(factories.maya(), "rolled-back") == []


# ── Holds, examples, moves ────────────────────────────────────────────────


def test_a_hold_keeps_its_application_out():
    rollout, held = announced(count=2)
    for one in held:
        actions.hold_updates(factories.maya(), one)
    due(rollout)
    actions.advance_rollouts()
    assert now_of(rollout).state == "announced", "nobody may get it"
    actions.release_updates(factories.maya(), held[1])
    actions.advance_rollouts()
    assert answering(held) == ["1.0.0", "1.1.0"]
    at_last_step(rollout)
    calls(held[1], rollout.version, 150)
    later(rollout, hours=50)
    actions.advance_rollouts()
    assert now_of(rollout).state == "completed" and answering(held) == ["1.0.0", "1.1.0"]


@pytest.fixture
def scores(monkeypatch):
    """Stands for the gateway: what each version answers."""
    known = {"1.0.0": 3700.0}

    def infer(slug, number, body, pass_text):
        count = body["inputs"][0]["shape"][0]
        output = {"name": "score", "datatype": "FP32", "shape": [count]}
        return Reply(200, {"outputs": [output | {"data": [known[number]] * count}]}, {}, 1.0)

    monkeypatch.setattr(gateway_client, "infer", infer)
    return known


def with_examples(scores, score):
    """(rollout, the one subscription with an example) after the examples ran on the announced version."""
    first = factories.published_version(factories.model(name="Spreading model"))
    held = factories.subscription(first)
    row = {"income": "4000", "debt": "300"}
    actions.add_example(factories.maya(), held, name="Salaried", row=row, low=3600, high=3800)
    factories.subscription(first, app=factories.application(name="Without"))
    scores["1.1.0"] = score
    version = factories.published_version(first.model, "1.1.0", by_canary=True)
    actions.offer_updates()
    for run in AcceptanceRun.objects.filter(state="queued"):
        actions.run_queued(run.pk)
    rollout = Rollout.objects.for_list().get(version=version)
    return rollout, Subscription.objects.for_list().get(pk=held.pk)


def test_examples_still_gate_and_the_page_says_whose_failed(scores):
    rollout, held = with_examples(scores, 900.0)
    due(rollout)
    actions.advance_rollouts()
    other = Subscription.objects.get(application__name="Without")
    assert answering([held, other]) == ["1.0.0", "1.1.0"]
    client = Client()
    client.force_login(factories.alice())
    shown = text_of(client.get(rollout.get_absolute_url()))
    assert "Loan origination" in shown and "1 example of its 1 failed" in shown
    at_last_step(rollout)
    calls(other, rollout.version, 150)
    later(rollout, hours=50)
    actions.advance_rollouts()
    assert now_of(rollout).state == "completed" and answering([held]) == ["1.0.0"]
    result = AcceptanceRun.objects.get().results.get()
    actions.accept_result(factories.maya(), result, "We read yearly figures now.")
    assert answering([held]) == ["1.1.0"]


def test_passed_examples_wait_for_their_turn(scores):
    rollout, held = with_examples(scores, 3710.0)
    assert AcceptanceRun.objects.get().state == "passed" and answering([held]) == ["1.0.0"]
    Subscription.objects.exclude(pk=held.pk).update(version_policy="pin_exact")
    due(rollout)
    actions.advance_rollouts()
    assert answering([held]) == ["1.1.0"]
    calls(held, rollout.version, 20, status=500)
    actions.advance_rollouts()
    assert answering([held]) == ["1.0.0"]
    assert Subscription.objects.get(pk=held.pk).hold == "examples"


def test_who_moved_by_themselves_stays_there():
    rollout, first, _ = begun(count=1)
    actions.move_version(factories.maya(), first[0], rollout.version)
    calls(first[0], rollout.version, 20, status=500)
    actions.advance_rollouts()
    assert now_of(rollout).state == "rolled_back" and answering(first) == ["1.1.0"]


def test_high_risk_reaches_those_only_who_said_yes():
    rollout, held = announced(count=2)
    Rollout.objects.update(needs_yes=True)
    due(rollout)
    actions.advance_rollouts()
    assert now_of(rollout).state == "announced"
    waiting = [one.title for one in deadlines.for_person(factories.maya(), held)]
    assert waiting == [
        "Desk 1: Spreading model 1.1.0 waits for your yes",
        "Desk 2: Spreading model 1.1.0 waits for your yes",
    ]
    assert deadlines.for_person(factories.alice(), []) == []
    with pytest.raises(NotAllowed):
        actions.agree_to_update(factories.alice(), rollout, held[0])
    actions.agree_to_update(factories.maya(), rollout, held[0])
    actions.advance_rollouts()
    at_last_step(rollout)
    calls(held[0], rollout.version, 150)
    later(rollout, hours=50)
    actions.advance_rollouts()
    assert now_of(rollout).state == "completed" and answering(held) == ["1.1.0", "1.0.0"]
    actions.agree_to_update(factories.maya(), rollout, held[1])
    assert answering(held) == ["1.1.0", "1.1.0"]


# ── People ────────────────────────────────────────────────────────────────


def test_its_team_stops_it_and_tries_again():
    rollout, first, _ = begun()
    for who in ("charlie", "maya", "vera"):
        with pytest.raises(NotAllowed):
            actions.stop_rollout(getattr(factories, who)(), rollout, REASON)
    with pytest.raises(Invalid):
        actions.stop_rollout(factories.alice(), rollout, "no")
    actions.stop_rollout(factories.alice(), rollout, REASON)
    assert answering(first) == ["1.0.0"] and now_of(rollout).stopped_by == factories.alice()
    with pytest.raises(RuleError):
        actions.stop_rollout(factories.alice(), rollout, REASON)
    again = actions.restart_rollout(factories.bob(), rollout)
    assert actions.advance_rollouts() == 1 and now_of(again).state == "canary"
    with pytest.raises(RuleError):
        actions.restart_rollout(factories.alice(), rollout)


def test_stopped_before_its_notice_had_run_it_still_waits_for_it():
    rollout, _ = announced()
    actions.stop_rollout(factories.alice(), rollout, REASON)
    again = actions.restart_rollout(factories.alice(), rollout)
    assert again.starts_at == rollout.starts_at and actions.advance_rollouts() == 0


def test_page_and_api_show_both_sides():
    rollout, first, others = begun()
    calls(first[0], rollout.version, 40)
    calls(first[0], rollout.version, 2, status=500)
    calls(others[0], old_of(rollout), 100)
    actions.advance_rollouts()
    client = Client()
    client.force_login(factories.maya())
    shown = text_of(client.get(rollout.get_absolute_url()))
    assert "2 (4.8 %)" in shown and "Among the first." in shown and "Stop the update" not in shown
    row = Api(factories.maya()).get(f"/api/v1/rollouts/{rollout.pk}/")
    assert row["figures"]["canary"]["failed"] == 2 and row["figures"]["old"]["calls"] == 100
    assert row["steps"][0]["percent"] == 5 and (row["step"], row["state"]) == (0, "canary")
    members = Api(factories.alice()).get(f"/api/v1/rollouts/{rollout.pk}/members/")
    assert len(members) == 4 and sum(one["is_canary"] for one in members) == 1
    factories.wealth()
    client.force_login(factories.alice())
    assert "Update to Spreading model 1.1.0" in text_of(
        client.get(reverse("consumption:consumers", args=[rollout.version.model.slug]))
    )
