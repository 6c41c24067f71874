"""A live subscription moves to another version or plan; its keys stay (docs/moves.md; issue 13, Move)."""

import copy
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import actions, affected
from consumption.models import Move, Plan, Subscription
from consumption.moving import differences
from governance import actions as governance
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories
from tests.api.calls import Api
from tests.pages import text_of
from tests.snapshots import replayed

pytestmark = pytest.mark.django_db
STRANGERS = ["charlie", "alice", "rita", "vera", "otto", "root"]


@pytest.fixture
def held():
    return beside_another_version()


@replayed
def beside_another_version():
    """Maya's subscription with a key, which 1.0.0 answers; 2.0.0 is published, too."""
    first = factories.published_version()
    made = factories.subscription(first)
    factories.key(made)
    factories.published_version(first.model, "2.0.0")
    return made


@pytest.fixture
def second(held):
    return held.model.versions.get(number="2.0.0")


def now_of(held):
    return Subscription.objects.for_list().get(pk=held.pk)


def answering(held):
    return affected.answering([now_of(held)])[held.pk].number


def notices(person):
    return list(
        Notice.objects.filter(recipient=person, kind="move").order_by("pk").values_list("title")
    )


def pass_time(move, **fields):
    Move.objects.filter(pk=move.pk).update(**fields)
    return Move.objects.get(pk=move.pk)


# ── To another version ────────────────────────────────────────────────────


def test_a_move_is_made_at_once_with_the_same_key(held, second):
    key = held.keys.get()
    move = actions.move_version(factories.maya(), held, second)
    assert (move.state, answering(held)) == ("done", "2.0.0")
    assert held.keys.get().mac == key.mac and held.keys.get().is_live
    assert (move.from_version.number, move.from_policy) == ("1.0.0", "auto_minor")
    event = AuditEvent.objects.get(action="move.make")
    assert (event.actor, event.detail["origin"], event.detail["target"]) == (
        factories.maya(),
        "1.0.0",
        "2.0.0",
    )
    for person in (factories.maya(), factories.alice()):
        assert notices(person) == [("Loan origination is on 2.0.0 now (Income verification)",)]


@pytest.mark.parametrize("who", STRANGERS)
def test_only_its_team_moves_a_subscription(held, second, who):
    move = actions.move_version(
        factories.maya(), held, second, at=timezone.now() + timedelta(days=1)
    )
    person = getattr(factories, who)()
    with pytest.raises(NotAllowed):
        actions.move_version(person, held, second)
    with pytest.raises(NotAllowed):
        actions.cancel_move(person, move)
    with pytest.raises(NotAllowed):
        actions.undo_move(person, pass_time(move, state="done"))


def test_a_set_time_is_kept_and_two_sweeps_move_once(held, second):
    at = timezone.now() + timedelta(days=3)
    move = actions.move_version(factories.maya(), held, second, at=at)
    assert (move.state, move.effective_at, answering(held)) == ("scheduled", at, "1.0.0")
    assert actions.make_due_moves() == 0
    pass_time(move, effective_at=timezone.now())
    assert (actions.make_due_moves(), actions.make_due_moves()) == (1, 0)
    assert answering(held) == "2.0.0"
    assert AuditEvent.objects.get(action="move.make").actor.is_system
    assert Notice.objects.filter(key=f"move-made:{move.pk}").count() == 2
    told = Notice.objects.get(recipient=factories.maya(), key=f"move-scheduled:{move.pk}")
    assert told.read_at, "nobody has to look at it any more"


def test_a_move_is_cancelled_before_it_is_made(held, second):
    move = actions.move_version(
        factories.maya(), held, second, at=timezone.now() + timedelta(days=3)
    )
    with pytest.raises(RuleError, match="under way"):
        actions.move_version(factories.maya(), held, second)
    actions.cancel_move(factories.maya(), move)
    pass_time(move, effective_at=timezone.now())
    assert actions.make_due_moves() == 0 and answering(held) == "1.0.0"
    with pytest.raises(RuleError, match="already"):
        actions.cancel_move(factories.maya(), move)


