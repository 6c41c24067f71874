"""Verbs of consumption: applications, plans, subscriptions."""

import pytest
from django.db import IntegrityError, transaction

from consumption import actions
from consumption.models import Application, Plan, Subscription
from governance import actions as governance
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    return factories.published_version()


@pytest.fixture
def asked(version):
    """maya's request for a plan that the owner approves."""
    factories.plan(version.model, slug="production", approval=Plan.Approval.OWNER)
    return factories.subscription(version, plan_slug="production")


def last_event(action):
    return AuditEvent.objects.filter(action=action).latest("pk")


# ── Applications ──────────────────────────────────────────────────────────


def test_an_application_belongs_to_a_team_that_pays():
    app = factories.application()
    assert (app.team, app.cost_centre, app.created_by) == (
        factories.mortgage(),
        "MO-200",
        factories.maya(),
    )
    assert last_event("application.create").object_id == str(app.pk)


@pytest.mark.parametrize(
    "who", [factories.charlie, factories.alice, factories.rita, factories.root]
)
def test_only_members_enter_applications_of_a_team(who):
    with pytest.raises(NotAllowed):
        actions.create_application(who(), team=factories.mortgage(), name="Mine")


def test_an_application_name_is_used_once_a_team():
    factories.application()
    with pytest.raises(Invalid) as refusal:
        actions.create_application(
            factories.maya(), team=factories.mortgage(), name="loan ORIGINATION"
        )
    assert refusal.value.field == "name"


def test_applications_are_seen_by_their_team_and_those_who_oversee():
    factories.application()
    people = (
        factories.maya,
        factories.alice,
        factories.charlie,
        factories.rita,
        factories.vera,
        factories.finn,
        factories.root,
    )
    assert [who().username for who in people if Application.objects.visible_to(who()).exists()] == [
        "maya",
        "rita",
        "vera",
        "finn",
    ]


# ── Plans ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", [factories.maya, factories.charlie, factories.rita, factories.root])
def test_only_the_publisher_offers_plans(who):
    entry = factories.model()
    with pytest.raises(NotAllowed):
        actions.offer_plan(who(), entry, slug="cheap", name="Cheap")


def test_offering_again_changes_the_plan_and_says_so():
    entry = factories.model()
    factories.plan(entry, rate_per_second=5)
    factories.plan(entry, rate_per_second=7)
    assert Plan.objects.get().rate_per_second == 7
    assert last_event("plan.offer").detail["terms"]["rate_per_second"] == "7"


# ── Subscriptions ─────────────────────────────────────────────────────────


def test_an_automatic_plan_is_active_at_once(version):
    subscription = factories.subscription(version)
    assert (subscription.state, subscription.pinned_version) == ("active", version)
    assert last_event("subscription.approve").actor.is_system
    assert Notice.objects.filter(recipient=factories.alice(), kind="subscription").exists()


def test_the_owner_approves(asked):
    assert asked.state == "pending"
    actions.approve_subscription(factories.alice(), asked, "A good use.")
    asked.refresh_from_db()
    assert (asked.state, asked.decided_by, asked.decision_reason) == (
        "active",
        factories.alice(),
        "A good use.",
    )
    assert last_event("subscription.approve").actor == factories.alice()
    assert Notice.objects.filter(
        recipient=factories.maya(), title__contains="yours to call"
    ).exists()


def test_the_owner_denies_with_a_reason(asked):
    with pytest.raises(Invalid):
        actions.deny_subscription(factories.alice(), asked, "no")
    actions.deny_subscription(factories.alice(), asked, "It is not made for loans to companies.")
    asked.refresh_from_db()
    assert asked.state == "denied"
    assert (
        Notice.objects.get(recipient=factories.maya(), title__contains="not granted").body
        == "It is not made for loans to companies."
    )


@pytest.mark.parametrize(
    "who", [factories.maya, factories.charlie, factories.rita, factories.vera, factories.root]
)
def test_nobody_else_decides(asked, who):
    with pytest.raises(NotAllowed):
        actions.approve_subscription(who(), asked, "Fine.")
    with pytest.raises(NotAllowed):
        actions.deny_subscription(who(), asked, "It is not made for that, sorry.")


def test_a_publisher_does_not_approve_their_own_request(version):
    factories.plan(version.model, slug="production", approval=Plan.Approval.OWNER)
    app = actions.create_application(factories.alice(), team=factories.lending(), name="Own use")
    own = factories.subscription(version, by=factories.alice(), app=app, plan_slug="production")
    with pytest.raises(NotAllowed):
        actions.approve_subscription(factories.alice(), own, "Fine.")
    actions.approve_subscription(factories.bob(), own, "Fine.")


def test_who_is_on_both_teams_does_not_approve_the_others_request(asked):
    """Bob asks nothing himself, but his consuming team does: he would answer his own team."""
    factories.person("bob", factories.lending(), factories.mortgage())
    with pytest.raises(NotAllowed):
        actions.approve_subscription(factories.bob(), asked, "Fine.")
    actions.approve_subscription(factories.alice(), asked, "A good use.")


