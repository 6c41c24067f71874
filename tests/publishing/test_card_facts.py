"""Facts of the card are about certain files: other files need them confirmed or replaced (docs/governance.md, "Facts about the files")."""

import pytest
from django.urls import reverse

from catalog.models import Artifact
from governance import cards
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import NotAllowed, RuleError
from publishing import actions, card_facts
from publishing.actions.parts import PARTS
from publishing.missing import missing_fields
from tests import factories

pytestmark = pytest.mark.django_db
RESULTS, LIMITS = "evaluation.results", "limitations.text"
VALUES = factories.card_values()
FACTS = set(VALUES) & cards.ABOUT_FILES


def package(version, content):
    """Other files for a draft, as an upload leaves them."""
    version.artifacts.all().delete()
    Artifact.objects.create(
        version=version,
        name="model.onnx",
        size=len(content),
        sha256=content * 8,
        uploaded_by=factories.alice(),
    )


@pytest.fixture
def written():
    """A draft with files and a whole card about them."""
    version = actions.start_version(factories.alice(), factories.model(), "1.0.0")
    package(version, "first---")
    actions.edit_card(factories.alice(), version, VALUES)
    return version


def stale(version):
    version.card.refresh_from_db()
    return set(card_facts.stale(version))


def test_other_files_mark_the_facts_about_them_and_nothing_else(written):
    assert stale(written) == set()
    package(written, "second--")
    assert stale(written) == FACTS and LIMITS not in FACTS
    package(written, "first---")
    assert stale(written) == set()


def test_a_new_version_begins_with_the_card_before_and_its_facts_wait_for_the_new_files(written):
    second = actions.start_version(factories.alice(), written.model, "1.1.0")
    assert second.card.data[RESULTS] == VALUES[RESULTS] and stale(second) == set()
    package(second, "second--")
    assert card_facts.stale(second) == dict.fromkeys(FACTS, "1.0.0")


def test_a_version_from_before_origins_were_kept_passes_on_whose_facts_they_are(written):
    written.card.origins = {}
    written.card.save()
    second = actions.start_version(factories.alice(), written.model, "1.1.0")
    package(second, "second--")
    assert stale(second) == FACTS


def test_what_was_written_before_there_were_files_is_about_those_to_come():
    version = actions.start_version(factories.alice(), factories.model(), "1.0.0")
    actions.edit_card(factories.alice(), version, VALUES)
    package(version, "first---")
    assert stale(version) == set()


def test_a_fact_is_replaced_by_writing_it_and_confirmed_by_saying_so(written):
    package(written, "second--")
    actions.edit_card(factories.alice(), written, {RESULTS: ["AUC 0.83 on the hold-out of 2026"]})
    assert stale(written) == FACTS - {RESULTS}
    actions.confirm_card_facts(factories.bob(), written, FACTS | {LIMITS, "no.such"})
    assert stale(written) == set()
    event = AuditEvent.objects.get(action="card.confirm")
    assert event.actor == factories.bob() and event.detail["fields"] == sorted(FACTS - {RESULTS})
    actions.confirm_card_facts(factories.bob(), written, FACTS)
    assert AuditEvent.objects.filter(action="card.confirm").count() == 1


def test_strangers_and_late_ones_confirm_nothing(written):
    package(written, "second--")
    with pytest.raises(NotAllowed):
        actions.confirm_card_facts(factories.charlie(), written, FACTS)
    type(written).objects.filter(pk=written.pk).update(state="in_review")
    with pytest.raises(RuleError, match="can no longer be edited"):
        actions.confirm_card_facts(factories.alice(), written, FACTS)


def test_nothing_is_submitted_before_each_fact_is_confirmed(tmp_path):
    version = factories.draft_version()
    package(version, "former--")
    actions.edit_card(factories.alice(), version, VALUES)
    factories.upload_tiny(version, tmp_path)
    version.refresh_from_db()
    with pytest.raises(RuleError, match="former files .* Confirm or replace") as refusal:
        actions.submit(factories.alice(), version)
    named = {problem["field"] for problem in refusal.value.problems}
    assert {f"card.{name}" for name in FACTS} <= named
    actions.confirm_card_facts(factories.alice(), version, FACTS)
    assert actions.submit(factories.alice(), version).state == "submitted"


def test_the_page_marks_each_and_takes_the_ticks(client, written):
    package(written, "second--")
    client.force_login(factories.alice())
    at = reverse("publishing:card", args=[written.model.slug, written.number])
    page = client.get(at)
    marked = {
        entry.field.html_name: entry.stale
        for section in page.context["sections"]
        for entry in section.fields
        if entry.stale
    }
    assert marked == dict.fromkeys(FACTS, "1.0.0")
    assert page.content.decode().count('name="still_true"') == len(FACTS)
    client.post(at, {"still_true": [RESULTS, "data.labels"]})
    assert stale(written) == FACTS - {RESULTS, "data.labels"}
    assert [item.field for item in missing_fields(written) if item.step == "facts"]


def test_a_program_confirms_a_fact_by_sending_it_again(written):
    package(written, "second--")
    part, same = PARTS["card"], {RESULTS: VALUES[RESULTS]}
    assert part.differs(written, same)
    part.write(factories.alice(), written, same)
    written.card.refresh_from_db()
    assert not part.differs(written, same) and RESULTS not in stale(written)