def test_what_forbids_a_scheduled_move_is_told(held, second):
    move = actions.move_version(
        factories.maya(), held, second, at=timezone.now() + timedelta(days=3)
    )
    governance.suspend(factories.sam(), second, "Wrong answers for self-employed people.")
    pass_time(move, effective_at=timezone.now())
    assert actions.make_due_moves() == 0
    move = Move.objects.get(pk=move.pk)
    assert move.state == "failed" and "takes no new subscriptions" in move.note
    assert answering(held) == "1.0.0"
    assert Notice.objects.filter(recipient=factories.maya(), key=f"move-failed:{move.pk}").exists()


def test_a_closed_subscription_is_not_moved(held, second):
    move = actions.move_version(
        factories.maya(), held, second, at=timezone.now() + timedelta(days=3)
    )
    actions.close_subscription(factories.maya(), now_of(held))
    pass_time(move, effective_at=timezone.now())
    actions.make_due_moves()
    assert Move.objects.get(pk=move.pk).state == "failed"
    assert now_of(held).pinned_version.number == "1.0.0"
    with pytest.raises(RuleError, match="closed"):
        actions.move_version(factories.maya(), held, second)


@pytest.mark.parametrize(
    ("days", "said"), [(-1, "time to come"), (200, "within 180 days"), (40, "stops on")]
)
def test_a_time_that_cannot_be(held, second, days, said):
    ModelVersion.objects.filter(number="1.0.0").update(
        state="deprecated", sunset_at=timezone.now() + timedelta(days=30)
    )
    with pytest.raises(Invalid, match=said) as refusal:
        actions.move_version(
            factories.maya(), held, second, at=timezone.now() + timedelta(days=days)
        )
    assert refusal.value.field == "at"


def test_a_version_that_cannot_be_moved_to(held, second):
    other = factories.published_version(factories.model(name="Paper clips"))
    with pytest.raises(Invalid, match="another model"):
        actions.move_version(factories.maya(), held, other)
    with pytest.raises(RuleError, match="already"):
        actions.move_version(factories.maya(), held, held.pinned_version)
    ModelVersion.objects.filter(pk=second.pk).update(state="deprecated")
    second.refresh_from_db()
    with pytest.raises(RuleError, match="takes no new"):
        actions.move_version(factories.maya(), held, second)


def test_the_policy_must_let_the_chosen_version_answer(held, second):
    newer = factories.published_version(held.model, "2.1.0")
    with pytest.raises(Invalid, match="2.1.0 would answer") as refusal:
        actions.move_version(factories.maya(), held, second)
    assert refusal.value.field == "version_policy"
    actions.move_version(factories.maya(), held, second, version_policy="pin_exact")
    assert answering(held) == "2.0.0"
    actions.move_version(factories.maya(), held, newer, version_policy="auto_minor")
    assert answering(held) == "2.1.0"


# ── Undo ──────────────────────────────────────────────────────────────────


def test_a_move_is_undone_and_made_again(held, second):
    move = actions.move_version(factories.maya(), held, second, version_policy="pin_exact")
    actions.undo_move(factories.maya(), move, "The score reads differently.")
    assert answering(held) == "1.0.0" and now_of(held).version_policy == "auto_minor"
    assert Move.objects.get(pk=move.pk).state == "undone"
    assert AuditEvent.objects.get(action="move.undo").reason == "The score reads differently."
    assert notices(factories.alice())[-1] == (
        "Loan origination is back on 1.0.0 (Income verification)",
    )
    with pytest.raises(RuleError):
        actions.undo_move(factories.maya(), Move.objects.get(pk=move.pk))
    assert actions.move_version(factories.maya(), held, second).state == "done"


