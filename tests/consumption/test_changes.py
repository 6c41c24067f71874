"""What consumers rely on changes only with notice, by two people, and everybody concerned is told (issue 9, A1 and B5)."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog import actions as catalog
from catalog.models import RegisteredModel
from consumption import actions
from consumption.changes import actions as changes
from consumption.metering import rollups
from consumption.models import ApiKey, Plan, PlanTerms, ScheduledChange, Subscription
from hosting.gateway.auth import snapshot
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories
from tests.consumption.test_reconciliation import call
from tests.pages import text_of

pytestmark = pytest.mark.django_db
WHY = "The model now runs on larger machines."
DEARER = {"price_micros_per_1000": 5_000_000}


@pytest.fixture
def held(db):
    """Maya's subscription to a plan of 4.00 USD for 1,000 calls, with two calls, one of which is billed."""
    entry = factories.model()
    factories.bob()
    factories.plan(entry, price_micros_per_1000=4_000_000, rate_per_second=20, monthly_quota=1000)
    made = factories.subscription(factories.published_version(entry))
    factories.key(made)
    for _ in range(2):
        call(made, made.pinned_version, timezone.now() - timedelta(days=1))
    rollups.mark_all_stale()
    rollups.roll_up_all()
    return made


def propose(held, by=None, kind="terms", after=None, **more):
    about = {"model": held.model, **({} if kind == "visibility" else {"plan": held.plan})}
    return changes.propose(
        by or factories.alice(),
        kind,
        **about,
        after=DEARER if after is None else after,
        reason=WHY,
        **more,
    )


def told(person):
    return list(Notice.objects.filter(recipient=person, kind="change").order_by("pk"))


def pass_time(change):
    """The notice has run."""
    then = timezone.now() - timedelta(seconds=1)
    ScheduledChange.objects.filter(pk=change.pk).update(effective_from=then)
    if change.kind == "terms":
        change.plan.terms.filter(effective_from__gt=timezone.now()).update(
            effective_from=timezone.now()
        )


# ── Worse terms: two people, a notice, everybody told ─────────────────────


@pytest.mark.parametrize(
    "worse",
    [
        {"price_micros_per_1000": 4_000_001},
        {"rate_per_second": 19},
        {"burst": 39},
        {"concurrency": 15},
        {"monthly_quota": 999},
        {"price_micros_per_1000": 5_000_000, "rate_per_second": 500, "monthly_quota": None},
    ],
)
def test_one_person_makes_nothing_dearer_or_tighter(held, worse):
    """A1: silently, by one person. Mixed changes are worse ones."""
    with pytest.raises(
        RuleError, match="1 application of 1 team, which made 2 calls in the last 30 days"
    ) as refusal:
        factories.plan(held.model, **{"name": "Standard"} | worse)
    assert (
        f"/models/{held.model.slug}/plans/standard/change/" in refusal.value.sentence
        and "second person" in refusal.value.sentence
    )
    change = propose(held, after=worse)
    assert change.state == "proposed" and held.plan.terms.count() == 1
    held.plan.refresh_from_db()
    assert (held.plan.price_micros_per_1000, held.plan.rate_per_second) == (4_000_000, 20)


@pytest.mark.parametrize(
    "better",
    [
        {"price_micros_per_1000": 3_000_000},
        {"rate_per_second": 30},
        {"monthly_quota": None},
        {"burst": 50, "concurrency": 17},
    ],
)
def test_better_terms_begin_at_once_and_are_told(held, better):
    factories.plan(held.model, name="Standard", **better)
    held.plan.refresh_from_db()
    assert {
        name: getattr(held.plan, name) for name in better
    } == better and held.plan.terms.count() == 2
    assert "better from today" in told(factories.maya())[-1].title


def test_who_proposed_it_never_confirms_it_even_as_the_marketplace_manager(held):
    change = propose(held)
    factories.also(factories.alice(), "curator")
    for person in (
        factories.alice(),
        factories.maya(),
        factories.charlie(),
        factories.vera(),
        factories.root(),
    ):
        with pytest.raises(NotAllowed):
            changes.confirm(person, change)
        with pytest.raises(NotAllowed):
            changes.refuse(person, change, "I do not want to pay for this.")
    assert ScheduledChange.objects.get().state == "proposed" and not told(factories.maya())


