"""What needs a person (issue 13): dates and acts in one list, the soonest first; nothing about a subscription is hidden."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumption import actions, deadlines
from consumption.changes import actions as changes
from consumption.deadlines import Kind
from consumption.models import ApiKey, Plan, Subscription
from consumption.subscribing import holdings
from marketplace.notices.actions import notify
from marketplace.notices.models import Notice
from publishing import actions as publishing
from tests import factories
from tests.api.calls import Api
from tests.pages import text_of

pytestmark = pytest.mark.django_db
WHY = "The model now runs on larger machines."
DAY = timedelta(days=1)


def due_for(user):
    held = list(Subscription.objects.held_by(user).going_on().for_list())
    return deadlines.for_person(user, held)


def kinds(user):
    return [one.kind for one in due_for(user)]


def page(user, name="home", *arguments):
    client = Client()
    client.force_login(user)
    return text_of(client.get(reverse(name, args=arguments)))


@pytest.fixture
def held():
    """Maya's subscription with 100 calls a month."""
    entry = factories.model()
    factories.bob()
    factories.plan(entry, monthly_quota=100)
    return factories.subscription(factories.published_version(entry))


def expiring(subscription, left, life=90 * DAY, used=True, **facts):
    key, _ = factories.key(subscription, **facts)
    now = timezone.now()
    ApiKey.objects.filter(pk=key.pk).update(
        created_at=now + left - life,
        expires_at=now + left,
        last_used_at=now - DAY if used else None,
    )
    return key


# ── Quota ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("used", "lately", "needs"), [(100, 0, True), (80, 0, True), (79, 0, False), (10, 20, False)]
)
def test_a_quota_near_its_end_needs_somebody(held, used, lately, needs):
    factories.called(held, used)
    if lately:
        factories.called(held, lately, day=(timezone.now() - DAY).date())
    assert kinds(factories.maya()) == [Kind.QUOTA] * needs


def test_the_quota_says_when_it_is_reached_at_the_pace_of_the_last_week(held, monkeypatch):
    """98 of 100 used, 14 calls on each of the last seven days: 2 are left."""
    now = datetime(2026, 11, 12, 12, tzinfo=UTC)
    for back in range(1, 8):
        factories.called(held, 14, day=(now - back * DAY).date())
    monkeypatch.setattr(timezone, "now", lambda: now)
    [deadline] = due_for(factories.maya())
    assert (deadline.kind, deadline.is_at_risk) == (Kind.QUOTA, True)
    assert deadline.due == now + timedelta(days=2 / 14)
    assert "98 of 100 calls used; at 14 a day it is reached on Thursday" in deadline.text


# ── Keys ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("left", "life", "needs"),
    [
        (6 * DAY, 90 * DAY, True),
        (15 * DAY, 90 * DAY, False),
        (6 * DAY, 7 * DAY, False),
        (1 * DAY, 7 * DAY, True),
    ],
)
def test_a_key_that_ends_soon_needs_somebody(held, left, life, needs):
    key = expiring(held, left, life)
    found = due_for(factories.maya())
    assert [one.kind for one in found] == [Kind.KEY] * needs
    if needs:
        assert found[0].act_url == reverse("consumption:rotate_key", args=[key.kid])


def test_a_replaced_key_needs_somebody_only_while_it_is_called_with(held):
    key, _ = factories.key(held)
    actions.rotate_key(factories.maya(), key)
    assert kinds(factories.maya()) == []
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now() + timedelta(minutes=1))
    [deadline] = due_for(factories.maya())
    assert deadline.kind == Kind.KEY and "was replaced and still makes calls" in deadline.text


# ── What publishers announce ──────────────────────────────────────────────


def announced(held, kind, after=None, **about):
    change = changes.propose(
        factories.alice(), kind, model=held.model, after=after or {}, reason=WHY, **about
    )
    return changes.confirm(factories.bob(), change)


def test_the_end_of_a_plan_and_dearer_terms_are_dates(held):
    dearer = {"price_micros_per_1000": 9_000_000}
    terms = announced(held, "terms", dearer, plan=held.plan)
    end = announced(held, "withdrawal", plan=held.plan)
    found = {one.kind: one for one in due_for(factories.maya())}
    assert set(found) == {Kind.CHANGE, Kind.END}
    assert found[Kind.END].is_at_risk and found[Kind.END].due == end.effective_from
    assert not found[Kind.CHANGE].is_at_risk
    assert found[Kind.CHANGE].act_url == terms.get_absolute_url()
    assert due_for(factories.alice()) == [], "the publisher knows"


def test_a_version_that_ends_needs_somebody_until_they_have_moved(held):
    old = held.pinned_version
    change = publishing.deprecate(
        factories.alice(),
        old,
        sunset_at=datetime(2028, 1, 1, tzinfo=UTC),
        reason="Version 2 is better in every respect.",
        successor=None,
    )
    changes.confirm(factories.bob(), change)
    [deadline] = due_for(factories.maya())
    assert (deadline.kind, deadline.due.year, deadline.is_at_risk) == (Kind.VERSION, 2028, True)
    newer = factories.published_version(held.model, number="2.0.0")
    Subscription.objects.filter(pk=held.pk).update(pinned_version=newer)
    assert kinds(factories.maya()) == []
    factories.called(held, 1, version=old)
    assert kinds(factories.maya()) == [Kind.VERSION], "some program names the old version"