def test_undo_has_an_end(held, second):
    sunset = timezone.now() + timedelta(days=10)
    ModelVersion.objects.filter(number="1.0.0").update(state="deprecated", sunset_at=sunset)
    move = actions.move_version(factories.maya(), held, second)
    assert move.undo_until == sunset, "when what it came from stops"
    move = pass_time(move, undo_until=timezone.now())
    with pytest.raises(RuleError, match="could be undone until"):
        actions.undo_move(factories.maya(), move)


def test_only_the_last_move_is_undone_and_only_to_what_answers(held, second):
    first = actions.move_version(factories.maya(), held, second)
    third = factories.published_version(held.model, "3.0.0")
    last = actions.move_version(factories.maya(), held, third)
    with pytest.raises(RuleError, match="moved again"):
        actions.undo_move(factories.maya(), first)
    governance.suspend(factories.sam(), second, "Wrong answers for self-employed people.")
    with pytest.raises(RuleError, match=r"2\.0\.0 does not answer"):
        actions.undo_move(factories.maya(), last)
    assert answering(held) == "3.0.0"


# ── To another plan ───────────────────────────────────────────────────────


def test_a_plan_changes_at_once_or_at_a_time_and_back(held):
    plan = factories.plan(held.model, slug="large", price_micros_per_1000=1)
    move = actions.move_plan(factories.maya(), held, plan)
    assert (move.state, now_of(held).plan) == ("done", plan)
    actions.undo_move(factories.maya(), move)
    assert now_of(held).plan == held.plan
    later = actions.move_plan(factories.maya(), held, plan, at=timezone.now() + timedelta(days=2))
    assert now_of(held).plan == held.plan
    pass_time(later, effective_at=timezone.now())
    assert actions.make_due_moves() == 1 and now_of(held).plan == plan


def test_a_plan_that_the_owner_approves_is_asked_for(held):
    plan = factories.plan(held.model, slug="production", approval=Plan.Approval.OWNER)
    with pytest.raises(Invalid, match="what you need"):
        actions.move_plan(factories.maya(), held, plan)
    move = actions.move_plan(factories.maya(), held, plan, reason="A campaign doubles our calls.")
    assert (move.state, now_of(held).plan.slug) == ("requested", "standard")
    asked = Notice.objects.get(recipient=factories.alice(), key=f"move-requested:{move.pk}")
    assert asked.body == "A campaign doubles our calls."
    for who in ("charlie", "maya", "rita", "root"):
        with pytest.raises(NotAllowed):
            actions.approve_move(getattr(factories, who)(), move, "Fine.")
    actions.approve_move(factories.alice(), move, "A good use of the model.")
    assert now_of(held).plan == plan
    assert Move.objects.get(pk=move.pk).decided_by == factories.alice()
    assert AuditEvent.objects.get(action="move.approve").actor == factories.alice()


def test_an_approved_plan_waits_for_its_time(held):
    plan = factories.plan(held.model, slug="production", approval=Plan.Approval.OWNER)
    at = timezone.now() + timedelta(days=2)
    move = actions.move_plan(factories.maya(), held, plan, at=at, reason="A campaign in May.")
    actions.approve_move(factories.alice(), move, "A good use of the model.")
    assert now_of(held).plan.slug == "standard"
    pass_time(move, effective_at=timezone.now())
    actions.make_due_moves()
    assert now_of(held).plan == plan


def test_a_plan_is_got_on_the_terms_that_were_seen(held):
    """An owner could make a plan that nobody has dearer at once, and then approve."""
    plan = factories.plan(held.model, slug="production", approval=Plan.Approval.OWNER)
    move = actions.move_plan(factories.maya(), held, plan, reason="A campaign in May.")
    factories.plan(held.model, slug="production", price_micros_per_1000=9_000_000)
    with pytest.raises(RuleError, match="terms of the Production plan changed"):
        actions.approve_move(factories.alice(), move, "A good use of the model.")
    large = factories.plan(held.model, slug="large")
    actions.cancel_move(factories.maya(), move)
    later = actions.move_plan(factories.maya(), held, large, at=timezone.now() + timedelta(days=2))
    factories.plan(held.model, slug="large", price_micros_per_1000=9_000_000)
    pass_time(later, effective_at=timezone.now())
    assert actions.make_due_moves() == 0
    assert Move.objects.get(pk=later.pk).state == "failed" and now_of(held).plan == held.plan


