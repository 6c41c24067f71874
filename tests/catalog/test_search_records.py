"""Search before build. Rules: docs/search-before-build.md."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog import actions as catalog
from catalog import search_record_actions as actions
from catalog import search_records
from catalog.models import RegisteredModel, SearchCandidate, SearchRecord
from catalog.search_record_actions import Reason
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories
from tests.api.calls import Api
from tests.pages import repeated_ids

pytestmark = pytest.mark.django_db
WHY = "It was never measured on mortgages, and we may not use its data."
DECISION = {"sponsor": "Mara Lindqvist", "reason": WHY}


@pytest.fixture
def live():
    return factories.published_version()


@pytest.fixture
def record(live):
    return factories.search_record()


def built(record, **changed):
    given = {"decision": "build", "reasons": [Reason(1, "data", WHY)]} | DECISION | changed
    return actions.decide_search_record(factories.maya(), record, **given)


def faults(record, **asked):
    return [fault.code for fault in search_records.verify(_again(record), **asked).faults]


def _again(record):
    return SearchRecord.objects.for_page().get(pk=record.pk)


def test_what_was_found_is_frozen(live, record):
    RegisteredModel.objects.filter(pk=live.model_id).update(name="Another name", summary="Other.")
    candidate = record.candidates.get()
    assert (candidate.name, candidate.version, candidate.is_strong) == (
        "Income verification",
        "1.0.0",
        True,
    )
    assert record.engine and 0 < candidate.score <= 1 and "income" in candidate.findings[0]


def test_build_is_refused_while_a_strong_candidate_has_no_reason(record):
    for reasons in ([], [Reason(1, "", "")]):
        with pytest.raises(Invalid, match="Strong candidates without a reason: Income verif"):
            built(record, reasons=reasons)
    for reason in (Reason(1, "data", "Too short."), Reason(1, "", WHY), Reason(1, "mood", WHY)):
        with pytest.raises(Invalid):
            built(record, reasons=[reason])
    assert faults(record) == ["open"]
    built(record)
    assert faults(record) == []


def test_reuse_tells_the_owners_who_counts_on_their_model(record):
    factories.bob()
    decided = actions.decide_search_record(
        factories.maya(), record, decision="reuse", position=1, **DECISION
    )
    told = Notice.objects.filter(key=f"search-record:{record.pk}")
    assert {notice.recipient.username for notice in told} == {"alice", "bob"}
    assert decided.expires_at - decided.decided_at == timedelta(days=90)
    RegisteredModel.objects.filter(pk=decided.chosen_id).update(state="archived")
    assert faults(record) == ["gone"]


def test_each_step_is_in_the_record_of_the_marketplace(record):
    built(record)
    actions.withdraw_search_record(factories.maya(), record, WHY)
    about = AuditEvent.objects.filter(object_label=str(record)).order_by("pk")
    assert list(about.values_list("action", flat=True)) == [
        f"search_record.{verb}" for verb in ("open", "reason", "decide", "withdraw")
    ]
    assert faults(record) == ["withdrawn"]


@pytest.mark.parametrize(
    "change",
    [
        lambda record: SearchRecord.objects.filter(pk=record.pk).update(sponsor="Somebody else"),
        lambda record: SearchRecord.objects.filter(pk=record.pk).update(
            expires_at=timezone.now() + timedelta(days=900)
        ),
        lambda record: SearchCandidate.objects.filter(record=record).update(score="0.0100"),
        lambda record: SearchCandidate.objects.filter(record=record).update(reason=WHY + " Or so."),
        lambda record: SearchCandidate.objects.filter(record=record).delete(),
    ],
)
def test_whoever_changes_a_signed_record_breaks_its_signature(record, change):
    built(record)
    change(record)
    assert faults(record) == ["signature"]


def test_it_ends_after_ninety_days_and_an_old_search_decides_nothing(record, monkeypatch):
    month, quarter = (timezone.now() + timedelta(days=days) for days in (31, 91))
    monkeypatch.setattr(timezone, "now", lambda: month)
    with pytest.raises(RuleError, match="older than 30 days"):
        built(record)
    monkeypatch.undo()
    built(record)
    monkeypatch.setattr(timezone, "now", lambda: quarter)
    assert faults(record) == ["expired"]


def test_others_neither_decide_nor_read(record):
    for who in (factories.charlie, factories.alice, factories.rita, factories.vera):
        with pytest.raises(NotAllowed):
            actions.decide_search_record(who(), record, decision="reuse", position=1, **DECISION)
        with pytest.raises(NotAllowed):
            factories.search_record(by=who())
    readers = {
        who.__name__
        for who in (
            factories.maya,
            factories.rita,
            factories.vera,
            factories.gus,
            factories.evan,
            factories.alice,
            factories.charlie,
            factories.otto,
        )
        if SearchRecord.objects.visible_to(who()).exists()
    }
    assert readers == {"maya", "rita", "vera", "gus", "evan"}


def test_a_decision_is_made_once(record):
    built(record)
    for verb in (lambda: built(record), lambda: actions.give_reasons(factories.maya(), record, [])):
        with pytest.raises(RuleError):
            verb()


# ── What somebody may not see ─────────────────────────────────────────────


def test_a_restricted_model_is_nobodys_candidate(live):
    RegisteredModel.objects.filter(pk=live.model_id).update(visibility="restricted")
    assert not factories.search_record().candidates.exists()


def test_a_model_that_was_hidden_since_shows_nothing_of_itself(live, record):
    built(record)
    RegisteredModel.objects.filter(pk=live.model_id).update(visibility="restricted")
    client = Client()
    client.force_login(factories.maya())
    page = client.get(record.get_absolute_url()).content.decode()
    api = Api(factories.maya())
    detail = api.get(f"search-records/{record.pk}/")
    checked = api.get(f"search-records/{record.pk}/verify/")
    assert search_records.HIDDEN in page and checked["passes"] and checked["statement"] is None
    for text in (page, str(detail), str(checked)):
        assert "Income verification" not in text and "income-verification" not in text
        assert "estimates the monthly" not in text


# ── Pages and programs ────────────────────────────────────────────────────


def test_a_refused_decision_keeps_what_was_typed(record):
    client = Client()
    client.force_login(factories.maya())
    sent = {
        "step": "decide",
        "decision": "build",
        "sponsor": "Mara",
        "reason": WHY,
        "code_1": "data",
    }
    page = client.post(record.get_absolute_url(), sent | {"reason_1": "Short."})
    assert page.status_code == 422 and "Short." in page.content.decode()
    assert not repeated_ids(page)  # the withdrawal has a reason, too
    assert "Mara" in page.content.decode() and WHY in page.content.decode()
    client.post(record.get_absolute_url(), {"step": "save", "code_1": "data", "reason_1": WHY})
    assert record.candidates.get().reason == WHY and _again(record).is_open
    assert client.post(record.get_absolute_url(), sent | {"reason_1": WHY}).status_code == 302
    assert faults(record) == []


def test_a_pipeline_checks_with_a_token_that_reads(record):
    built(record)
    _, text = factories.token(factories.maya(), scopes=("read",), team=factories.mortgage())
    headers = {"Authorization": f"Bearer {text}"}
    address = reverse("api:search-record-verify", args=[record.pk])
    answer = Client().get(address, headers=headers).json()
    assert (answer["number"], answer["passes"], answer["decision"]) == (str(record), True, "build")
    assert answer["statement"]["candidates"][0]["reason"] == WHY
    assert Client().get(f"{address}?model=no-such", headers=headers).status_code == 404
    other = Client().get(f"{address}?model=income-verification", headers=headers).json()
    assert [fault["code"] for fault in other["reasons"]] == ["other-model"]
    _, strangers = factories.token(factories.alice(), scopes=("read",))
    refused = Client().get(address, headers={"Authorization": f"Bearer {strangers}"})
    assert refused.status_code == 404


def test_the_badge_is_for_whoever_has_its_address(record):
    badge = reverse("catalog:search_badge", args=[record.badge_key])
    before = Client().get(badge)
    assert before["Content-Type"] == "image/svg+xml" and "does not hold" in before.content.decode()
    built(record)
    after = Client().get(badge).content.decode()
    assert f"{record} build" in after and "income" not in after.lower()
    assert Client().get(badge.replace(record.badge_key, "guessed")).status_code == 404


# ── Registration ──────────────────────────────────────────────────────────


def test_a_new_model_names_the_record_that_says_it_is_built(record):
    given = {"name": "Roofs", "owner_team": factories.mortgage()}
    with pytest.raises(Invalid, match="no decision"):
        factories.model(factories.maya(), search_record=record, **given)
    built(record)
    with pytest.raises(Invalid, match="no decision of Consumer"):
        factories.model(factories.alice(), name="Other", search_record=_again(record))
    entry = factories.model(factories.maya(), search_record=_again(record), **given)
    assert faults(record, model=entry) == []
    actions.withdraw_search_record(factories.maya(), _again(record), WHY)
    catalog.edit(factories.maya(), entry, search_record=_again(record))  # the same again
    with pytest.raises(Invalid):
        factories.model(
            factories.maya(),
            name="Walls",
            owner_team=factories.mortgage(),
            search_record=_again(record),
        )
