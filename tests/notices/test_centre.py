"""The notices centre: filters in the address, marking several at once."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.notices.actions import notify, prefer
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    client = Client()
    client.force_login(factories.alice())
    return client


@pytest.fixture
def told():
    """{key: Notice} of alice: two models, two kinds."""
    for key, kind, model in (
        ("review-open:1", "review", "income-verification"),
        ("rating:1", "rating", "income-verification"),
        ("rating:2", "rating", "churn"),
    ):
        notify([factories.alice()], kind, f"Told {key}", key=key, model=model)
    notify([factories.bob()], "rating", "Of bob", key="rating:3")
    return {notice.key: notice for notice in Notice.objects.all()}


def titles(page):
    return [notice.title for notice in page.context["page_obj"]]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", {"review-open:1", "rating:1", "rating:2"}),
        ("kind=rating", {"rating:1", "rating:2"}),
        ("model=churn", {"rating:2"}),
        ("model=churn&kind=review", set()),
        ("unread=true", {"review-open:1", "rating:2"}),
        ("unread=false", {"rating:1"}),
        ("since=2026-01-02&until=2026-01-31", {"rating:2"}),
        ("until=2026-01-01", {"rating:1"}),
    ],
)
def test_the_address_says_which_are_shown(alice, told, query, keys):
    for key, day in (("rating:1", 1), ("rating:2", 2)):
        at = datetime(2026, 1, day, 23, tzinfo=UTC)
        Notice.objects.filter(pk=told[key].pk).update(at=at)
    Notice.objects.filter(pk=told["rating:1"].pk).update(read_at=timezone.now())
    page = alice.get(f"/notices/?{query}")
    assert {f"Told {key}" for key in keys} == set(titles(page))


def test_a_filter_that_cannot_be_read_finds_nothing_and_says_why(alice, told):
    page = alice.get("/notices/?since=yesterday&kind=rating")
    assert page.status_code == 400 and titles(page) == []
    assert "From day" in page.content.decode()


def test_the_ticked_ones_are_marked_and_the_filters_stay(alice, told):
    ticked = [told["rating:1"].pk, told["rating:3"].pk]
    answer = alice.post("/notices/?kind=rating", {"act": "read", "notice": ticked})
    assert answer.url == "/notices/?kind=rating"
    assert set(Notice.objects.exclude(read_at=None).values_list("key", flat=True)) == {"rating:1"}
    alice.post("/notices/", {"act": "unread", "notice": ticked})
    assert not Notice.objects.exclude(read_at=None).exists()


def test_all_that_fit_are_marked(alice, told):
    alice.post("/notices/?model=income-verification", {"act": "all"})
    read = set(Notice.objects.exclude(read_at=None).values_list("key", flat=True))
    assert read == {"review-open:1", "rating:1"}


def test_nothing_ticked_marks_nothing(alice, told):
    page = alice.post("/notices/", {"act": "read", "notice": "x"}, follow=True)
    assert page.status_code == 200 and not Notice.objects.exclude(read_at=None).exists()
    assert "Tick the notices first" in alice.post("/notices/", follow=True).content.decode()


def test_a_kind_that_is_not_wanted_is_neither_listed_nor_counted(alice, told):
    prefer(factories.alice(), "rating", page=False, mail="never")
    page = alice.get("/notices/")
    assert titles(page) == ["Told review-open:1"] and page.context["unread_notices"] == 1
    prefer(factories.alice(), "rating", page=True, mail="never")
    assert len(titles(alice.get("/notices/"))) == 3
