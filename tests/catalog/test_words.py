"""Every word of a name finds its model (issue 12): in any case, with or without accents, joined or begun."""

import unicodedata

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import search
from catalog.models import RegisteredModel
from catalog.words import words_of
from tests import factories

pytestmark = pytest.mark.django_db

# Small letters of several scripts, and digits.
LETTERS = "abcxyzäéñößøłęçτροφήςданйёцשלוםمرحبا東京모델हिन्दी"
PARTS = st.one_of(
    st.text(LETTERS, min_size=2, max_size=9), st.text("0123456789", min_size=1, max_size=6)
)
JOINTS = st.sampled_from([" ", "-", "/", ".", "_", " & ", "–", " (", ": "])
# Letters that have capitals: names joined by nothing else than them have seams.
CASED = st.text("abcxyzäéñößøłęçτροφήςданйё", min_size=2, max_size=9)
NAMES = st.one_of(
    st.tuples(st.lists(PARTS, min_size=1, max_size=4), JOINTS),
    st.tuples(st.lists(CASED, min_size=1, max_size=4), st.just("")),
)
WAYS = {
    "as it stands": lambda word: word,
    "in capitals": str.upper,
    "in small letters": str.lower,
    "as a title": str.title,
    "without accents": lambda word: "".join(
        letter
        for letter in unicodedata.normalize("NFD", word)
        if not "\u0300" <= letter <= "\u036f"
    ),
    "decomposed": lambda word: unicodedata.normalize("NFD", word),
}


@pytest.fixture
def model():
    entry = factories.model(name="Something else", summary="Says what it says, and nothing more.")
    RegisteredModel.objects.filter(pk=entry.pk).update(state="published", description="", tags=[])
    return entry


@pytest.fixture
def few():
    said = {"summary": "Says what it says, and nothing more."}
    return [factories.model(name=f"Something {number}", **said) for number in "abc"]


def finds(model, text):
    return search.rank(RegisteredModel.objects.all(), text).filter(pk=model.pk).exists()


def joined(parts, joint):
    """A name; without a joint its parts begin with capitals."""
    return joint.join(parts) if joint else "".join(part.capitalize() for part in parts)


@pytest.mark.slow
@given(made=NAMES, data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_word_of_a_name_finds_it(model, made, data):
    parts, joint = made
    name = joined(parts, joint)
    RegisteredModel.objects.filter(pk=model.pk).update(name=name)
    part = data.draw(st.sampled_from(parts))
    way = data.draw(st.sampled_from(sorted(WAYS)))
    assert finds(model, WAYS[way](part)), (name, part, way)
    assert finds(model, WAYS[way](name)), (name, way)
    begun = part[: data.draw(st.integers(1, len(part)))]
    assert finds(model, begun), (name, begun)


@given(
    shared=st.lists(PARTS, min_size=1, max_size=3, unique=True),
    names=st.lists(st.lists(PARTS, max_size=2), min_size=1, max_size=3),
    data=st.data(),
)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_word_finds_its_model_where_few_models_share_all_words(few, shared, names, data):
    """In a catalog of one, two or three models without vectors, also beside a word that nobody has."""
    made = [" ".join([*shared, *own]) for own in names]
    for entry, name in zip(few, made, strict=False):
        RegisteredModel.objects.filter(pk=entry.pk).update(name=name, state="published")
    few_ids = [entry.pk for entry in few[len(made) :]]
    RegisteredModel.objects.filter(pk__in=few_ids).update(state="draft")
    place = data.draw(st.integers(0, len(made) - 1))
    word = data.draw(st.sampled_from(made[place].split()))
    found = search.rank(RegisteredModel.objects.published(), f"{word} qqqqunheardof")
    assert few[place].pk in [entry.pk for entry in found], (made, word)
    assert finds(few[place], word) and finds(few[place], made[place])


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_database_has_the_same_words(text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT catalog_words(%s)", [text])
        [[words]] = cursor.fetchall()
    assert list(dict.fromkeys(words.split())) == words_of(text)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Schadenprüfung", "schadenprufung"),
        ("Schadenprüfung", "SCHADENPRÜFUNG"),
        ("CR-11662 scorecard", "11662"),
        ("Motor/Home claims", "Motor"),
        ("Motor/Home claims", "home"),
        ("Fraud signals", "fra"),
        ("The One", "the"),
        ("IncomeCheckV2", "check"),
        ("IncomeCheckV2", "incomecheck"),
        ("Straßenzustand", "STRASSENZUSTAND"),
        ("income_verification.v3", "verification"),
    ],
)
def test_names_that_were_not_found(model, name, asked):
    RegisteredModel.objects.filter(pk=model.pk).update(name=name)
    assert finds(model, asked)


def test_who_has_the_word_comes_before_who_has_it_begun(model):
    RegisteredModel.objects.filter(pk=model.pk).update(name="Frauds and fraudsters")
    exact = factories.model(name="Fra", summary="It says something about paper clips.")
    RegisteredModel.objects.filter(pk=exact.pk).update(state="published")
    found = search.rank(RegisteredModel.objects.published(), "fra")
    assert [entry.pk for entry in found] == [exact.pk, model.pk]
