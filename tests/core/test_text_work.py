"""Looking at a text takes time that grows no faster than the text, and ends where no field keeps more (issue 8, line 3).

Unicode composes letters in time that grows with the square of the marks in a row: 100 kB of them took minutes of a thread.
"""

import contextlib
import time

import pytest
from django.core.exceptions import ValidationError

from consumption.forms import ApplicationForm
from governance import cards
from marketplace.core import names, text
from marketplace.core.errors import Invalid
from publishing.packages import recognise
from publishing.packages.archives import NameBook
from tests import factories
from tests.api.calls import Api

MARKS = "\u0345\u0316\u0300"  # of classes in the order that is sorted longest
WORST = {
    "marks in one pile": "a" + MARKS * 100_000,
    "marks in many piles": ("a" + MARKS * 9) * 10_000,
    "letters": "x" * 1_000_000,
    "composed letters": "\ufdfa" * 300_000,
}


@pytest.mark.parametrize("worst", WORST)
@pytest.mark.parametrize("look", [text.composed, text.one_line, text.prose])
def test_a_look_is_short(look, worst):
    assert seconds(look, WORST[worst]) < 1


@pytest.mark.parametrize("worst", WORST)
def test_a_name_is_refused_at_once(worst):
    assert seconds(lambda sent: names.display_name(sent, longest=80), WORST[worst]) < 1


def test_piles_of_marks_are_refused_and_kept_texts_composed():
    with pytest.raises(ValidationError, match="accents"):
        text.one_line("a" + MARKS * 100)
    assert text.composed("e\u0301" * 1_000) == "\u00e9" * 1_000


@pytest.mark.django_db
def test_both_doors_answer_at_once():
    team, sent = factories.application().team, "a" + MARKS * 30_000
    api = Api(factories.maya())
    document = {"team": team.slug, "name": sent}
    assert seconds(lambda _: api.post("applications/", document, expect=422)) < 2
    form = {"team": team.pk, "name": sent, "environment": "prod"}
    assert seconds(lambda _: ApplicationForm(form, user=factories.maya()).is_valid()) < 2


def test_names_in_archives_are_looked_at_at_once():
    """Litter may have long names; it is left out."""
    assert seconds(lambda _: NameBook().add("._" + MARKS * 10_000, is_folder=False)) < 1


@pytest.mark.parametrize("space", [" ", "\n", ". "])
def test_placeholders_of_a_card_are_seen_at_once(space):
    assert all(map(cards.is_blank, (" n/a. ", f"TBD{space}", "...", " . ")))
    assert seconds(cards.is_blank, f"n/a{space * 5_000}x") < 0.1


@pytest.mark.parametrize("line", [b"\n", b" \n", b"\t", b"from a."])
def test_code_in_a_file_is_seen_at_once(line):
    assert recognise.CODE_LINE.search(b"x\n\timport os\n")
    assert seconds(recognise.CODE_LINE.search, line * (recognise.HEAD // len(line))) < 0.2


def seconds(look, *given):
    began = time.process_time()
    with contextlib.suppress(ValidationError, Invalid):
        look(*(given or (None,)))
    return time.process_time() - began
