"""Issue 9, line 6: what was approved stays what was approved; facts change by an amendment that others review."""

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import actions as catalog
from catalog.models import Capability
from governance import actions
from governance.amendments import is_spelling
from governance.models import Amendment, AmendmentDecision
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
WHY = "The bank that we buy data from changed its format."
NEW = "It does not see income in cash, nor that of the self-employed."
VALUES = {"domain": "payments", "capability": "forecasting", "model_type": "ranking"}
STATES = {
    "submitted": factories.submitted_version,
    "in_review": factories.in_review_version,
    "approved": factories.approved_version,
    "published": factories.published_version,
}


def value_of(field):
    """A new value for a reviewed field."""
    if field in VALUES:
        return factories.term(
            catalog.RegisteredModel._meta.get_field(field).related_model, VALUES[field]
        )
    return f"Something else about the {field.replace('_', ' ')} of it."


def proposed(model, by=None, reason=WHY, weight="facts", **facts):
    return actions.propose_amendment(
        by or factories.alice(), model, facts or {"limitations": NEW}, reason, weight
    )


def decided(amendment, by, outcome="approved"):
    amendment.refresh_from_db()
    return actions.decide_amendment(by, amendment, outcome, factories.REASON, factories.NO_CONFLICT)


@pytest.mark.parametrize("state", STATES)
def test_no_fact_that_reviewers_rely_on_changes_by_an_edit(state):
    model = STATES[state]().model
    for field in catalog.REVIEWED_FIELDS:
        before = getattr(model, field)
        with pytest.raises(RuleError, match="amendment") as refusal:
            catalog.edit(factories.alice(), model, **{field: value_of(field)})
        assert refusal.value.field == field and "/api/v1/amendments/" in refusal.value.remedy
        model = type(model).objects.get(pk=model.pk)
        assert getattr(model, field) == before


def test_before_anybody_judges_the_team_edits_freely():
    model = factories.draft_version().model
    facts = {field: value_of(field) for field in catalog.REVIEWED_FIELDS}
    catalog.edit(factories.alice(), model, **facts)
    model = type(model).objects.get(pk=model.pk)
    assert {field: getattr(model, field) for field in facts} == facts


def test_the_teams_own_fields_change_at_once():
    model = factories.published_version().model
    catalog.edit(
        factories.alice(), model, support_hours="Always", tags=["payslip"], owner=factories.bob()
    )
    model.refresh_from_db()
    assert (model.support_hours, model.tags, model.owner) == (
        "Always",
        ["payslip"],
        factories.bob(),
    )


@pytest.mark.parametrize(
    ("tier", "people"), [("low", ["rita"]), ("medium", ["rita", "gus"]), ("high", ["rita", "mira"])]
)
def test_the_entry_changes_with_the_last_needed_yes_and_not_before(tier, people):
    model = factories.published_version(tier=tier).model
    amendment = proposed(
        model, limitations=NEW, capability=factories.term(Capability, "forecasting")
    )
    for name in people:
        model.refresh_from_db()
        assert model.limitations != NEW and amendment.state == "open"
        decided(amendment, getattr(factories, name)())
        amendment.refresh_from_db()
    model = type(model).objects.get(pk=model.pk)
    assert (model.limitations, model.capability.slug, amendment.state) == (
        NEW,
        "forecasting",
        "approved",
    )
    assert AuditEvent.objects.get(action="model.amend").detail == {
        "fields": ["capability", "limitations"]
    }
    assert [decision.by.username for decision in amendment.decisions.all()] == people


def test_one_no_ends_it_and_changes_nothing():
    model = factories.published_version(tier="high").model
    bob, amendment = factories.bob(), proposed(model)
    decided(amendment, factories.mira(), "refused")
    model.refresh_from_db()
    assert model.limitations != NEW
    with pytest.raises(RuleError, match="refused already"):
        decided(amendment, factories.rita())
    assert Notice.objects.filter(recipient=bob, key=f"amendment-refused:{amendment.pk}").exists()


def test_nobody_approves_the_work_of_their_team_by_any_path():
    alice, bob = factories.alice(), factories.also(factories.bob(), "curator", "model_risk_officer")
    model = factories.published_version(tier="high").model
    former = factories.person("former", factories.lending(), roles=["curator"])
    former.memberships.update(left_at=timezone.now())
    amendment = proposed(model, by=alice)
    for person in (
        alice,
        bob,
        former,
        factories.charlie(),
        factories.maya(),
        factories.root(),
        factories.evan(),
    ):
        with pytest.raises(NotAllowed):
            decided(amendment, person)
    both = factories.also(factories.rita(), "model_risk_officer")
    decided(amendment, both)
    with pytest.raises(NotAllowed, match="another person"):
        decided(amendment, both)
    assert AuditEvent.objects.filter(action="amendment.decision_refused").count() == 8
    assert not AmendmentDecision.objects.exclude(by=both).exists()


def test_only_the_team_proposes_and_withdraws():
    model = factories.published_version().model
    with pytest.raises(NotAllowed):
        proposed(model, by=factories.maya())
    amendment = proposed(model)
    with pytest.raises(NotAllowed):
        actions.withdraw_amendment(factories.rita(), amendment)
    actions.withdraw_amendment(factories.bob(), amendment)
    with pytest.raises(RuleError):
        decided(amendment, factories.rita())
    model.refresh_from_db()
    assert model.limitations != NEW