@pytest.mark.parametrize("second", [factories.bob, factories.rita])
def test_a_second_person_confirms_it_and_subscribers_are_told_what_it_means_in_money(held, second):
    change = propose(held)
    assert [notice.title for notice in told(factories.bob())] == [
        f"To confirm: New terms of a plan: Standard ({held.model})"
    ]
    changes.confirm(second(), change)
    change.refresh_from_db()
    first = changes.first_start()
    assert (
        change.state == "scheduled"
        and change.effective_from == first >= timezone.now() + timedelta(days=30)
    )
    [notice] = told(factories.maya())
    assert (
        notice.title
        == f"Loan origination: the Standard plan of {held.model} changes on {first:%-d %B %Y}"
    )
    for fact in (
        "5.00\u00a0USD per 1,000 calls instead of 4.00\u00a0USD per 1,000 calls",
        f"{first:%-d %B %Y}, 00:00 UTC",
        WHY,
    ):
        assert fact in notice.body
    assert (
        "2 billed calls of the last 30 days cost 0.01\u00a0USD at the old price" in notice.body
        and "0.01\u00a0USD at the new one" in notice.body
    )
    assert {
        event.action
        for event in AuditEvent.objects.filter(object_type="consumption.scheduledchange")
    } == {"change.propose", "change.confirm"}


def test_the_terms_begin_by_the_clock_and_reach_the_gateway(
    held, django_capture_on_commit_callbacks
):
    change = changes.confirm(
        factories.bob(), propose(held, after={"rate_per_second": 5, "monthly_quota": 100})
    )
    key = ApiKey.objects.get()
    assert changes.begin_what_is_due() == 0
    [record] = snapshot.api_keys([key.kid])
    assert (record.rate, record.quota) == (20, 1000)
    pass_time(change)
    assert changes.begin_what_is_due() == 1 and changes.begin_what_is_due() == 0, (
        "two sweeps do no harm"
    )
    [record] = snapshot.api_keys([key.kid])
    assert (record.rate, record.quota) == (5, 100)
    assert (
        ScheduledChange.objects.get().state == "in_force"
        and "from today" in told(factories.maya())[-1].title
    )


def test_the_notice_is_a_setting_and_runs_from_the_confirmation(held, settings):
    settings.CHANGE_NOTICE_DAYS = 45
    with pytest.raises(Invalid, match="45 days") as refusal:
        propose(held, effective_from=timezone.now() + timedelta(days=44))
    assert refusal.value.field == "effective_from"
    change = propose(held, effective_from=changes.first_start())
    settings.CHANGE_NOTICE_DAYS = 60
    assert changes.confirm(factories.bob(), change).effective_from >= timezone.now() + timedelta(
        days=60
    ), "pushed back, never cut short"


def test_a_proposal_is_refused_with_a_reason_and_changes_nothing(held):
    change = propose(held)
    with pytest.raises(Invalid):
        changes.refuse(factories.bob(), change, "No.")
    changes.refuse(factories.bob(), change, "We promised stable prices until summer.")
    assert told(factories.alice())[
        -1
    ].body == "We promised stable prices until summer." and not told(factories.maya())
    assert propose(held).pk != change.pk, "and may be proposed again"


def test_what_was_announced_can_be_taken_back_until_it_begins(held):
    change = changes.confirm(factories.bob(), propose(held))
    assert held.plan.terms.count() == 2
    changes.withdraw(factories.alice(), change)
    assert held.plan.terms.count() == 1 and "taken back" in told(factories.maya())[-1].title
    again = changes.confirm(factories.bob(), propose(held))
    pass_time(again)
    changes.begin_what_is_due()
    with pytest.raises(RuleError):
        changes.withdraw(factories.alice(), again)


def test_one_change_of_a_plan_at_a_time(held):
    propose(held)
    with pytest.raises(RuleError, match="waits already"):
        propose(held, after={"rate_per_second": 3})
    with pytest.raises(RuleError, match="waits already"):
        factories.plan(held.model, name="Standard", rate_per_second=3)


def test_a_plan_that_nobody_has_changes_at_once(held):
    actions.close_subscription(factories.maya(), held)
    assert propose(held).state == "in_force"
    held.plan.refresh_from_db()
    assert held.plan.price_micros_per_1000 == 5_000_000


def test_a_currency_is_for_ever(held):
    with pytest.raises(RuleError, match="USD"):
        actions.offer_plan(factories.alice(), held.model, slug="standard", currency="EUR")


# ── The end of a plan ─────────────────────────────────────────────────────


