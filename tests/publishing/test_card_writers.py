"""Two writers of one card, on pages and by saving as they type: nothing is overwritten unseen, nothing is lost."""

import pytest
from django.test import Client
from django.urls import reverse

from governance import cards
from marketplace.audit.models import AuditEvent
from publishing import actions
from publishing.card_texts import as_value, fingerprint
from tests import factories

pytestmark = pytest.mark.django_db
LIMITS, USE = "limitations.text", "intended_use.summary"
ALICES = "It knows salaried people of one country only, says Alice."
BOBS = "It knows nothing about people who are paid in cash, says Bob."


class Writer:
    """A person with the card open since they last looked."""

    def __init__(self, person, version):
        self.client, self.version = Client(), version
        self.client.force_login(person)
        self.look()

    def at(self, step):
        return reverse(f"publishing:{step}", args=[self.version.model.slug, self.version.number])

    def look(self):
        sections = self.client.get(self.at("card")).context["sections"]
        entries = [entry for section in sections for entry in section.fields]
        self.seen = {f"seen.{entry.field.html_name}": entry.seen for entry in entries}
        self.texts = {entry.field.html_name: entry.field.value() or "" for entry in entries}

    def save_page(self, **more):
        return self.client.post(self.at("card"), self.texts | self.seen | more)

    def save_typed(self, name, text, seen=None):
        sent = {name: text, f"seen.{name}": seen or self.seen[f"seen.{name}"]}
        return self.client.post(self.at("autosave"), sent).json()

    def says(self, name):
        self.version.card.refresh_from_db()
        return self.version.card.data.get(name)


@pytest.fixture
def two():
    version = factories.draft_version()
    return Writer(factories.alice(), version), Writer(factories.bob(), version)


def test_different_fields_of_two_open_pages_both_stay(two):
    alice, bob = two
    alice.texts[LIMITS], bob.texts[USE] = ALICES, BOBS
    assert alice.save_page().status_code == 302 and bob.save_page().status_code == 302
    assert (alice.says(LIMITS), alice.says(USE)) == (ALICES, BOBS)


def test_the_last_writer_of_one_field_is_told_and_decides(two):
    alice, bob = two
    alice.texts[LIMITS], bob.texts[LIMITS] = ALICES, BOBS
    alice.save_page()
    answer = bob.save_page()
    page = answer.content.decode()
    assert answer.status_code == 422 and bob.says(LIMITS) == ALICES
    assert "Alice changed this at" in page and ALICES in page and BOBS in page
    [entry] = [
        entry
        for section in answer.context["sections"]
        for entry in section.fields
        if entry.field.html_name == LIMITS
    ]
    bob.seen[f"seen.{LIMITS}"] = entry.seen
    assert bob.save_page().status_code == 302 and bob.says(LIMITS) == BOBS


def test_another_window_of_oneself_is_called_that(two):
    _, bob = two
    bob.save_typed(LIMITS, ALICES)
    assert "You, in another window" in bob.save_typed(LIMITS, BOBS)["conflicts"][LIMITS]["sentence"]


def test_what_else_was_typed_is_saved_in_spite_of_a_conflict(two):
    alice, bob = two
    alice.texts[LIMITS] = ALICES
    bob.texts |= {LIMITS: BOBS, USE: BOBS}
    alice.save_page()
    bob.save_page()
    assert (bob.says(LIMITS), bob.says(USE)) == (ALICES, BOBS)


def test_an_invalid_field_does_not_make_one_blind_for_the_others(two):
    """The second try, with the invalid field mended, still knows what was read at first."""
    alice, bob = two
    alice.texts[LIMITS] = ALICES
    alice.save_page()
    bob.texts |= {LIMITS: BOBS, "ops.cost_per_1k": "much"}
    answer = bob.save_page()
    bob.seen = {
        f"seen.{entry.field.html_name}": entry.seen
        for section in answer.context["sections"]
        for entry in section.fields
    }
    bob.texts["ops.cost_per_1k"] = "0.5"
    assert bob.save_page().status_code == 422 and bob.says(LIMITS) == ALICES


def test_typing_saves_field_by_field_and_says_what_became_of_each(two):
    alice, bob = two
    answer = alice.save_typed(LIMITS, ALICES)
    assert answer == {"saved": {LIMITS: fingerprint(ALICES)}, "conflicts": {}, "refused": {}}
    assert alice.save_typed(LIMITS, f"{ALICES} More.", answer["saved"][LIMITS])["saved"]
    conflict = bob.save_typed(LIMITS, BOBS)["conflicts"][LIMITS]
    assert conflict["text"] == f"{ALICES} More." and conflict["sentence"].startswith(
        "Alice changed"
    )
    assert bob.save_typed(LIMITS, BOBS, conflict["seen"])["saved"] and bob.says(LIMITS) == BOBS
    assert "number" in bob.save_typed("ops.cost_per_1k", "much")["refused"]["ops.cost_per_1k"]


def test_after_submission_the_typist_is_told_and_nothing_changes(two):
    alice, bob = two
    before = bob.says(LIMITS)
    actions.submit(factories.alice(), alice.version)
    answer = bob.save_typed(LIMITS, BOBS)
    assert "can no longer be edited" in answer["refused"][""] and not answer["saved"]
    assert bob.says(LIMITS) == before


def test_saving_an_untouched_page_writes_nothing(two):
    alice, _ = two
    edits = alice.version.contributions.filter(kind="edited").count()
    assert alice.save_page().status_code == 302
    events = AuditEvent.objects.filter(action="card.edit", object_id=str(alice.version.pk))
    assert events.count() == 1 and edits == 1


def test_the_preview_is_the_card_as_consumers_will_read_it(two):
    alice, _ = two
    alice.save_typed(LIMITS, ALICES)
    page = alice.client.get(alice.at("card_preview"))
    shown = {entry.label: entry.value for part in page.context["sections"] for entry in part.fields}
    assert shown["Known limitations"] == ALICES
    assert shown["Owner team"] == alice.version.model.owner_team.name
    part = alice.client.get(alice.at("card_preview"), headers={"HX-Request": "true"})
    text = part.content.decode()
    assert ALICES in text and "<html" not in text and 'hx-swap-oob="true"' in text


@pytest.mark.parametrize("name", ["limitations.failure_modes", LIMITS, "ops.cost_per_1k"])
def test_what_is_typed_has_the_fingerprint_of_what_is_kept(name):
    text = "0.5" if name.startswith("ops") else "First line\r\nSecond line\r\n"
    value = as_value(cards.FIELDS_BY_ID[name], text)
    assert fingerprint(value) == fingerprint(text.replace("\r\n", "\n").strip())