def test_the_owner_says_no_with_a_reason(held):
    plan = factories.plan(held.model, slug="production", approval=Plan.Approval.OWNER)
    move = actions.move_plan(factories.maya(), held, plan, reason="A campaign in May.")
    with pytest.raises(Invalid):
        actions.deny_move(factories.alice(), move, "no")
    actions.deny_move(factories.alice(), move, "We have no capacity before autumn.")
    assert Move.objects.get(pk=move.pk).state == "denied"
    assert now_of(held).plan.slug == "standard"
    assert (
        Notice.objects.get(recipient=factories.maya(), key=f"move-decided:{move.pk}").body
        == "We have no capacity before autumn."
    )


def test_nobody_approves_their_own_plan():
    version = factories.published_version()
    plan = factories.plan(version.model, slug="production", approval=Plan.Approval.OWNER)
    app = actions.create_application(factories.alice(), team=factories.lending(), name="Own use")
    own = factories.subscription(version, by=factories.alice(), app=app)
    move = actions.move_plan(factories.alice(), own, plan, reason="Our own use grows.")
    with pytest.raises(NotAllowed):
        actions.approve_move(factories.alice(), move, "Fine.")
    factories.person("bob", factories.lending())
    actions.approve_move(factories.bob(), move, "Fine.")


# ── In the caller's words ─────────────────────────────────────────────────


def field(name, datatype="FP32", **more):
    return {"name": name, "datatype": datatype, "shape": [-1], "required": True, **more}


def acts(old, new):
    return {
        (row.act.value, row.old, row.new, row.must)
        for row in differences.between(old, new)
        if row.act != differences.Act.UNCHANGED
    }


def test_differences_say_what_a_caller_does():
    old = {
        "inputs": [
            field("stated_income"),
            field("credits_monthly", unit="USD"),
            field("region", "BYTES", enum=["north", "south"]),
            field("fax", "BYTES"),
        ],
        "outputs": [field("income"), field("band", "BYTES")],
    }
    new = {
        "inputs": [
            field("stated_income", unit="EUR"),
            field("credits_yearly", unit="USD"),
            field("region", "BYTES", enum=["north", "south", "east"]),
            field("has_job", "BOOL"),
            field("note", "BYTES", required=False),
        ],
        "outputs": [field("income", "FP64"), field("gap")],
    }
    assert acts(old, new) == {
        ("replace", "credits_monthly", "credits_yearly", True),
        ("drop", "fax", "", True),
        ("send", "", "has_job", True),
        ("may_send", "", "note", False),
        ("may_send", "region", "region", False),
        ("described", "stated_income", "stated_income", False),
        ("change", "", "", True),  # has_job stands where region stood
        ("stop_reading", "band", "", True),
        ("read_differently", "income", "income", True),
        ("new_answer", "", "gap", False),
    }


def test_an_unrelated_new_input_replaces_nothing():
    old, new = {"inputs": [field("age")]}, {"inputs": [field("household_wealth")]}
    assert acts(old, new) == {
        ("drop", "age", "", True),
        ("send", "", "household_wealth", True),
    }


def test_the_same_signature_changes_nothing():
    rows = differences.between(factories.signature(), factories.signature())
    assert {row.act.value for row in rows} == {"unchanged"}
    assert differences.sentence(rows) == "Your calls stay as they are"


# ── Pages and API ─────────────────────────────────────────────────────────


def browser(who=factories.maya):
    client = Client()
    client.force_login(who())
    return client


