"""What is written down of searches and looks: by team and day, never by person."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog import discovery_log
from catalog.models import ModelView, SearchLog
from tests import factories

pytestmark = pytest.mark.django_db


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def searches():
    return list(SearchLog.objects.values_list("team__slug", "query", "results", "was_clicked"))


def test_a_search_is_kept_once_a_day_with_the_most_that_it_found():
    factories.published_version(factories.model(name="Income check"))
    client, page = signed_in(factories.maya()), reverse("catalog:models")
    client.get(page, {"q": "  Income   CHECK "})
    client.get(page, {"q": "income check", "domain": "consumer-lending", "price": "free"})
    client.get(page, {"q": "income check", "page": "2"})
    assert searches() == [("mortgage-origination", "income check", 1, False)]


def test_a_search_without_words_is_no_search():
    client = signed_in(factories.maya())
    for query in ("", "?q=", "?q=+", "?domain=nothing-like-it&q=income"):
        client.get(reverse("catalog:models") + query)
    assert searches() == []


def test_people_without_a_team_search_too():
    charlie = signed_in(factories.charlie())
    charlie.get(reverse("catalog:models"), {"q": "weather"})
    charlie.get(reverse("catalog:models"), {"q": "weather"})
    assert searches() == [(None, "weather", 0, False)]


def test_opening_a_result_is_a_click_and_a_look():
    model = factories.published_version(factories.model(name="Income check")).model
    client, page = signed_in(factories.maya()), reverse("catalog:models")
    client.get(page, {"q": "income"})
    client.get(page, {"q": "check"})
    for _ in range(2):
        came_from = f"http://testserver{page}?q=Income&domain=consumer-lending"
        client.get(model.get_absolute_url(), headers={"referer": came_from})
    assert sorted(searches()) == [
        ("mortgage-origination", "check", 1, False),
        ("mortgage-origination", "income", 1, True),
    ]
    looks = ModelView.objects.values_list("team__slug", "model__slug", "day")
    assert list(looks) == [("mortgage-origination", model.slug, timezone.now().date())]


def test_what_is_no_click():
    model = factories.published_version(factories.model(name="Income check")).model
    client, page = signed_in(factories.maya()), reverse("catalog:models")
    client.get(page, {"q": "income"})
    for came_from in ("", "http://[", f"http://testserver{page}", "http://testserver/?q=income"):
        client.get(model.get_absolute_url(), headers={"referer": came_from})
    assert searches() == [("mortgage-origination", "income", 1, False)]


def test_the_owner_team_discovers_nothing():
    model = factories.published_version(factories.model(name="Income check")).model
    signed_in(factories.alice()).get(model.get_absolute_url())
    assert not ModelView.objects.exists()


def test_a_team_keeps_a_bounded_number_of_searches_a_day(monkeypatch):
    monkeypatch.setattr(discovery_log, "MOST_A_DAY", 2)
    for query in ("one", "two", "three"):
        discovery_log.keep_search(factories.maya(), query, 1)
    assert [query for _, query, *_ in searches()] == ["one", "two"]


def test_old_rows_are_forgotten():
    model = factories.published_version(factories.model(name="Income check")).model
    discovery_log.keep_search(factories.maya(), "income", 1)
    discovery_log.keep_view(factories.maya(), model)
    today = timezone.now().date()
    discovery_log.forget_old(today + timedelta(days=730))
    assert SearchLog.objects.count() == ModelView.objects.count() == 1
    discovery_log.forget_old(today + timedelta(days=731))
    assert SearchLog.objects.count() == ModelView.objects.count() == 0
