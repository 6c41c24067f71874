"""Getting in (issue 13): a request in steps that is kept, left and resumed; a key at once, or a request with its state."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumption import actions
from consumption.models import (
    ApiKey,
    Application,
    Plan,
    RequestDraft,
    Subscription,
    UseReview,
)
from consumption.subscribing import drafts
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories
from tests.api.calls import Api
from tests.pages import text_of

pytestmark = pytest.mark.django_db
WHY = "It is within what the model was made for."
USED = {"purpose": "Verify the income of applicants.", "data_class": "internal"} | factories.USE


@pytest.fixture
def version():
    return factories.published_version()


@pytest.fixture
def maya():
    client = Client()
    client.force_login(factories.maya())
    return client


def address(version, step=""):
    path = reverse("consumption:subscribe", args=[version.model.slug])
    return f"{path}?step={step}" if step else path


def steps(version, plan="standard", **changed):
    """{step: what is typed}, up to the terms."""
    return {
        "plan": {"plan": version.model.plans.get(slug=plan).pk},
        "application": {
            "new_application": "Mortgage desk",
            "team": factories.mortgage().pk,
            "environment": "test",
        },
        "use": USED | changed,
        "versions": {"version": version.pk, "version_policy": "pin_exact"},
    }


def fill(client, version, **options):
    for step, typed in steps(version, **options).items():
        answer = client.post(address(version, step), typed)
        assert answer.status_code == 302, (step, text_of(answer)[-3000:])
    return answer


# ── The steps ─────────────────────────────────────────────────────────────


def test_a_key_at_once_where_nobody_approves(maya, version):
    assert fill(maya, version, expected_calls_a_month=12_000).url == address(version, "terms")
    terms = text_of(maya.get(address(version, "terms")))
    assert "12,000 calls a month" in terms and "Mortgage desk (new)" in terms
    assert "It is active at once." in terms
    shown = maya.post(address(version, "terms"), {"accepted": "on", "key_now": "on"})
    key, made = ApiKey.objects.get(), Subscription.objects.get()
    assert f"mkc_{key.kid}" in text_of(shown) and "no-store" in shown["Cache-Control"]
    assert (made.state, made.version_policy, made.data_class) == ("active", "pin_exact", "internal")
    assert (made.application.environment, made.application.team) == ("test", factories.mortgage())
    assert made.confirm_by == timezone.now().date() + actions.CONFIRM_EVERY
    assert not RequestDraft.objects.exists()
    again = maya.post(address(version, "terms"), {"accepted": "on", "key_now": "on"})
    assert again.status_code == 302 and ApiKey.objects.count() == 1, "sent twice"


def test_what_was_typed_is_kept_when_one_leaves_and_when_it_is_wrong(maya, version):
    typed = steps(version)
    maya.post(address(version, "plan"), typed["plan"])
    wrong = maya.post(
        address(version, "application"), {"new_application": "Desk\u200b", "cost_centre": "MO-7"}
    )
    assert wrong.status_code == 422 and 'value="MO-7"' in text_of(wrong)
    left = text_of(maya.get(reverse("consumption:access")))
    assert "Requests you have begun" in left and address(version) in left
    back = text_of(maya.get(address(version)))
    assert 'value="MO-7"' in back, "the first step that is not done, with what was typed"
    maya.post(address(version, "application"), typed["application"])
    half = maya.post(address(version, "use"), USED | {"purpose": "Short", "people": "direct"})
    assert half.status_code == 422
    text = text_of(maya.get(address(version)))
    assert "Short</textarea>" in text and '<option value="direct" selected>' in text
    assert maya.get(address(version, "terms")).status_code == 302, "not before all is said"
    assert not Application.objects.filter(name="Mortgage desk").exists()


def test_nobody_else_sees_or_continues_it(maya, version):
    fill(maya, version)
    other = Client()
    other.force_login(factories.alice())
    assert "Requests you have begun" not in text_of(other.get(reverse("consumption:access")))
    assert "Mortgage desk" not in text_of(other.get(address(version, "application")))
    maya.post(reverse("consumption:discard_request", args=[version.model.slug]))
    assert not RequestDraft.objects.exists()


def test_a_refusal_keeps_everything_and_names_the_step(maya, version):
    fill(maya, version)
    Plan.objects.update(is_offered=False)
    gone = maya.post(address(version, "terms"), {"accepted": "on"})
    assert gone.status_code == 302 and "step=plan" in gone.url
    Plan.objects.update(is_offered=True)
    factories.application(name="Mortgage desk")
    taken = maya.post(address(version, "terms"), {"accepted": "on"})
    text = text_of(taken)
    assert taken.status_code == 422 and "already has an application called" in text
    assert not Subscription.objects.exists() and RequestDraft.objects.count() == 1


def test_terms_are_accepted_or_nothing_is_sent(maya, version):
    fill(maya, version)
    assert maya.post(address(version, "terms"), {}).status_code == 422
    assert not Subscription.objects.exists()


def test_the_plan_and_the_version_of_a_link_are_chosen(maya, version):
    plan = factories.plan(version.model, slug="large", rate_per_second=90)
    newer = factories.published_version(version.model, number="1.1.0")
    text = text_of(maya.get(f"{address(version)}?plan={plan.pk}"))
    assert f'value="{plan.pk}"' in text.split("checked")[0].rsplit("<input", 1)[1]
    maya.post(address(version, "plan"), {"plan": plan.pk})
    for chosen in (version, newer):
        text = text_of(maya.get(f"{address(version, 'versions')}&version={chosen.number}"))
        assert f'<option value="{chosen.pk}" selected>' in text


def test_begun_requests_are_forgotten_after_a_month(maya, version):
    maya.post(address(version, "plan"), steps(version)["plan"])
    drafts.forget_old()
    assert RequestDraft.objects.count() == 1
    RequestDraft.objects.update(changed_at=timezone.now() - drafts.KEPT - timedelta(hours=1))
    drafts.forget_old()
    assert not RequestDraft.objects.exists()


@pytest.mark.parametrize(("ends_in", "may"), [(-1, False), (0, False), (30, True), (1200, False)])
def test_the_last_day_lies_ahead(version, ends_in, may):
    day = timezone.now().date() + timedelta(days=ends_in)
    if may:
        assert factories.subscription(version, ends_on=day).ends_on == day
    else:
        with pytest.raises(Invalid) as refusal:
            factories.subscription(version, ends_on=day)
        assert refusal.value.field == "ends_on"


# ── A request ─────────────────────────────────────────────────────────────


@pytest.fixture
def asked(version):
    factories.plan(version.model, slug="production", approval=Plan.Approval.OWNER)
    return factories.subscription(version, plan_slug="production")


def pages_of(subscription, user):
    client = Client()
    client.force_login(user)
    return text_of(client.get(subscription.application.get_absolute_url()))


def test_a_request_shows_where_it_is(maya, asked):
    text = pages_of(asked, factories.maya())
    assert "State of the request" in text and "The owner decides" in text
    assert "Reminded" in text and "if nobody has answered" in text
    asked.requested_at -= timedelta(days=8)
    asked.save()
    assert "Escalated to the marketplace manager" in pages_of(asked, factories.maya())


def test_whoever_decides_is_reminded_then_it_is_escalated_each_once(asked):
    now = asked.requested_at
    assert actions.remind_of_requests(now + timedelta(hours=30)) == 0
    after_four = now + timedelta(days=4, hours=1)  # two business days, whatever the day of the week
    assert actions.remind_of_requests(after_four) == 1
    assert actions.remind_of_requests(after_four) == 0
    late = Notice.objects.filter(title__contains="waits since")
    reminder = late.get(recipient=factories.alice())
    assert not late.filter(recipient=factories.rita()).exists()
    assert actions.remind_of_requests(now + timedelta(days=6)) == 1
    assert actions.remind_of_requests(now + timedelta(days=60)) == 0
    assert Notice.objects.filter(recipient=factories.rita(), title=reminder.title).exists()
    assert Notice.objects.filter(recipient=factories.maya(), title__contains="escalated").exists()
    actions.approve_subscription(factories.alice(), asked, WHY)
    assert not Notice.objects.filter(title=reminder.title, read_at=None).exists()


def test_a_request_is_withdrawn_by_its_team_alone(asked):
    for stranger in (factories.alice(), factories.rita(), factories.charlie()):
        with pytest.raises(NotAllowed):
            actions.withdraw_request(stranger, asked)
    actions.withdraw_request(factories.maya(), asked)
    asked.refresh_from_db()
    assert asked.state == "withdrawn"
    with pytest.raises(RuleError):
        actions.approve_subscription(factories.alice(), asked, WHY)
    assert AuditEvent.objects.filter(action="subscription.withdraw").exists()
    factories.subscription(asked.pinned_version)  # the way is free


def test_after_a_no_one_asks_again_with_another_purpose(maya, asked):
    no = "It is not made for loans to companies."
    actions.deny_subscription(factories.alice(), asked, no)
    assert "Ask again" in pages_of(asked, factories.maya())
    with pytest.raises(Invalid, match="what was denied"):
        actions.ask_again(factories.maya(), asked, asked.purpose)
    with pytest.raises(NotAllowed):
        actions.ask_again(factories.alice(), asked, "For persons only, as you say.")
    page = reverse("consumption:ask_again", args=[asked.pk])
    assert no in text_of(maya.get(page))
    assert maya.post(page, {"purpose": "For persons only, as you say."}).status_code == 302
    asked.refresh_from_db()
    assert (asked.state, asked.decision_reason) == ("pending", no)
    alice = Client()
    alice.force_login(factories.alice())
    assert "Denied before" in text_of(alice.get(reverse("consumption:decide", args=[asked.pk])))
    assert (
        Notice.objects.filter(recipient=factories.alice(), title__contains="asks to use").count()
        == 2
    )
    actions.approve_subscription(factories.alice(), asked, WHY)
    assert asked.state == "active"


def test_nobody_asks_again_beside_an_open_one(asked):
    actions.deny_subscription(factories.alice(), asked, "It is not made for companies.")
    factories.subscription(asked.pinned_version)
    with pytest.raises(RuleError, match="already has a subscription"):
        actions.ask_again(factories.maya(), asked, "For persons only, as you say.")


# ── A use above the model's tier ──────────────────────────────────────────


def test_a_graver_use_waits_for_governance_then_for_the_owner(asked):
    actions.withdraw_request(factories.maya(), asked)
    factories.mira()
    mine = factories.subscription(
        asked.pinned_version, plan_slug="production", use=factories.GRAVE_USE
    )
    review = mine.use_reviews.get()
    assert (mine.state, mine.use_tier, review.tier, review.model_tier) == (
        "pending",
        "high",
        "high",
        "low",
    )
    assert any(reason.startswith("OV1") for reason in review.reasons)
    assert Notice.objects.filter(recipient=factories.mira(), title__contains="above its tier")
    with pytest.raises(RuleError, match="Governance decides"):
        actions.approve_subscription(factories.alice(), mine, WHY)
    for nobody in (factories.gus(), factories.alice(), factories.maya(), factories.root()):
        with pytest.raises(NotAllowed):
            actions.approve_use(nobody, review, WHY)
    actions.approve_use(factories.mira(), review, WHY)
    mine.refresh_from_db()
    assert mine.state == "pending", "the owner's turn"
    actions.approve_subscription(factories.alice(), mine, WHY)
    assert mine.state == "active"


def test_governance_decides_alone_on_an_automatic_plan(version):
    mine = factories.subscription(version, use=factories.GRAVE_USE)
    assert mine.state == "pending"
    actions.approve_use(factories.mira(), mine.use_reviews.get(), WHY)
    mine.refresh_from_db()
    assert (mine.state, mine.decided_by) == ("active", factories.mira())


def test_governance_refuses_and_the_next_request_is_judged_anew(version):
    mine = factories.subscription(version, use=factories.GRAVE_USE)
    review = mine.use_reviews.get()
    with pytest.raises(Invalid):
        actions.refuse_use(factories.mira(), review, "no")
    actions.refuse_use(factories.mira(), review, "Nobody may be refused by it alone.")
    mine.refresh_from_db()
    assert (mine.state, mine.decision_reason) == ("denied", "Nobody may be refused by it alone.")
    actions.ask_again(factories.maya(), mine, "An underwriter confirms each case from now on.")
    assert UseReview.objects.open().get().subscription == mine


@pytest.mark.parametrize("side", ["asks", "owns"])
def test_nobody_of_the_two_teams_decides_on_a_use(version, side):
    mine = factories.subscription(version, use=factories.GRAVE_USE)
    mira = factories.mira()
    team = factories.mortgage() if side == "asks" else factories.lending()
    factories.person("mira", team)
    with pytest.raises(NotAllowed):
        actions.approve_use(mira, mine.use_reviews.get(), WHY)


def test_more_sensitive_data_makes_a_use_graver(version):
    assert (
        factories.subscription(version, use=factories.USE, data_class="internal").state == "active"
    )
    app = factories.application(name="Desk")
    mine = factories.subscription(version, app=app, use=factories.USE, data_class="special")
    assert (mine.state, mine.use_tier) == ("pending", "high")


def test_a_use_that_is_not_said_is_the_versions_own():
    mine = factories.subscription(factories.published_version(tier="high"))
    assert (mine.state, mine.use_tier) == ("active", "")


def test_the_page_says_that_governance_decides(maya, version):
    fill(maya, version, regulated="eligibility")
    text = text_of(maya.get(address(version, "terms")))
    assert "Governance decides first" in text and "OV1" in text and "Send the request" in text
    assert "Make a key at once" not in text
    assert (
        maya.post(address(version, "terms"), {"accepted": "on", "key_now": "on"}).status_code == 302
    )
    assert Subscription.objects.get().state == "pending" and not ApiKey.objects.exists()


def test_the_api_takes_the_use_and_its_state(version):
    maya, mira = Api(factories.maya()), Api(factories.mira())
    body = {
        "application": factories.application().slug,
        "plan": version.model.plans.get().pk,
        "purpose": "Verify the income of applicants.",
        "data_class": "personal",
        "ends_on": (timezone.now().date() + timedelta(days=90)).isoformat(),
    }
    refused = maya.post("subscriptions/", body | {"use": {"people": "direct"}}, expect=422)
    assert "use" in str(refused)
    made = maya.post("subscriptions/", body | {"use": factories.GRAVE_USE}, expect=201)
    assert (made["state"], made["use_tier"], made["ends_on"]) == (
        "pending",
        "high",
        body["ends_on"],
    )
    [review] = mira.get("use-reviews/?state=open")["results"]
    mira.post(f"use-reviews/{review['id']}/approve/", {"reason": WHY})
    assert maya.get(f"subscriptions/{made['id']}/")["state"] == "active"