def test_a_plan_that_ends_takes_nobody_new_and_keeps_who_has_it_until_the_notice_has_run(held):
    change = changes.confirm(factories.bob(), propose(held, kind="withdrawal", after={}))
    held.refresh_from_db()
    assert held.state == "active" and held.keys.live().count() == 1
    with pytest.raises(RuleError, match="no longer offered"):
        factories.subscription(held.pinned_version, app=factories.application(name="Late one"))
    with pytest.raises(RuleError, match="announced"):
        factories.plan(held.model, name="Standard", is_offered=True)
    assert "the Standard plan of Income verification ends" in told(factories.maya())[0].title
    pass_time(change)
    changes.begin_what_is_due()
    held.refresh_from_db()
    assert held.state == "closed" and held.keys.live().count() == 0


def test_who_has_it_moves_to_another_plan_with_the_same_keys(held):
    other = factories.plan(held.model, slug="larger", price_micros_per_1000=9_000_000)
    gated = factories.plan(held.model, slug="gated", approval=Plan.Approval.OWNER)
    change = changes.confirm(factories.bob(), propose(held, kind="withdrawal", after={}))
    with pytest.raises(NotAllowed):
        actions.change_plan(factories.alice(), held, other)
    with pytest.raises(RuleError, match="approves"):
        actions.change_plan(factories.maya(), held, gated)
    actions.change_plan(factories.maya(), held, other)
    pass_time(change)
    changes.begin_what_is_due()
    held.refresh_from_db()
    assert (held.state, held.plan, held.keys.live().count()) == ("active", other, 1)


# ── Fewer may use a model ─────────────────────────────────────────────────

ONLY_WEALTH = {"visibility": "restricted", "units": [], "teams": ["wealth-advice"]}


@pytest.mark.parametrize("visibility", ["restricted", "business_units"])
def test_no_side_path_narrows_who_may_use_a_published_model(held, visibility):
    """B5: `PATCH visibility=restricted` stopped production callers after four seconds, silently."""
    client = Client()
    client.force_login(factories.alice())
    answer = client.patch(
        f"/api/v1/models/{held.model.slug}/",
        {"visibility": visibility},
        content_type="application/json",
    )
    assert (
        answer.status_code == 409
        and answer.json()["field"] == "visibility"
        and "/api/v1/changes/" in answer.json()["remedy"]
    )
    with pytest.raises(RuleError):
        catalog.edit(factories.alice(), held.model, visibility=visibility)
    assert RegisteredModel.objects.get(pk=held.model_id).visibility == "enterprise"


def test_restricting_lets_subscriptions_go_on_until_the_notice_has_run(held):
    factories.wealth()
    change = propose(held, kind="visibility", after=ONLY_WEALTH)
    assert [row["application"] for row in change.affected] == ["loan-origination"]
    changes.confirm(factories.rita(), change)
    held.refresh_from_db()
    assert (
        held.state == "active" and RegisteredModel.objects.visible_to(factories.charlie()).exists()
    )
    assert "Mortgage origination will not be among them" in told(factories.maya())[0].body
    pass_time(change)
    changes.begin_what_is_due()
    held.refresh_from_db()
    assert (
        held.state == "closed"
        and not RegisteredModel.objects.visible_to(factories.charlie()).exists()
    )


def test_those_who_stay_among_the_chosen_are_not_affected(held):
    change = propose(
        held,
        kind="visibility",
        after={"visibility": "restricted", "units": [], "teams": ["mortgage-origination"]},
    )
    assert (
        change.state == "in_force"
        and RegisteredModel.objects.get(pk=held.model_id).visibility == "restricted"
    )
    held.refresh_from_db()
    assert held.state == "active"


def test_whoever_has_a_subscription_sees_the_model_whatever_its_visibility(held):
    """Also by a path that nobody thought of: the subscription is the right, in the gateway and on the pages."""
    RegisteredModel.objects.filter(pk=held.model_id).update(visibility="restricted")
    page = Client()
    page.force_login(factories.maya())
    for name in (
        "catalog:model",
        "consumption:plans",
        "consumption:model_usage",
        "publishing:api_tab",
    ):
        assert page.get(reverse(name, args=[held.model.slug])).status_code == 200, name
    actions.close_subscription(factories.maya(), held)
    assert page.get(reverse("catalog:model", args=[held.model.slug])).status_code == 404


def test_other_hours_of_support_are_told_to_subscribers(held):
    """Nobody on call at night is something that consumers plan with."""
    catalog.edit(factories.alice(), held.model, support_hours="", tags=["income"])
    [notice] = told(factories.maya())
    assert notice.title == f"{held.model} is supported differently"
    assert "No hours are declared" in notice.body
    catalog.edit(factories.alice(), held.model, tags=["income", "credit"])
    assert len(told(factories.maya())) == 1