def test_a_field_is_in_one_open_amendment():
    model = factories.published_version().model
    proposed(model)
    with pytest.raises(RuleError, match="being reviewed"):
        proposed(model, limitations="Another thought about what it cannot do.")
    proposed(model, description="A longer description.")


def test_a_proposal_says_why_and_changes_something():
    model = factories.published_version().model
    with pytest.raises(Invalid, match="20 characters"):
        proposed(model, reason="Because.")
    with pytest.raises(Invalid, match="Nothing differs"):
        proposed(model, limitations=model.limitations)
    with pytest.raises(Invalid, match="not changed by an amendment"):
        proposed(model, visibility="restricted")


def test_spelling_needs_one_curator_at_every_tier_and_nothing_but_spelling():
    model = factories.published_version(tier="high").model
    typed = model.summary.replace("estimates", "estimats")
    with pytest.raises(Invalid, match="more than spelling"):
        proposed(model, weight="spelling", summary=f"{model.summary} Never for mortgages.")
    decided(proposed(model, weight="spelling", summary=typed), factories.rita())
    model.refresh_from_db()
    assert model.summary == typed


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("Estimats the income.", "Estimates the income.", True),
        ("Estimates  the income", "Estimates the income.", True),
        ("Up to 10 % error", "Up to 90 % error", False),
        ("Not for mortgages", "For mortgages", False),
        ("Suited for lending", "Unsuited for lending", True),  # two letters: a curator looks
        ("It sees cash", "It does not see cash", False),
        ("monthly", "yearly", False),
        ("", "Anything", False),
    ],
)
def test_spelling(before, after, same):
    assert is_spelling(before, after) is same


@settings(max_examples=50, deadline=None)
@given(st.text(), st.text(alphabet="0123456789", min_size=1))
def test_another_number_is_never_spelling(text, number):
    assert not is_spelling(f"{text} {number}", f"{text} {number}1")


def test_subscribers_are_told_of_facts_and_not_of_spelling():
    subscription = factories.subscription()
    model = subscription.model
    decided(
        proposed(model, weight="spelling", summary=model.summary.replace("estimates", "estimats")),
        factories.rita(),
    )
    assert not Notice.objects.filter(recipient=factories.maya(), kind="model.amended").exists()
    decided(proposed(model), factories.rita())
    assert (
        "limitations" in Notice.objects.get(recipient=factories.maya(), kind="model.amended").title
    )


def test_an_entry_that_says_something_else_by_now_is_not_overwritten():
    model = factories.published_version().model
    amendment = proposed(model)
    type(model).objects.filter(pk=model.pk).update(limitations="Written by a migration.")
    with pytest.raises(RuleError, match="changed since"):
        decided(amendment, factories.rita())


# The page and the API


def test_page_saves_the_teams_fields_and_proposes_the_reviewed_ones(client):
    model = factories.published_version().model
    client.force_login(factories.alice())
    url = f"/publish/{model.slug}/entry/"
    sent = {field.html_name: field.value() or "" for field in client.get(url).context["form"]}
    sent |= {"support_hours": "Always", "limitations": NEW}
    answer = client.post(url, sent)
    assert (
        answer.status_code == 422
        and NEW in answer.content.decode()
        and "20 characters" in answer.content.decode()
    )
    model.refresh_from_db()
    assert model.support_hours != "Always", "half of a form is not saved"
    amendment_url = client.post(url, sent | {"reason": WHY}).url
    model.refresh_from_db()
    assert model.support_hours == "Always" and model.limitations != NEW
    assert NEW not in client.get(model.get_absolute_url()).content.decode()
    assert NEW in client.get(amendment_url).content.decode()
    client.force_login(factories.maya())
    assert client.get(amendment_url).status_code == 404, (
        "until it is approved, consumers do not see it"
    )
    client.force_login(factories.rita())
    assert amendment_url in client.get("/reviews/").content.decode()
    client.post(
        amendment_url, {"outcome": "approved", "reason": factories.REASON, "no_conflict": "on"}
    )
    client.force_login(factories.maya())
    assert client.get(amendment_url).status_code == 200
    assert Amendment.objects.get().state == "approved"


def test_api_refuses_the_edit_and_takes_the_amendment(client):
    model = factories.published_version(tier="high").model
    client.force_login(factories.alice())
    url = f"/api/v1/models/{model.slug}/"
    refused = client.patch(
        url, {"limitations": NEW, "support_hours": "Always"}, content_type="application/json"
    )
    assert refused.status_code == 409 and "/api/v1/amendments/" in refused.content.decode()
    assert client.get(url).json()["support_hours"] != "Always"
    body = {"model": model.slug, "facts": {"limitations": NEW}, "reason": WHY}
    made = client.post("/api/v1/amendments/", body, content_type="application/json")
    assert made.status_code == 201 and made.json()["changes"]["limitations"]["after"] == NEW
    assert (
        client.post(
            f"/api/v1/amendments/{made.json()['id']}/withdraw/", content_type="application/json"
        ).json()["state"]
        == "withdrawn"
    )
