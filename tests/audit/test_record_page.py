"""Issue 11, line 12: auditors search the record, see what each act changed, verify it and take signed extracts."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.audit import verify
from marketplace.audit.actions import record, sequence
from marketplace.audit.models import AuditEvent, Verification
from marketplace.audit.verify_offline import find_faults
from marketplace.core import signing
from marketplace.core.errors import NotAllowed
from tests import factories
from tests.audit.test_tampering import TABLE, tamper

pytestmark = pytest.mark.django_db
RECORD = "/audit/"


@pytest.fixture(autouse=True)
def _acts(settings, tmp_path):
    settings.AUDIT_WITNESS_FILE = str(tmp_path / "witness.jsonl")
    alice, bob = factories.alice(), factories.bob()
    record(alice, "model.edit", alice, reason="The summary was too long.", fields=["summary"])
    record(bob, "version.renumber", bob, before="1.0.0", after="1.0.1")
    record(
        bob,
        "amendment.propose",
        bob,
        reason="The hours moved.",
        changes={"support_hours": {"before": "9 to 5", "after": "8 to 4"}},
    )
    record(
        alice, "change.begin", alice, before={"rate": 5, "quota": 9}, after={"rate": 3, "quota": 9}
    )


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def shown(page):
    return [act.event.action for act in page.context["acts"]]


@pytest.mark.parametrize(
    ("question", "actions"),
    [
        ({"actor": "bob", "action": "version.renumber"}, ["version.renumber"]),
        ({"q": "HOURS moved"}, ["amendment.propose"]),
        ({"q": "hours nowhere"}, []),
        ({"actor": "alice", "q": "edit"}, ["model.edit"]),
        ({"until": "2020-01-01"}, []),
        ({"since": "2020-01-01", "actor": "bob", "q": "propose"}, ["amendment.propose"]),
    ],
)
def test_the_record_is_searched_by_who_what_when_and_words(question, actions):
    assert shown(signed_in(factories.vera()).get(RECORD, question)) == actions


def test_who_signed_in_is_named_once():
    vera = factories.vera()
    client = signed_in(vera)
    record(vera, "login", vera)
    page = client.get(RECORD, {"action": "login"}).content.decode()
    event = page.split('class="fold"')[1].partition("</summary>")[0]
    assert event.count(str(vera)) == 1
    record(factories.alice(), "team.edit", factories.lending())
    page = client.get(RECORD, {"action": "team.edit"}).content.decode()
    assert str(factories.alice()) in page.split('class="fold"')[1].partition("</summary>")[0]


def test_a_question_that_cannot_be_asked_finds_nothing_and_says_why():
    page = signed_in(factories.vera()).get(RECORD, {"since": "yesterday"})
    assert page.status_code == 400
    assert "From, inclusive" in page.content.decode()
    assert shown(page) == []


def test_each_change_shows_both_sides():
    page = signed_in(factories.vera()).get(RECORD)
    changes = {act.event.action: act.changes for act in page.context["acts"]}
    assert [
        (fact.label, fact.before, fact.after)
        for action in ("version.renumber", "amendment.propose", "change.begin")
        for fact in changes[action]
    ] == [("value", "1.0.0", "1.0.1"), ("support_hours", "9 to 5", "8 to 4"), ("rate", "5", "3")]
    assert "The summary was too long." in page.content.decode()


def test_others_see_their_own_acts_and_can_neither_verify_nor_extract():
    client = signed_in(factories.bob())
    page = client.get(RECORD)
    assert {act.event.actor.username for act in page.context["acts"]} == {"bob"}
    assert "Verify the record" not in page.content.decode()
    with pytest.raises(NotAllowed):
        verify.ask(factories.bob())
    assert client.post(reverse("audit:extract")).status_code == 403


def test_the_button_verifies_the_record_and_shows_the_last_checkpoint():
    client = signed_in(factories.vera())
    client.post(reverse("audit:extract"))  # signs a checkpoint
    assert client.post(reverse("audit:verify")).status_code == 302
    verification = verify.ask(factories.vera())
    assert Verification.objects.count() == 1  # one under way is not doubled
    assert "every row is being looked at" in client.get(RECORD).content.decode()
    verify.finish(verification.pk)
    text = client.get(RECORD).content.decode()
    assert "The record is intact" in text and "Signed" in text
    sequence()
    tamper(f"UPDATE {TABLE} SET reason = 'nothing happened' WHERE action = 'model.edit'")
    verify.finish(verify.ask(factories.vera()).pk)
    text = client.get(RECORD).content.decode()
    assert "The record is not intact" in text and "(model.edit) does not match its hash" in text


def test_an_extract_holds_what_was_asked_and_any_changed_byte_is_found(tmp_path):
    response = signed_in(factories.vera()).post(reverse("audit:extract") + "?actor=bob")
    path, key = tmp_path / "record.jsonl", signing.public_key()
    path.write_bytes(response.content)
    assert find_faults(path, key) == []
    *events, point, signed = map(json.loads, response.content.splitlines())
    assert {event["content"]["actor"] for event in events} == {factories.bob().pk}
    assert signed["extract"]["question"] == {"actor": "bob"}
    assert (signed["extract"]["rows"], signed["extract"]["left_out"]) == (len(events), 0)
    assert point["checkpoint"]["size"] >= events[-1]["seq"]
    unnoticed = []
    for place in range(0, len(response.content), 7):
        changed = bytearray(response.content)
        changed[place] ^= 1
        path.write_bytes(changed)
        if not find_faults(path, key):
            unnoticed.append(place)
    assert unnoticed == []
    taken = AuditEvent.objects.get(action="audit.extract")
    assert (taken.actor, taken.detail) == (factories.vera(), {"question": {"actor": "bob"}})


def test_the_extract_is_a_page_for_paper_with_numbers_and_hashes():
    sequence()
    page = signed_in(factories.vera()).get(f"{RECORD}print/", {"actor": "bob"})
    assert shown(page) == ["version.renumber", "amendment.propose"]
    text = page.content.decode()
    assert "actor: bob" in " ".join(text.split())
    event = AuditEvent.objects.get(action="version.renumber")
    assert event.hash in text
    assert "support_hours: 9 to 5 → 8 to 4" in text
    wrong = signed_in(factories.vera()).get(f"{RECORD}print/", {"since": "yesterday"})
    assert wrong.status_code == 422
    assert signed_in(factories.alice()).get(f"{RECORD}print/").status_code == 404
