"""Acceptance tests gate automatic updates; updates are held, rolled back, and announced to those on their path (docs/moves.md)."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumption import actions, affected
from consumption.models import AcceptanceExample, AcceptanceRun, SandboxHour, Subscription
from consumption.playground import gateway_client
from consumption.playground.gateway_client import Reply
from hosting.gateway.auth import snapshot
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories
from tests.api.calls import Api
from tests.pages import text_of

pytestmark = pytest.mark.django_db
ROW = {"income": "4000", "debt": "300"}
STRANGERS = ["charlie", "alice", "rita", "vera", "root"]


class Versions:
    """Stands for the gateway: what each version answers to every row; a version that is not named does not answer."""

    def __init__(self):
        self.scores = {}

    def infer(self, slug, number, body, pass_text):
        if number not in self.scores:
            raise gateway_client.Unreachable
        count = body["inputs"][0]["shape"][0]
        data = [self.scores[number]] * count
        output = {"name": "score", "datatype": "FP32", "shape": [count], "data": data}
        return Reply(200, {"outputs": [output]}, {}, 1.0)


@pytest.fixture
def versions(monkeypatch):
    stand_in = Versions()
    stand_in.scores["1.0.0"] = 3700.0
    monkeypatch.setattr(gateway_client, "infer", stand_in.infer)
    return stand_in


@pytest.fixture
def held(versions):
    """Maya's subscription, which takes minor updates by itself."""
    return factories.subscription(factories.published_version())


def example(held, name="Self-employed", **accepts):
    return actions.add_example(
        factories.maya(), held, name=name, row=ROW, **(accepts or {"low": 3600, "high": 3800})
    )


def now_of(held):
    return Subscription.objects.for_list().get(pk=held.pk)


def answering(held):
    return affected.answering([now_of(held)])[held.pk].number


def released(held, versions, score, number="1.1.0"):
    """A newer version is published, and the marketplace does what the clock makes it do."""
    version = factories.published_version(held.model, number)
    versions.scores[number] = score
    work()
    return version


def work():
    actions.offer_updates()
    for run in AcceptanceRun.objects.filter(state="queued"):
        actions.run_queued(run.pk)


def titles(person):
    told = Notice.objects.filter(recipient=person, kind="version.published").order_by("pk")
    return [notice.title for notice in told]


# ── The gate ──────────────────────────────────────────────────────────────


def test_without_examples_an_update_arrives_as_ever(held, versions):
    released(held, versions, 1.0)
    assert answering(held) == "1.1.0" and not AcceptanceRun.objects.exists()


def test_an_update_waits_for_the_examples_and_goes_on_when_they_pass(held, versions):
    example(held)
    version = factories.published_version(held.model, "1.1.0")
    assert answering(held) == "1.0.0", "not for a moment before they passed"
    assert titles(factories.maya())[-1].endswith("reaches it when its examples pass")
    versions.scores["1.1.0"] = 3710.0
    work()
    work()
    run = AcceptanceRun.objects.get()
    assert (run.version, run.state, run.is_automatic, run.failed) == (version, "passed", True, 0)
    assert answering(held) == "1.1.0"
    assert "its examples passed" in titles(factories.maya())[-1]
    assert AuditEvent.objects.get(action="updates.follow").actor.is_system
    assert not SandboxHour.objects.exists(), "nobody's hour"


def test_a_failing_example_holds_the_update_and_says_whose(held, versions):
    """Issue 13, Done 7: they stop an upgrade that breaks a consumer and say whose example failed."""
    example(held)
    example(held, "Salaried", low=0)
    released(held, versions, 900.0)
    assert answering(held) == "1.0.0"
    assert "1.1.0 is held: “Self-employed” failed" in titles(factories.maya())[-1]
    told = Notice.objects.filter(recipient=factories.alice(), key__startswith="examples-failed")
    assert [notice.title for notice in told] == [
        "Loan origination holds Income verification 1.1.0: 1 of its 2 examples failed"
    ]
    assert not any("900" in f"{one.title} {one.body}" for one in told), "the owner sees no data"
    work()
    assert AcceptanceRun.objects.count() == 1, "once for each version"