# ── The end of one subscription ───────────────────────────────────────────


def end(held, by=None):
    return changes.propose(
        by or factories.alice(),
        "subscription",
        model=held.model,
        subscription=held,
        after={},
        reason=WHY,
    )


def test_a_publisher_ends_one_subscription_with_notice(held):
    """B5: existing subscriptions go on until the notice has run, or each is ended by its own decision."""
    change = end(held)
    with pytest.raises(NotAllowed):
        changes.confirm(factories.alice(), change)
    changes.confirm(factories.bob(), change)
    held.refresh_from_db()
    assert held.state == "active" and held.keys.live().count() == 1
    assert change.effective_from <= ScheduledChange.objects.get().effective_from
    [notice] = told(factories.maya())
    assert notice.title.startswith(f"Loan origination: its subscription to {held.model} ends on ")
    assert WHY in notice.body
    pass_time(change)
    changes.begin_what_is_due()
    held.refresh_from_db()
    assert held.state == "closed" and held.keys.live().count() == 0


def test_nobody_but_the_publisher_proposes_the_end_and_one_subscription_has_one(held):
    for person in (factories.maya(), factories.rita(), factories.charlie(), factories.root()):
        with pytest.raises(NotAllowed):
            end(held, person)
    with pytest.raises(NotAllowed):
        actions.close_subscription(factories.alice(), held)
    end(held)
    with pytest.raises(RuleError, match="waits already"):
        end(held)


def test_the_end_of_a_subscription_is_announced_to_its_own_team_alone(held):
    change = changes.confirm(factories.bob(), end(held))
    assert api(factories.maya())(f"changes/{change.pk}/")["subscription"] == held.pk
    api(factories.charlie())(f"changes/{change.pk}/", status=404)


def test_what_waits_for_approval_is_denied_not_ended(held):
    gated = factories.plan(held.model, slug="gated", approval=Plan.Approval.OWNER)
    asked = factories.subscription(
        held.pinned_version, plan_slug=gated.slug, app=factories.application(name="Another one")
    )
    with pytest.raises(RuleError, match="nothing to end"):
        end(asked)


def test_the_consumers_page_leads_to_the_end_of_a_subscription(held):
    alice = Client()
    alice.force_login(factories.alice())
    address = reverse("consumption:end_subscription", args=[held.pk])
    consumers = reverse("consumption:consumers", args=[held.model.slug])
    assert address in alice.get(consumers).content.decode()
    form = {"reason": WHY, "effective_from": "", "step": "preview"}
    assert "Loan origination" in alice.post(address, form).content.decode()
    assert not ScheduledChange.objects.exists()
    assert alice.post(address, form | {"step": "propose"}).status_code == 302
    assert ScheduledChange.objects.get().subscription == held
    maya = Client()
    maya.force_login(factories.maya())
    assert maya.get(address).status_code == 404


def test_the_api_ends_a_subscription_by_the_same_verbs(held):
    given = {"kind": "subscription", "subscription": held.pk, "reason": WHY}
    shown = api(factories.alice())("changes/preview/", given)
    assert [row["subscription"] for row in shown["affected"]] == [held.pk]
    made = api(factories.alice())("changes/", given, 201)
    assert (made["state"], made["subscription"]) == ("proposed", held.pk)
    api(factories.charlie())("changes/", given, 422)


# ── The API and the pages ─────────────────────────────────────────────────


def api(person):
    client = Client()
    client.force_login(person)
    return lambda path, data=None, status=200: _answer(client, path, data, status)


def _answer(client, path, data, status):
    path = f"/api/v1/{path}"
    answer = (
        client.get(path)
        if data is None
        else client.post(path, data, content_type="application/json")
    )
    assert answer.status_code == status, answer.content
    return answer.json()


