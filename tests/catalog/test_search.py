"""Search and filters: the same for page and API."""

import pytest
from django.http import QueryDict

from catalog import search
from catalog.filters import ModelFilter
from catalog.models import RegisteredModel
from marketplace.core.transitions import transition
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def three_models():
    for name, summary in [
        (
            "Income verification",
            "Estimates the monthly income of an applicant from account credits.",
        ),
        ("Churn forecast", "Says which customers are likely to leave within three months."),
        ("Document classifier", "Sorts scanned letters by what they are about."),
    ]:
        transition(factories.model(name=name, summary=summary), "published")


def found(text):
    return [entry.name for entry in search.rank(RegisteredModel.objects.all(), text)]


def test_words_are_found_in_name_and_summary():
    assert found("income") == ["Income verification"]
    assert found("which customers leave?") == ["Churn forecast"]


def test_a_mistyped_word_is_corrected():
    assert found("incmoe verfication") == ["Income verification"]


def test_nothing_fits():
    assert found("zzzz quantum") == []


def test_an_empty_search_is_everything():
    assert len(found("")) == 3


@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", "a & | ! ( :* <->", "\\", "%_%", "income' | 'x", "🙂", "x" * 5000]
)
def test_whatever_is_typed_is_a_search_and_nothing_else(text):
    assert isinstance(found(text), list)


def test_filters_combine():
    everything = RegisteredModel.objects.all()
    chosen = ModelFilter(QueryDict("domain=consumer-lending&q=income"), queryset=everything)
    assert [entry.name for entry in chosen.qs] == ["Income verification"]
    assert not ModelFilter(QueryDict("tier=high"), queryset=everything).qs.exists()