@pytest.mark.parametrize(
    ("larger", "may"),
    [
        ({"rate_per_second": 21}, False),
        ({"monthly_quota": None}, False),
        ({"rate_per_second": 20, "price_micros_per_1000": 0}, True),
    ],
)
def test_one_approval_is_not_one_for_a_larger_plan(asked, larger, may):
    """An approved small plan was the way into every plan that the owner approves."""
    asked.plan.rate_per_second, asked.plan.monthly_quota = 20, 1000
    asked.plan.save()
    plan = factories.plan(
        asked.model,
        slug="larger",
        approval=Plan.Approval.OWNER,
        **{"monthly_quota": 1000} | larger,
    )
    with pytest.raises(RuleError, match="approves who gets"):
        actions.change_plan(factories.maya(), asked, plan)
    actions.approve_subscription(factories.alice(), asked, "A good use.")
    asked.refresh_from_db()
    if may:
        assert actions.change_plan(factories.maya(), asked, plan).plan == plan
    else:
        with pytest.raises(RuleError, match="approves who gets"):
            actions.change_plan(factories.maya(), asked, plan)
    Plan.objects.filter(pk=asked.plan_id).update(is_offered=False)
    asked.refresh_from_db()
    assert actions.may_move(asked, plan) or asked.plan == plan, "when its own plan ends"


def test_a_request_is_decided_once(asked):
    stale = Subscription.objects.get(pk=asked.pk)
    actions.approve_subscription(factories.alice(), asked, "A good use.")
    for again in (asked, stale):
        with pytest.raises(RuleError):
            actions.deny_subscription(factories.bob(), again, "It is not made for that, sorry.")


def test_one_open_subscription_an_application_and_model(version):
    factories.subscription(version)
    with pytest.raises(RuleError, match="already has a subscription"):
        factories.subscription(version)


def test_the_database_keeps_it_to_one_as_well(version):
    first = factories.subscription(version)
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.create(
            application=first.application,
            model=first.model,
            plan=first.plan,
            pinned_version=version,
            purpose="x",
            requested_by=factories.maya(),
        )


def test_nobody_subscribes_for_another_team(version):
    for stranger in (factories.charlie(), factories.alice(), factories.root()):
        with pytest.raises(NotAllowed):
            factories.subscription(version, by=stranger, app=factories.application())


def test_nobody_subscribes_to_what_they_cannot_see():
    version = factories.published_version(factories.model(visibility="restricted"))
    with pytest.raises(NotAllowed, match="cannot see"):
        factories.subscription(version)


def test_a_model_without_a_published_version_takes_nobody():
    version = factories.draft_version()
    app = actions.create_application(factories.alice(), team=factories.lending(), name="Own use")
    with pytest.raises(RuleError, match="no published version"):
        factories.subscription(version, by=factories.alice(), app=app)


def test_a_suspended_version_takes_nobody(version):
    governance.suspend(factories.sam(), version, "Wrong answers for self-employed people.")
    with pytest.raises(RuleError, match="takes no new subscriptions"):
        factories.subscription(version)


def test_a_plan_that_is_no_longer_offered_takes_nobody(version):
    factories.plan(version.model, is_offered=False)
    with pytest.raises(RuleError, match="no longer offered"):
        factories.subscription(version)


def test_a_version_of_another_model_cannot_be_chosen(version):
    other = factories.published_version(factories.model(name="Churn forecast"))
    with pytest.raises(RuleError):
        actions.subscribe(
            factories.maya(),
            application=factories.application(),
            plan=version.model.plans.get(),
            purpose="For loans.",
            version=other,
        )


def test_high_risk_takes_patches_only_unless_asked_otherwise():
    risky = factories.published_version(tier="high")
    assert factories.subscription(risky).version_policy == Subscription.Policy.AUTO_PATCH


def test_closing_ends_the_keys(version):
    subscription = factories.subscription(version)
    key, _ = factories.key(subscription)
    actions.close_subscription(factories.maya(), subscription)
    key.refresh_from_db()
    assert (subscription.state, key.state) == ("closed", "revoked")
    assert last_event("subscription.close").actor == factories.maya()


@pytest.mark.parametrize(
    "who", [factories.charlie, factories.alice, factories.rita, factories.root]
)
def test_only_its_team_closes_a_subscription(version, who):
    subscription = factories.subscription(version)
    with pytest.raises(NotAllowed):
        actions.close_subscription(who(), subscription)


def test_subscriptions_are_seen_by_both_sides_and_those_who_oversee(version):
    factories.subscription(version)
    people = (
        factories.maya,
        factories.alice,
        factories.bob,
        factories.charlie,
        factories.rita,
        factories.vera,
        factories.finn,
        factories.evan,
        factories.root,
    )
    seeing = [who().username for who in people if Subscription.objects.visible_to(who()).exists()]
    assert seeing == ["maya", "alice", "bob", "rita", "vera", "finn"]
