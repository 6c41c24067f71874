"""Models for one purpose. Rule: docs/governance.md, "Models for one purpose"."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from catalog import neighbours
from catalog.models import RegisteredModel
from governance import actions, same_purpose
from governance.models import Evaluation, SamePurposeCase
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
WHY = "It covers the self-employed, and more teams rely on it."


@pytest.fixture
def pair():
    """Two published models with the same inputs and target, of lending and of mortgage."""
    first = factories.published_version().model
    second = factories.published_version(
        factories.model(
            factories.maya(),
            factories.mortgage(),
            name="Income check",
        )
    ).model
    factories.published_version(
        factories.model(
            name="Roof age",
            summary="Looks at photos of a house.",
            model_type=factories.term(factories.ModelType, "image"),
        )
    )
    return first, second


@pytest.fixture
def case(pair):
    factories.rita()
    actions.find_cases_of(pair[1])
    return SamePurposeCase.objects.get()


def decide(case, **changed):
    given = {"state": "primary_chosen", "primary": case.first, "rationale": WHY} | changed
    return actions.decide_case(factories.rita(), case, **given)


def measured(model, value, half, sha="a" * 64):
    return Evaluation.objects.create(
        version=model.versions.get(),
        kind="independent",
        suite="standard/1",
        metric="roc_auc",
        value=value,
        low=value - half,
        high=value + half,
        n=1000,
        data="Hidden loans",
        data_sha256=sha,
        artifact_sha256="b" * 64,
        by=factories.evan(),
    )


def test_only_what_is_alike_is_a_case(pair, case):
    assert {case.first, case.second} == set(pair)
    assert case.parts["inputs"] == 1 and case.parts["task"] == 1
    assert case.likeness == pytest.approx(
        0.45 * case.parts["text"] + 0.25 + 0.15 + 0.15 * case.parts["consumers"]
    )
    assert set(
        Notice.objects.filter(key=f"case-found:{case.pk}").values_list(
            "recipient__username", flat=True
        )
    ) == {"rita"}


def test_the_nightly_round_finds_the_same_once_and_ends_what_is_gone(pair, case):
    for model in RegisteredModel.objects.all():
        neighbours.refresh(model.pk)
    actions.find_cases()
    actions.find_cases()
    assert SamePurposeCase.objects.get().state == "open"
    assert AuditEvent.objects.filter(action="case.find").count() == 1
    pair[1].versions.update(signature={})
    neighbours.refresh(pair[1].pk)
    actions.find_cases()
    case.refresh_from_db()
    assert case.state == "gone"


def test_a_new_draft_is_compared_and_stays_its_teams_and_the_curators(pair):
    factories.draft_version(
        factories.model(
            factories.maya(),
            factories.mortgage(),
            name="Income of applicants",
            summary="Takes account credits and estimates the monthly income of an applicant.",
        )
    )
    draft = RegisteredModel.objects.get(name="Income of applicants")
    actions.find_cases_of(draft)
    about = SamePurposeCase.objects.filter(second=draft)
    assert about.exists()
    for who, sees in ((factories.rita, True), (factories.maya, True), (factories.alice, False)):
        assert about.visible_to(who()).exists() is sees, who


def test_a_decision_shows_on_both_pages_to_whoever_sees_both(pair, case):
    decide(case)
    first, second = case.first, case.second
    client = Client()
    client.force_login(factories.charlie())
    pages = [client.get(model.get_absolute_url()).content.decode() for model in (first, second)]
    assert "Recommended for Scoring, before" in pages[0] and WHY in pages[0]
    assert "the marketplace recommends" in pages[1] and first.name in pages[1]
    found = client.get("/models/?q=income").content.decode()
    assert found.count("Recommended for Scoring") == 1
    RegisteredModel.objects.filter(pk=second.pk).update(visibility="restricted")
    assert second.name not in client.get(first.get_absolute_url()).content.decode()
    told = Notice.objects.filter(key__startswith=f"case-decided:{case.pk}")
    assert set(told.values_list("recipient__username", flat=True)) == {"alice", "maya"}


def test_who_decides_and_what(case):
    for who in (factories.maya, factories.alice, factories.vera, factories.charlie):
        with pytest.raises(NotAllowed):
            actions.decide_case(who(), case, state="coexist", rationale=WHY)
    partial = factories.also(factories.maya(), "curator")
    with pytest.raises(NotAllowed):
        actions.decide_case(partial, case, state="coexist", rationale=WHY)
    now = timezone.now()
    partial.memberships.update(joined_at=now - timedelta(days=9), left_at=now - timedelta(days=1))
    with pytest.raises(NotAllowed):
        actions.decide_case(partial, case, state="coexist", rationale=WHY)
    other = RegisteredModel.objects.get(name="Roof age")
    for wrong in (
        {"primary": None},
        {"primary": other},
        {"state": "coexist"},
        {"state": "open"},
        {"rationale": "Because."},
        {"review_on": timezone.localdate()},
        {"review_on": timezone.localdate() + timedelta(days=731)},
    ):
        with pytest.raises(Invalid):
            decide(case, **wrong)
    decided = decide(case)
    assert decided.review_on == timezone.localdate() + timedelta(days=180)
    assert any("calls of" in sentence for sentence in decided.evidence)
    assert decide(case, state="coexist", primary=None).primary is None
    assert decide(case, state="coexist", primary=None, rationale=WHY + " Still.").state == "coexist"


def test_on_the_day_of_the_review_it_is_open_again(case):
    decide(case)
    SamePurposeCase.objects.update(review_on=timezone.localdate())
    actions.find_cases()
    case.refresh_from_db()
    assert (case.state, case.primary) == ("open", None)
    assert RegisteredModel.objects.get(pk=case.first_id).recommended_for == ""


def test_figures_on_the_same_data_are_compared_and_no_others(pair):
    first, second = pair
    measured(first, 0.71, 0.02)
    measured(second, 0.70, 0.02, sha="c" * 64)
    assert same_purpose.compared(first, second) == []
    measured(second, 0.70, 0.02)
    (row,) = same_purpose.compared(first, second)
    assert not row.is_significant and row.difference == pytest.approx(0.01)
    measured(second, 0.60, 0.02)
    (row,) = same_purpose.compared(first, second)
    assert row.is_significant and row.high - row.low == pytest.approx(2 * 0.02 * 2**0.5)


SETS = st.frozensets(st.integers(0, 20), max_size=12)


@given(SETS, SETS)
def test_overlap_is_a_share_and_symmetric(one, other):
    found = same_purpose.overlap(one, other)
    assert 0 <= found <= 1 and found == same_purpose.overlap(other, one)
    assert (found == 1) == (one == other and bool(one))