def test_a_failed_example_that_is_deleted_no_longer_counts(held, versions):
    failing = example(held)
    example(held, "Salaried", low=0)
    released(held, versions, 900.0)
    assert answering(held) == "1.0.0"
    actions.delete_example(factories.maya(), failing)
    run = AcceptanceRun.objects.get()
    assert (run.state, run.examples, run.failed) == ("passed", 1, 0)
    assert answering(held) == "1.1.0", "at once"


def test_a_later_version_that_passes_is_followed(held, versions):
    example(held)
    released(held, versions, 900.0)
    released(held, versions, 3705.0, "1.1.1")
    assert answering(held) == "1.1.1"


def test_its_team_accepts_what_differs_with_a_reason(held, versions):
    example(held)
    released(held, versions, 900.0)
    run = AcceptanceRun.objects.get()
    result = run.results.get()
    for who in STRANGERS:
        with pytest.raises(NotAllowed):
            actions.accept_result(getattr(factories, who)(), result, "We read yearly figures now.")
    with pytest.raises(Invalid):
        actions.accept_result(factories.maya(), result, "ok")
    actions.accept_result(factories.maya(), result, "We read yearly figures now.")
    assert AcceptanceRun.objects.get().state == "passed" and answering(held) == "1.1.0"
    assert AuditEvent.objects.get(action="example.accept").reason == "We read yearly figures now."


def test_no_answer_is_no_pass(held, versions):
    example(held)
    factories.published_version(held.model, "1.1.0")
    work()
    run = AcceptanceRun.objects.get()
    assert (run.state, run.attempts, answering(held)) == ("queued", 1, "1.0.0")
    for _ in range(4):
        AcceptanceRun.objects.update(claimed_at=None)
        work()
    assert AcceptanceRun.objects.get().state == "failed" and answering(held) == "1.0.0"
    assert "1.1.0 did not answer." in AcceptanceRun.objects.get().results.get().why


def test_two_workers_run_once(held, versions):
    example(held)
    factories.published_version(held.model, "1.1.0")
    versions.scores["1.1.0"] = 3700.0
    actions.offer_updates()
    run = AcceptanceRun.objects.get()
    AcceptanceRun.objects.update(claimed_at=timezone.now())
    actions.run_queued(run.pk)
    assert AcceptanceRun.objects.get().state == "queued", "another one has it"
    AcceptanceRun.objects.update(claimed_at=None)
    actions.run_queued(run.pk)
    actions.run_queued(run.pk)
    assert run.results.count() == 1


def test_without_its_last_example_updates_arrive_again(held, versions):
    kept = example(held)
    released(held, versions, 900.0)
    actions.delete_example(factories.maya(), kept)
    assert answering(held) == "1.1.0" and now_of(held).hold == ""
    assert not AcceptanceRun.objects.get().results.exists(), "what was answered went with it"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"low": None}, "low"),
        ({"low": 2, "high": 1}, "high"),
        ({"low": 1, "row": {}}, "row"),
        ({"low": 1, "row": {"income": "1" * 70_000}}, "row"),
    ],
)
def test_an_example_that_says_nothing(held, wrong, field):
    with pytest.raises(Invalid) as refusal:
        actions.add_example(factories.maya(), held, **{"name": "One", "row": ROW} | wrong)
    assert refusal.value.field == field


def test_examples_are_the_teams_alone(held):
    kept = example(held)
    with pytest.raises(Invalid, match="already"):
        example(held)
    for who in STRANGERS:
        person = getattr(factories, who)()
        assert not AcceptanceExample.objects.visible_to(person).exists(), who
        with pytest.raises(NotAllowed):
            actions.add_example(person, held, name="Another", row=ROW, low=1)
        with pytest.raises(NotAllowed):
            actions.delete_example(person, kept)


