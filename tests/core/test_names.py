"""Names of the world (issue 9, lines 2 and 12): what may stand in a line, which names are one, what address a name makes."""

import unicodedata

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core import names, text
from marketplace.core.errors import Invalid

UNSEEN = [
    "a\x00b",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "a\u2028b",
    "a\u2029b",
    "a\x85b",
    "a\x1bb",
    "a\x7fb",
    "a\x9fb",  # controls and line breaks
    "a\u202eb",
    "a\u202ab",
    "a\u2066b",
    "a\u2067b",
    "a\u200eb",
    "a\u200fb",
    "a\u061cb",  # directions
    "a\u200bb",
    "a\u200cb",
    "a\u200db",
    "a\u2060b",
    "a\ufeffb",
    "a\u00adb",
    "a\u180eb",
    "a\u2063b",  # cannot be seen
    "a\u3164b",
    "a\u115fb",
    "a\u2800b",
    "a\u034fb",
    "a\U000e0041b",
    "a\ufff9b",
    "a\ud800b",
    "\udfff",
    "a\ufffeb",
    "a\ufdd0b",  # no characters
    "Z" + "\u0334" * 20 + "algo",
]
WELCOME = [
    "评分模型",
    "Модель оценки",
    "نموذج التقييم",
    "मॉडल",
    "क्\u200dष",
    "می\u200cخواهم",
    "ประเมิน",
    "Größe & Maß",
    "O’Neil’s (v2)",
    "👩\u200d💻 tools",
    "❤️ rates",
    "東京　支店",
    "Việt Nam",
    "שלום",
]
ONE = [
    ("Income verification", "INCOME VERIFICATION"),
    ("Caf\u00e9", "Cafe\u0301"),
    ("ﬁne", "fine"),
    ("Ｆｕｌｌ", "Full"),
    ("Income verification", "Income\u00a0 \u3000verification"),
    ("Straße", "STRASSE"),
    ("ΟΔΟΣ", "οδος"),
    ("Credit", "\u0421redit"),
    ("Score", "Sc\u03bfre"),
    ("AI scoring", "Al scoring"),
    ("Risk 1", "Risk l"),
    ("Modern", "Modem"),
    ("Model O", "Model 0"),
    ("❤️ rates", "❤ rates"),
    ("СОРТ", "COPT"),
]
TWO = [
    ("Mail rates", "Mall rates"),
    ("Résumé", "Resume"),
    ("评分", "評分"),
    ("Risk 1", "Risk 2"),
    ("C", "C++"),
    ("Fraud score", "Fraudscore"),
]


@pytest.mark.parametrize("line", UNSEEN)
def test_what_cannot_be_seen_is_refused_with_its_number(line):
    with pytest.raises(ValidationError, match=r"U\+|accents"):
        text.one_line(line)


@pytest.mark.parametrize("line", WELCOME)
def test_every_script_is_welcome(line):
    text.one_line(line)
    assert names.display_name(line, longest=80)


@pytest.mark.parametrize(
    "name", ["🚀", "???", " \u00a0\u3000", "", "\u0301", "—·—", "👩\u200d💻", "★★★", "ʼʼ"]
)
def test_a_name_has_a_letter_or_a_digit_and_is_told_so(name):
    with pytest.raises(Invalid, match="at least one letter or digit, of any script"):
        names.display_name(name, longest=80)


@pytest.mark.parametrize(("one", "other"), ONE)
def test_names_that_people_take_for_each_other(one, other):
    assert names.are_alike(one, other)


@pytest.mark.parametrize(("one", "other"), TWO)
def test_names_that_differ_to_the_eye(one, other):
    assert not names.are_alike(one, other)


@given(
    st.text(
        alphabet=st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co", "Cf"]),
        min_size=1,
        max_size=40,
    )
)
def test_keys_do_not_depend_on_case_composition_or_spaces(name):
    spelled = [
        unicodedata.normalize("NFD", name),
        unicodedata.normalize("NFC", name),
        f" {name.replace(' ', chr(0xA0) + ' ')} ",
    ]
    assert {names.fold(way) for way in spelled} == {names.fold(name)}
    assert {names.shape(way) for way in spelled} == {names.shape(name)}


@given(st.text(max_size=60))
def test_a_name_is_kept_as_one_clean_line_or_refused(name):
    try:
        kept = names.display_name(name, longest=80)
    except Invalid:
        return
    assert kept == unicodedata.normalize("NFC", kept) == " ".join(kept.split())
    assert names.display_name(kept, longest=80) == kept
    text.one_line(kept)
    slug = names.slug(kept)
    assert slug == "" or names.SLUG.fullmatch(slug)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Income verification", "income-verification"),
        ("Größe", "grosse"),
        ("Łódź", "lodz"),
        ("Score_v2 — beta", "score-v2-beta"),
        ("评分模型", ""),
        ("评分模型 v2", ""),
        ("Модель 1", ""),
    ],
)
def test_an_address_is_made_when_most_letters_are_left(name, slug):
    assert names.slug(name) == slug


def test_a_long_key_fits_an_index_entry():
    assert len(names.fold("\ufdfa" * 80)) <= names.KEY_MAX