# ── Decisions ─────────────────────────────────────────────────────────────


def test_requests_wait_for_those_who_may_answer_them(held):
    factories.plan(held.model, slug="production", approval=Plan.Approval.OWNER)
    app = factories.application(name="Servicing")
    asked = factories.subscription(held.pinned_version, app=app, plan_slug="production")
    [deadline] = due_for(factories.alice())
    assert deadline.kind == Kind.REQUEST
    assert deadline.act_url == reverse("consumption:decide", args=[asked.pk])
    factories.person("bob", factories.lending(), factories.mortgage())
    assert kinds(factories.bob()) == [], "who is on both teams"
    assert kinds(factories.rita()) == kinds(factories.charlie()) == []
    actions.deny_subscription(factories.alice(), asked, "It is not made for loans to companies.")
    assert kinds(factories.alice()) == []
    [denied] = due_for(factories.maya())
    assert denied.kind == Kind.DENIED and "not made for loans" in denied.text


def test_a_plan_waits_for_who_may_grant_it_and_they_are_reminded(held):
    plan = factories.plan(held.model, slug="production", approval=Plan.Approval.OWNER)
    move = actions.move_plan(factories.maya(), held, plan, reason="A campaign doubles our calls.")
    [deadline] = due_for(factories.alice())
    assert (deadline.kind, deadline.act_url) == (Kind.PLAN, f"/moves/{move.pk}/decide/")
    assert "A campaign doubles our calls." in deadline.text
    factories.person("bob", factories.lending(), factories.mortgage())
    assert kinds(factories.bob()) == [], "who is on both teams"
    assert kinds(factories.rita()) == kinds(factories.maya()) == []
    asked = move.asked_at
    assert actions.remind_of_moves(asked + timedelta(hours=30)) == 0
    assert actions.remind_of_moves(asked + timedelta(days=4, hours=1)) == 1
    assert actions.remind_of_moves(asked + timedelta(days=6)) == 1
    assert actions.remind_of_moves(asked + timedelta(days=60)) == 0
    late = Notice.objects.filter(title__contains="waits since", read_at=None)
    assert late.filter(recipient=factories.alice()).count() == 2
    assert late.filter(recipient=factories.rita()).count() == 1
    assert Notice.objects.filter(recipient=factories.maya(), title__contains="escalated").exists()
    actions.approve_move(factories.alice(), move, WHY)
    assert kinds(factories.alice()) == [] and not late.exists()


def test_a_change_waits_for_its_second_person(held):
    change = changes.propose(
        factories.alice(), "withdrawal", model=held.model, plan=held.plan, after={}, reason=WHY
    )
    assert kinds(factories.alice()) == []
    [deadline] = due_for(factories.bob())
    assert (deadline.kind, deadline.act_url) == (Kind.PROPOSAL, change.get_absolute_url())
    assert kinds(factories.rita()) == [], "the team has a second person"
    factories.bob().memberships.update(left_at=timezone.now())
    assert kinds(factories.rita()) == [Kind.PROPOSAL]


# ── Pages ─────────────────────────────────────────────────────────────────


def test_home_leads_with_them_by_date_and_hides_no_subscription_at_risk(held):
    """The twelfth application, last by name, has the key that ends."""
    names = [f"Application {number:02}" for number in range(12)]
    others = [
        factories.subscription(held.pinned_version, app=factories.application(name=name))
        for name in names
    ]
    expiring(others[-1], 6 * DAY)
    expiring(others[3], 2 * DAY)
    due = due_for(factories.maya())
    assert [one.subscription for one in due] == [others[3], others[-1]]
    shown = holdings.held(
        list(Subscription.objects.held_by(factories.maya()).going_on().for_list()), due
    )
    assert [row.subscription for row in shown.holdings[:2]] == [others[3], others[-1]]
    assert (len(shown.holdings), shown.count) == (2 + holdings.SHOWN, 13)
    text = page(factories.maya())
    assert "2 things need you</h1>" in text and "Rotate the key" in text
    assert (
        text.index("Application 03") < text.index("Application 11") < text.index("Application 00")
    )
    assert "2 things need you" in page(factories.maya(), "consumption:access")


def test_application_pages_carry_the_warning_and_the_button(held):
    key = expiring(held, 6 * DAY)
    text = page(factories.maya(), "consumption:application", held.application.slug)
    assert "Key expires" in text and "in 6 days" in text
    assert reverse("consumption:rotate_key", args=[key.kid]) in text


def test_home_without_anything_to_do_begins_with_the_search(held):
    text = page(factories.charlie())
    assert "Find a model before you build one</h1>" in text and "things need you" not in text


@pytest.mark.parametrize("name", ["home", "catalog:models", "notices:notices", "tokens:tokens"])
def test_every_page_counts_the_unread_notices_in_its_header(name):
    for number in range(3):
        notify([factories.maya()], "change", "Something happened", key=f"terms-begun:{number}")
    assert '<span class="count">3</span> <span class="visually-hidden">unread notices' in page(
        factories.maya(), name
    )


def test_the_api_says_what_the_page_says(held):
    key = expiring(held, 6 * DAY)
    [row] = Api(factories.maya()).get("deadlines/")
    assert (row["kind"], row["subscription"], row["is_at_risk"]) == ("key", held.pk, True)
    assert row["act_url"] == reverse("consumption:rotate_key", args=[key.kid])
    assert Api(factories.charlie()).get("deadlines/") == []