def test_a_move_waits_for_the_examples_too(held, versions):
    example(held)
    second = factories.published_version(held.model, "2.0.0")
    versions.scores["2.0.0"] = 900.0
    with pytest.raises(RuleError, match="not run on 2.0.0 yet"):
        actions.move_version(factories.maya(), held, second)
    run = actions.run_examples(factories.maya(), held, second)
    assert (run.state, run.failed) == ("failed", 1)
    with pytest.raises(RuleError, match="1 of 1 examples failed"):
        actions.move_version(factories.maya(), held, second)
    actions.accept_result(factories.maya(), run.results.get(), "We read yearly figures now.")
    actions.move_version(factories.maya(), held, second)
    assert answering(held) == "2.0.0"
    assert now_of(held).held_version == second, "later ones pass them first"


# ── Hold, roll back ───────────────────────────────────────────────────────


def test_updates_are_held_and_go_on(held, versions):
    actions.hold_updates(factories.maya(), held, 30)
    released(held, versions, 1.0)
    assert answering(held) == "1.0.0"
    actions.release_updates(factories.maya(), held)
    assert answering(held) == "1.1.0"
    with pytest.raises(RuleError):
        actions.release_updates(factories.maya(), held)


def test_a_hold_ends_by_itself(held, versions):
    actions.hold_updates(factories.maya(), held, 90)
    released(held, versions, 1.0)
    assert actions.end_holds() == 0
    Subscription.objects.filter(pk=held.pk).update(held_until=timezone.now())
    assert actions.end_holds() == 1 and answering(held) == "1.1.0"


@pytest.mark.parametrize("days", [0, 91])
def test_nobody_holds_for_ever(held, days):
    with pytest.raises(Invalid):
        actions.hold_updates(factories.maya(), held, days)


def test_an_automatic_update_is_rolled_back(held, versions):
    with pytest.raises(RuleError, match="No version before"):
        actions.roll_back(factories.maya(), held)
    released(held, versions, 1.0)
    for who in STRANGERS:
        with pytest.raises(NotAllowed):
            actions.roll_back(getattr(factories, who)(), held)
    actions.roll_back(factories.maya(), held)
    assert answering(held) == "1.0.0"
    assert now_of(held).held_until > timezone.now() + timedelta(days=29)
    assert "rolled back from 1.1.0 to 1.0.0" in titles(factories.alice())[-1]


def test_what_is_pinned_has_nothing_to_hold(held):
    Subscription.objects.update(version_policy="pin_exact")
    with pytest.raises(RuleError, match="stays on exactly"):
        actions.hold_updates(factories.maya(), held)


def test_an_undone_move_stays_where_it_was(held, versions):
    second = factories.published_version(held.model, "2.0.0")
    move = actions.move_version(factories.maya(), held, second)
    released(held, versions, 1.0)
    actions.undo_move(factories.maya(), move)
    assert answering(held) == "1.0.0", "not on 1.1.0, which came out meanwhile"


def test_the_gateway_knows_the_hold(held, versions):
    key, _ = factories.key(held)
    assert snapshot.api_keys([key.kid])[0].held is None
    actions.hold_updates(factories.maya(), held)
    assert snapshot.api_keys([key.kid])[0].held == held.pinned_version.precedence


def test_whom_an_end_affects_follows_the_hold(held, versions):
    actions.hold_updates(factories.maya(), held)
    newer = released(held, versions, 1.0)
    assert list(affected.following(held.pinned_version)) == [held]
    assert not affected.following(newer).exists()


# ── Announced to those on its path ────────────────────────────────────────


def test_who_runs_something_else_is_not_told(held, versions):
    """Three notices had reached a team that runs something else."""
    second = factories.published_version(held.model, "2.0.0")
    assert titles(factories.maya())[-1] == "Loan origination: Income verification 2.0.0 is there"
    actions.move_version(factories.maya(), held, second)
    before = titles(factories.maya())
    released(held, versions, 1.0, "1.0.1")
    assert titles(factories.maya()) == before, "1.0.1 is nothing for who runs 2.0.0"
    released(held, versions, 1.0, "2.0.1")
    assert titles(factories.maya())[-1].endswith("2.0.1 answers its calls now")


