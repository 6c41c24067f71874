"""Finance's small tables as CSV (docs/statements.md)."""

import csv
import io

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories, finance

pytestmark = pytest.mark.django_db


def rows_of(client, name, **chosen):
    answer = client.get(reverse(f"consumption:{name}"), {"as": "csv", **chosen})
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


@pytest.fixture
def books():
    """Finn's session; what finance keeps has one row of each."""
    held = factories.subscription(factories.published_version())
    finance.dispute(held)
    finance.shared_cost()
    finance.charging(held.application.team.business_unit)
    client = Client()
    client.force_login(factories.finn())
    return client


def test_each_table_has_its_rows(books):
    [shared] = rows_of(books, "finance", table="shared")
    assert shared["currency"] == "USD" and shared["method"] and shared["amount_a_month"] == "10000"
    [charging] = rows_of(books, "finance", table="charging")
    assert charging["is_charged"] in ("True", "False") and len(charging["from_month"]) == 7
    assert rows_of(books, "finance", table="closed") == []
    [dispute] = rows_of(books, "disputes")
    assert dispute["state"] == "open" and dispute["team"] == factories.mortgage().slug
    assert rows_of(books, "reconciliation") == []


def test_only_those_who_keep_the_books_get_them(books):
    books.force_login(factories.charlie())
    for name in ("finance", "reconciliation"):
        answer = books.get(reverse(f"consumption:{name}"), {"as": "csv"})
        assert answer.status_code == 404
    assert rows_of(books, "disputes") == [], "of one's own teams"
    assert b"shared" not in books.get(reverse("consumption:disputes")).content


def test_the_pages_offer_them(books):
    shown = books.get(reverse("consumption:finance")).content.decode()
    assert "table=shared" in shown and "table=charging" in shown
    assert "table=disputes" in books.get(reverse("consumption:disputes")).content.decode()
