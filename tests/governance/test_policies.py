"""Issue 11, line 8: policies are versioned data that two people of governance change, with the effect shown before."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from governance import actions, matrix, policies, policy_parameters
from governance.models import PolicyChange, PolicyKind, PolicyVersion
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
REASON = "Reviewers asked for it, and consumers wait too long."


def propose(values, kind="review_matrix", by=None):
    return factories.policy_change(values, kind, by)


def in_force_now(values, kind="review_matrix"):
    """A change that both people agreed to and that has begun."""
    change = actions.decide_policy(factories.mira(), propose(values, kind), "approved", REASON)
    begin(change)
    return change


def begin(change):
    """Let it begin now. Rows of policies refuse to be changed, so a trigger rests."""
    now = timezone.now()
    PolicyChange.objects.filter(pk=change.pk).update(effective_from=now)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        PolicyVersion.objects.filter(pk=change.policy_id).update(effective_from=now)
        cursor.execute("SET session_replication_role = origin")
    policies.forget()


def days_of(version, kind="curation"):
    return dict(policies.required_reviews(version))[kind]


def test_a_change_counts_from_its_day_on_once_a_second_person_agreed():
    version = factories.draft_version()
    change = propose({"business_days__curation__low": 4})
    assert Notice.objects.filter(recipient=factories.mira(), title=f"To decide: {change}").exists()
    assert days_of(version) == 2
    with pytest.raises(NotAllowed, match="You proposed it"):
        actions.decide_policy(factories.gus(), change, "approved", REASON)
    with pytest.raises(NotAllowed, match="decide about policies"):
        actions.decide_policy(factories.rita(), change, "approved", REASON)
    actions.decide_policy(factories.mira(), change, "approved", REASON)
    policies.forget()
    assert days_of(version) == 2  # it begins tomorrow
    later = policies.in_force(timezone.now() + timedelta(days=2))
    assert dict(later.required_reviews("low", frozenset()))["curation"] == 4
    acts = AuditEvent.objects.filter(action__startswith="policy.").order_by("pk")
    assert list(acts.values_list("action", "actor__username")) == [
        ("policy.propose", "gus"),
        ("policy.decision_refused", "gus"),
        ("policy.decision_refused", "rita"),
        ("policy.approved", "mira"),
    ]
    with pytest.raises(RuleError, match="approved already"):
        actions.decide_policy(factories.mira(), change, "refused", REASON)


def test_a_version_under_review_keeps_the_rules_of_its_submission():
    early = factories.in_review_version()
    change = in_force_now({"business_days__curation__low": 4, "min_people__low": 3})
    late = factories.draft_version(early.model, "1.1.0")
    assert (days_of(early), policies.min_people(early)) == (2, 2)
    assert (days_of(late), policies.min_people(late)) == (4, 3)
    curation = factories.approve(early.reviews.get(kind="curation"))
    assert curation.policy.semver == matrix.POLICY["semver"]
    assert change.policy.semver == "1.5.0"


def test_decisions_point_at_the_text_that_governance_approved():
    change = in_force_now({"business_days__curation__low": 4})
    version = factories.in_review_version()
    assert factories.approve(version.reviews.get(kind="curation")).policy == change.policy
    assert not PolicyVersion.objects.filter(body__semver="1.5.0").exclude(pk=change.policy_id)


def test_approvals_and_notices_last_as_the_policy_says():
    in_force_now({"valid_days__low": 400, "notice_days__high": 200}, "periods")
    version = factories.approved_version()
    assert (version.approved_until - version.approved_at).days == 400
    assert policies.in_force().days("notice_days", "high") == 200


def test_a_stricter_card_fails_what_passed():
    card = factories.in_review_version().card.data
    lacking = {key: value for key, value in card.items() if key != "identity.license"}

    def is_complete():
        return policies.in_force().completeness(lacking, "low", frozenset()).ok

    assert is_complete()  # 90 percent suffice
    in_force_now({f"needed__{tier}": 100 for tier in ("low", "medium", "high")}, "card_schema")
    assert not is_complete()
    client = Client()
    client.force_login(factories.alice())
    document = client.get("/api/v1/card-schema/").json()
    assert (document["title"], document["x-score-needed"]["low"]) == ("Model card card/1.2.0", 100)


def test_other_points_lead_to_another_tier():
    version = factories.draft_version(tier="low")
    before = version.risk_tier
    in_force_now({"bands__1__0": 1}, "tiering")
    answers = policies.answers_of(version) | {"reach": "unit"}
    after = actions.assess_risk(factories.alice(), version, answers)
    assert (before, after.tier, after.policy.semver) == ("low", "medium", "1.1.0")


def test_the_effect_names_what_would_be_judged_otherwise():
    live = factories.published_version()
    found = actions.preview_of(
        "review_matrix",
        policy_parameters.changed(
            "review_matrix",
            policies.newest("review_matrix"),
            {
                "reviews__security__low": "*",
                "reviews__fairness__low": "*",
                "reviews__fairness__medium": "*",
            },
        ),
    )
    assert [row.version for row in found.concerned] == [live]
    assert found.counts == {"needs another review": 1}
    says = {consequence.says for consequence in found.concerned[0].consequences}
    assert says == {"Fairness review", "Security and safety review"}
    assert found.concerned[0].when == "at its next review"
    floor = policy_parameters.changed("tiering", policies.newest("tiering"), {"bands__1__0": 1})
    assert actions.preview_of("tiering", floor).counts in ({}, {"changes its tier": 1})


def test_the_preview_costs_the_same_for_more_versions():
    def queries():
        text = policy_parameters.changed(
            "periods", policies.newest("periods"), {"valid_days__low": 700}
        )
        with CaptureQueriesContext(connection) as asked:
            assert actions.preview_of("periods", text).concerned
        return len(asked)

    entry = factories.published_version().model
    queries()  # this process reads the changes
    one = queries()
    factories.draft_version(entry, "2.0.0")
    assert queries() == one


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        ("review_matrix", {"min_people__low": 4, "min_people__medium": 4}, "min_people__low"),
        ("review_matrix", {"min_people__high": 2}, "min_people__high"),
        (
            "review_matrix",
            {"reviews__security__low": "*", "reviews__security__medium": ""},
            "reviews__security__medium",
        ),
        (
            "review_matrix",
            {"checklists__final__3__asks": "Nobody named a source"},
            "checklists__final__3__source",
        ),
        ("review_matrix", {}, ""),
        ("tiering", {"bands__1__0": 12}, "bands__0__0"),
        ("tiering", {"questions__people__direct": 0}, "questions__people__direct"),
        ("card_schema", {"needed__high": 90}, "needed__high"),
        ("periods", {"notice_days__high": 30}, "notice_days__high"),
        ("periods", {"valid_days__high": 800}, "valid_days__high"),
        ("periods", {"valid_days__high": 5}, "valid_days__high"),
        ("periods", {"valid_days__high": True}, "valid_days__high"),
        ("periods", {"other": 5}, "other"),
        ("periods", {"canary__0__percent": 30}, "canary__1__percent"),
        ("periods", {"canary__1__hours": 400}, "canary__1__days"),
        ("gates", {"gates__latency__severity__low": "explodes"}, "gates__latency__severity__low"),
    ],
)
def test_rules_that_contradict_each_other_are_refused_at_the_field(kind, values, field):
    with pytest.raises(Invalid) as problem:
        propose(values, kind)
    assert (problem.value.field or "") == field
    assert not PolicyChange.objects.exists()


def test_what_law_and_mission_ask_for_has_one_choice():
    fixed = {
        name
        for kind in PolicyKind
        for name, parameter in policy_parameters.parameters(kind, policies.newest(kind)).items()
        if parameter.is_fixed
    }
    assert {"reviews__evaluation__low", "gates__safety__severity__low", "floors__0__1"} <= fixed
    with pytest.raises(Invalid, match="cannot be changed"):
        propose({"reviews__evaluation__low": ""})


def test_a_point_of_a_checklist_is_added_and_another_one_goes():
    in_force_now(
        {
            "checklists__final__3__asks": "The committee's minute is attached",
            "checklists__final__3__source": "House rule",
            "checklists__final__0__asks": "",
        }
    )
    version = factories.in_review_version()
    final = version.reviews.get(kind="final")
    asked = [point.id for point in policies.checklist_of(final)]
    assert asked == ["residual", "stop", "the-committees-minute-is-attac"]


def test_a_release_adds_to_a_changed_policy_what_is_new(monkeypatch):
    in_force_now({"questions__reach__company": 3}, "tiering")
    own = policies.TEXTS["tiering"]()
    floor = ["OV9", "medium", {"reach": ["company"]}]
    monkeypatch.setitem(
        policies.TEXTS,
        "tiering",
        lambda: own | {"questions": own["questions"] | {"novelty": {"no": 0}}},
    )
    monkeypatch.setitem(policies.tiering.POLICY, "floors", [*own["floors"], floor])
    policies.forget()
    text = policies.in_force().texts["tiering"]
    assert text["questions"]["reach"]["company"] == 3
    assert text["questions"]["novelty"] == {"no": 0}
    assert text["floors"][-1] == floor


def test_only_one_change_of_a_policy_waits_and_who_proposed_takes_it_back():
    change = propose({"business_days__curation__low": 4})
    with pytest.raises(RuleError, match="Another change"):
        propose({"business_days__curation__low": 5}, by=factories.mira())
    with pytest.raises(NotAllowed):
        actions.withdraw_policy(factories.mira(), change, REASON)
    actions.withdraw_policy(factories.gus(), change, REASON)
    propose({"business_days__curation__low": 5}, by=factories.mira())


def test_others_cannot_propose_and_the_database_refuses_what_one_person_did_alone():
    with pytest.raises(NotAllowed):
        propose({"business_days__curation__low": 4}, by=factories.rita())
    change = propose({"business_days__curation__low": 4})
    for facts in ({"state": "approved"}, {"decided_by": factories.gus()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            PolicyChange.objects.filter(pk=change.pk).update(**facts)


def test_every_process_reads_the_changes_before_one_can_begin():
    assert policies.LEAD.total_seconds() > policies.REREAD_S
    soon = actions.propose_policy(
        factories.gus(), "periods", {"valid_days__low": 700}, timezone.now(), REASON
    )
    decided = actions.decide_policy(factories.mira(), soon, "approved", REASON)
    assert decided.policy.effective_from >= decided.decided_at + policies.LEAD - timedelta(
        seconds=1
    )


def form_data(kind, **changed):
    text = policy_parameters.editable(kind, policies.newest(kind))
    values = {
        name: parameter.read(text)
        for name, parameter in policy_parameters.parameters(kind, text).items()
        if not parameter.is_fixed
    }
    day = (timezone.localdate() + timedelta(days=1)).isoformat()
    return values | {"effective_on": day, "reason": REASON} | changed


def test_the_editor_shows_the_effect_saves_nothing_and_then_proposes():
    version = factories.published_version()
    client = Client()
    client.force_login(factories.gus())
    url = reverse("governance:propose_policy", args=["periods"])
    data = form_data("periods", valid_days__low=400)
    assert f'value="{data["effective_on"]}"' in client.get(url).content.decode()
    page = client.post(url, data | {"preview": "1", "reason": "", "effective_on": ""})
    text = " ".join(page.content.decode().split())
    assert page.status_code == 200
    assert "an approval holds 400 days instead of 730" in text
    assert str(version) in text
    assert not PolicyChange.objects.exists()
    wrong = client.post(url, data | {"valid_days__low": "5"})
    assert wrong.status_code == 422
    assert 'value="5"' in wrong.content.decode()
    assert client.post(url, data).status_code == 302
    change = PolicyChange.objects.get()
    assert change.effect == {"other periods": 1}
    page = client.get(change.get_absolute_url()).content.decode()
    assert "You proposed it" in page
    client.force_login(factories.mira())
    assert "an approval holds 400 days" in client.get(change.get_absolute_url()).content.decode()
    client.post(change.get_absolute_url(), {"outcome": "approved", "reason": REASON})
    client.force_login(factories.alice())
    text = client.get(reverse("governance:policy", args=["periods"])).content.decode()
    assert "An approval holds at low risk: 730 → 400" in text
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("kind", PolicyKind.values)
def test_everybody_reads_each_policy_and_governance_can_edit_it(kind):
    client = Client()
    client.force_login(factories.alice())
    assert client.get(reverse("governance:policy", args=[kind])).status_code == 200
    client.force_login(factories.gus())
    url = reverse("governance:propose_policy", args=[kind])
    assert client.get(url).status_code == 200
    same = client.post(url, form_data(kind))
    assert same.status_code == 422
    assert "Nothing differs" in same.content.decode()


def test_the_list_says_what_is_in_force_and_what_waits():
    in_force_now({"business_days__curation__low": 4})
    propose({"valid_days__low": 400}, "periods")
    client = Client()
    client.force_login(factories.alice())
    text = " ".join(client.get(reverse("governance:policies")).content.decode().split())
    assert "approved by Mira" in text
    assert "by Gus waits" in text
    assert client.get(reverse("governance:policy", args=["other"])).status_code == 404
    assert ModelVersion.objects.count() == 0


def test_the_step_of_an_older_text_is_followed():
    """Its four numbers were kept and followed by nothing when the steps of a minor update became a list."""
    own = policies.TEXTS["periods"]()
    said = {"percent": 20, "hours": 72, "calls": 50, "days": 7}
    older = {name: value for name, value in own.items() if name != "canary"}
    older |= {f"canary_{name}": value for name, value in said.items()}
    text = policies.merged("periods", older)
    assert text["canary"] == [said] and "canary_percent" not in text
    assert policies.merged("periods", older | {"canary": own["canary"]})["canary"] == own["canary"]