def test_a_new_major_version_is_told_once_and_its_patches_are_not(held, versions):
    factories.published_version(held.model, "2.0.0")
    before = titles(factories.maya())
    factories.published_version(held.model, "2.0.1")
    assert titles(factories.maya()) == before


def test_the_notice_names_the_application_and_what_to_do(held, versions):
    released(held, versions, 1.0)
    notice = Notice.objects.get(recipient=factories.maya(), kind="version.published")
    assert notice.title == "Loan origination: Income verification 1.1.0 answers its calls now"
    assert "You need not do anything." in notice.body
    assert notice.url == f"{reverse('consumption:move', args=[held.pk])}?to=1.1.0"


# ── Pages and API ─────────────────────────────────────────────────────────


def browser(who=factories.maya):
    client = Client()
    client.force_login(who())
    return client


def test_the_pages(held, versions):
    client, address = browser(), reverse("consumption:acceptance", args=[held.pk])
    given = {"name": "Self-employed", "output": "score", "low": "3600", "high": "3800"}
    wrong = client.post(address, given | {"values": "nonsense"})
    assert wrong.status_code == 422 and "nonsense" in text_of(wrong)
    assert (
        client.post(address, given | {"values": '{"income": 4000, "debt": 300}'}).status_code == 302
    )
    assert AcceptanceExample.objects.get().row == ROW
    released(held, versions, 900.0)
    shown = text_of(client.get(address))
    assert "900 is outside 3,600 to 3,800." in shown and "Accept with a reason" in shown
    application = text_of(client.get(held.application.get_absolute_url()))
    assert "Newer versions pass your examples first." in application
    move = text_of(client.get(reverse("consumption:move", args=[held.pk]), {"to": "1.1.0"}))
    assert "1 of 1 examples failed on 1.1.0." in move
    owner = text_of(browser(factories.alice).get(f"{held.model.get_absolute_url()}consumers/"))
    assert "Acceptance examples on 1.1.0: failed" in owner and "is outside" not in owner
    result = AcceptanceRun.objects.get().results.get()
    accept = reverse("consumption:accept_result", args=[result.pk])
    client.post(accept, {"reason": "We read yearly figures now."})
    assert answering(held) == "1.1.0"
    assert client.post(reverse("consumption:roll_back", args=[held.pk])).status_code == 302
    assert answering(held) == "1.0.0"


def test_the_api(held, versions):
    maya, alice = Api(factories.maya()), Api(factories.alice())
    given = {"subscription": held.pk, "name": "One", "row": ROW, "low": 3600, "high": 3800}
    made = maya.post("acceptance-examples/", given, expect=201)
    released(held, versions, 900.0)
    (run,) = maya.get("acceptance-runs/?state=failed")["results"]
    assert run["results"][0]["why"] == "900 is outside 3,600 to 3,800."
    (seen,) = alice.get("acceptance-runs/")["results"]
    assert (seen["state"], seen["results"]) == ("failed", None), "passed or failed, not the data"
    assert alice.get("acceptance-examples/")["results"] == []
    answer = {"example": made["id"], "reason": "We read yearly figures now."}
    assert maya.post(f"acceptance-runs/{run['id']}/accept/", answer)["state"] == "passed"
    assert maya.get(f"subscriptions/{held.pk}/")["held_version"] == "1.1.0"
    assert maya.post(f"subscriptions/{held.pk}/roll-back/", {})["hold"] == "rolled_back"
    maya.client.delete(f"/api/v1/acceptance-examples/{made['id']}/")
    assert not AcceptanceExample.objects.exists()
    assert maya.post(f"subscriptions/{held.pk}/release/", {})["hold"] == ""
