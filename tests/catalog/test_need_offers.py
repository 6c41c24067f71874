"""Issue 12: a search without result offers the need that already says what it asks."""

import pytest
from django.test import Client

from catalog import need_actions, need_offers
from tests import discovery_factories, factories

pytestmark = pytest.mark.django_db


def search(person, text):
    client = Client()
    client.force_login(person)
    return client.get("/models/", {"q": text})


def test_a_search_that_finds_nothing_offers_the_need_that_says_it():
    need = discovery_factories.need()
    discovery_factories.need(
        title="Weather at sea", text="The height of waves for the next three days."
    )
    page = search(factories.alice(), "zzroofs photos age")
    assert [one.pk for one in page.context["needs"]] == [need.pk]
    text = page.content.decode()
    assert need.get_absolute_url() in text and "1 need says this already" in text
    assert "1 team" in text and "Record another need" in text


@pytest.mark.parametrize(
    ("text", "is_offered"),
    [
        ("the age of a roof", True),
        ("photo of roofs", True),  # other forms of its words
        ("roof", True),
        ("ROOF'S age & (photos | !", True),
        ("roof insurance fraud in motor claims", False),  # one word of five
        ("the", False),
        ("", False),
        ("', | & ! <->", False),
    ],
)
def test_half_of_the_words_must_be_said(text, is_offered):
    discovery_factories.need()
    assert bool(need_offers.offered(factories.alice(), text)) == is_offered


def test_needs_that_do_not_wait_any_more_are_not_offered():
    need = discovery_factories.need()
    need_actions.decline_need(
        factories.rita(), need, "Nobody has photos of roofs that may be used."
    )
    assert need_offers.offered(factories.alice(), "roof photos") == []


def test_what_finds_models_offers_none():
    factories.published_version(factories.model(name="Roof age"))
    discovery_factories.need()
    assert search(factories.alice(), "Roof age").context["needs"] == []


def test_the_api_asks_the_same():
    need, client = discovery_factories.need(), Client()
    client.force_login(factories.alice())
    found = client.get("/api/v1/needs/", {"about": "roof photos"}).json()["results"]
    assert [row["id"] for row in found] == [need.pk]
    assert client.get("/api/v1/needs/", {"about": "nothing alike"}).json()["results"] == []


def test_three_at_most_whatever_there_is(django_assert_max_num_queries):
    for number in range(8):
        discovery_factories.need(title=f"Roof age {number}")
    alice = factories.alice()
    with django_assert_max_num_queries(6):
        assert len(need_offers.offered(alice, "roof age")) == 3