def test_the_api_shows_first_and_changes_nothing(held):
    given = {"kind": "terms", "plan": held.plan_id, "reason": WHY, **DEARER}
    shown = api(factories.alice())("changes/preview/", given)
    assert shown["needs_second_person"] and shown["affected"] == [
        {
            "subscription": held.pk,
            "application": "loan-origination",
            "application_name": "Loan origination",
            "team": "mortgage-origination",
            "team_name": "Mortgage origination",
            "calls_30d": 2,
            "cost_30d": "0.008000000",
            "currency": "USD",
        }
    ]
    assert not ScheduledChange.objects.exists()
    made = api(factories.alice())("changes/", given, 201)
    assert (
        made["state"] == "proposed"
        and made["differences"][0]["new"] == "5.00\u00a0USD per 1,000 calls"
    )
    api(factories.maya())(f"changes/{made['id']}/", status=404)
    assert api(factories.bob())(f"changes/{made['id']}/confirm/", {})["state"] == "scheduled"
    [mine] = api(factories.maya())(f"changes/{made['id']}/")["affected"]
    assert mine["team"] == "mortgage-origination"
    assert api(factories.charlie())(f"changes/{made['id']}/")["affected"] == [], (
        "others' use is not theirs to know"
    )
    [plan] = api(factories.maya())(f"plans/?model={held.model.slug}")["results"]
    assert [terms["price_micros_per_1000"] for terms in plan["terms"]] == [
        4_000_000,
        5_000_000,
    ] and plan["price_micros_per_1000"] == 4_000_000


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "terms"},
        {"kind": "withdrawal"},
        {"kind": "visibility"},
        {"kind": "visibility", "model": "nothing"},
        {"kind": "subscription"},
        {"kind": "capacity"},
        {"kind": "deprecation"},
    ],
)
def test_what_a_kind_needs_is_said(held, given):
    problem = api(factories.alice())("changes/", given | {"reason": WHY}, 422)
    assert {error["field"] for error in problem["errors"]} <= {
        "plan",
        "model",
        "visibility",
        "subscription",
        "version",
    }


def test_the_page_shows_who_is_affected_before_it_proposes(held):
    alice = Client()
    alice.force_login(factories.alice())
    address = reverse("consumption:change_terms", args=[held.model.slug, "standard"])
    form = {
        "price": "5",
        "rate_per_second": 20,
        "burst": 40,
        "concurrency": 16,
        "monthly_quota": 1000,
        "reason": WHY,
        "effective_from": "",
    }
    shown = text_of(alice.post(address, form | {"step": "preview"}))
    assert (
        "Loan origination" in shown
        and "2 calls in 30 days: 0.01\u00a0USD instead of 0.01\u00a0USD" in shown
        and not ScheduledChange.objects.exists()
    )
    assert alice.post(address, form | {"step": "propose"}).status_code == 302
    change = ScheduledChange.objects.get()
    bob = Client()
    bob.force_login(factories.bob())
    assert "Your decision" in bob.get(change.get_absolute_url()).content.decode()
    assert "Your decision" not in alice.get(change.get_absolute_url()).content.decode()
    assert (
        bob.post(change.get_absolute_url(), {"decision": "confirm", "reason": ""}).status_code
        == 302
    )
    maya = Client()
    maya.force_login(factories.maya())
    plans = text_of(maya.get(reverse("consumption:plans", args=[held.model.slug])))
    application = text_of(maya.get(held.get_absolute_url().partition("#")[0]))
    for text in (plans, application):
        assert "Price: 5.00\u00a0USD per 1,000 calls instead of 4.00\u00a0USD" in text
    assert "Since" in plans and "From" in plans, "the history and what is announced"


def test_who_comes_later_sees_what_is_announced_before_subscribing(held):
    changes.confirm(factories.bob(), propose(held))
    maya = Client()
    maya.force_login(factories.maya())
    assert (
        "Price: 5.00\u00a0USD per 1,000 calls instead of 4.00"
        in maya.get(reverse("consumption:subscribe", args=[held.model.slug])).content.decode()
    )


def test_strangers_and_consumers_propose_nothing(held):
    for person in (factories.maya(), factories.charlie(), factories.rita()):
        with pytest.raises(NotAllowed):
            propose(held, by=person)
        client = Client()
        client.force_login(person)
        assert (
            client.get(
                reverse("consumption:change_terms", args=[held.model.slug, "standard"])
            ).status_code
            == 404
        )


def test_terms_that_have_begun_are_never_changed_by_anybody(held):
    from django.db import IntegrityError, transaction

    [terms] = held.plan.terms.all()
    tries = [
        lambda: PlanTerms.objects.filter(pk=terms.pk).update(price_micros_per_1000=1),
        lambda: PlanTerms.objects.filter(pk=terms.pk).delete(),
        lambda: PlanTerms.objects.create(
            plan=held.plan,
            effective_from=timezone.now() - timedelta(days=3),
            price_micros_per_1000=9,
        ),
    ]
    for attempt in tries:
        with pytest.raises(IntegrityError), transaction.atomic():
            attempt()
    assert Subscription.objects.get().plan.terms.get().price_micros_per_1000 == 4_000_000