def test_the_page_says_what_changes_and_moves(held, second):
    signature = copy.deepcopy(second.signature)
    signature["inputs"].append(field("debt_share", description="Debt as a share of income"))
    ModelVersion.objects.filter(pk=second.pk).update(signature=signature)
    client, address = browser(), reverse("consumption:move", args=[held.pk])
    shown = text_of(client.get(address))
    assert "Move to Income verification 2.0.0" in shown
    assert "1 input to change" in shown and "Debt as a share of income." in shown
    late = client.post(address, {"to": "2.0.0", "when": "at", "version_policy": "auto_minor"})
    assert late.status_code == 422 and "Choose a date and a time." in text_of(late)
    done = client.post(
        address, {"to": "2.0.0", "when": "now", "version_policy": "auto_minor"}, follow=True
    )
    assert "its keys stay" in text_of(done) and "Undo the move" in text_of(done)
    move = Move.objects.get()
    client.post(reverse("consumption:undo_move", args=[move.pk]), {"reason": ""})
    assert answering(held) == "1.0.0"


def test_the_page_of_an_application_and_of_the_model_lead_there(held):
    address = reverse("consumption:move", args=[held.pk])
    client = browser()
    assert address in text_of(client.get(held.application.get_absolute_url()))
    ModelVersion.objects.filter(number="1.0.0").update(state="deprecated")
    assert address in text_of(client.get(held.model.get_absolute_url()))


def test_the_newest_has_nothing_to_move_to():
    held = factories.subscription()
    page = browser().get(reverse("consumption:move", args=[held.pk]))
    assert "Nothing to move to" in text_of(page)


def test_the_page_of_plans_begins_with_the_price(held):
    factories.called(held, calls=2_000)
    plan = factories.plan(
        held.model,
        slug="production",
        approval=Plan.Approval.OWNER,
        price_micros_per_1000=4_000_000,
    )
    client, address = browser(), reverse("consumption:change_plan", args=[held.pk])
    shown = text_of(client.get(address, {"plan": plan.pk}))
    assert "8.00\u00a0USD more" in shown and "Ask for Production" in shown
    assert client.post(address, {"plan": plan.pk}).status_code == 422, "without saying what for"
    assert (
        client.post(address, {"plan": plan.pk, "reason": "A campaign in May."}).status_code == 302
    )
    move = Move.objects.get()
    owner = browser(factories.alice)
    decide = reverse("consumption:decide_move", args=[move.pk])
    assert "A campaign in May." in text_of(owner.get(decide))
    assert owner.post(decide, {"decision": "approve", "reason": "Good."}).status_code == 302
    assert now_of(held).plan == plan


def test_the_api_mirrors_the_page(held, second):
    maya = Api(factories.maya())
    asked = {"subscription": held.pk, "version": "2.0.0"}
    shown = maya.post("moves/preview/", asked)
    assert (shown["from_version"], shown["to_version"]) == ("1.0.0", "2.0.0")
    assert {row["act"] for row in shown["differences"]} == {"unchanged"}
    made = maya.post("moves/", asked, expect=201)
    assert (made["state"], made["to_version"], made["to_plan"]) == ("done", "2.0.0", None)
    assert maya.post(f"moves/{made['id']}/undo/", {})["state"] == "undone"
    at = (timezone.now() + timedelta(days=1)).isoformat()
    later = maya.post("moves/", asked | {"at": at}, expect=201)
    assert later["state"] == "scheduled"
    assert maya.post(f"moves/{later['id']}/cancel/", {})["state"] == "cancelled"
    wrong = maya.post("moves/", asked | {"version": "9.9.9"}, expect=422)
    assert wrong["field"] == "version"
    both = asked | {"plan": held.plan_id}
    assert maya.post("moves/", both, expect=422)["errors"][0]["field"] == "version"
    assert [row["id"] for row in maya.get("moves/?state=undone")["results"]] == [made["id"]]
    assert len(Api(factories.alice()).get("moves/")["results"]) == 2, "the owners see it"
    assert Api(factories.charlie()).get("moves/")["results"] == []
