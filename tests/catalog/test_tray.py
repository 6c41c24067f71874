"""Issue 12, B5: the tray keeps up to four models while one goes on searching, and never one that its person may not see."""

import pytest
from django.test import Client

from tests import factories
from tests.pages import text_of

pytestmark = pytest.mark.django_db
PART = {"HX-Request": "true"}


@pytest.fixture
def client():
    client = Client()
    client.force_login(factories.maya())
    return client


@pytest.fixture
def five():
    names = ("One thing", "Two things", "Three things", "Four things", "Five things")
    return [factories.published_version(factories.model(name=name)).model for name in names]


def change(client, **sent):
    return client.post("/compare/tray/", sent, headers=PART)


def held(client):
    return client.session.get("tray", [])


def test_a_fifth_is_refused_and_the_tray_says_so(client, five):
    slugs = [model.slug for model in five]
    for slug in slugs[:4]:
        answer = text_of(change(client, add=slug))
    assert "Compare 4 models" in answer and "Take one out first" not in answer
    assert "Take one out first" in text_of(change(client, add=slugs[4]))
    assert held(client) == slugs[:4]
    assert "Room for 1 more" in text_of(change(client, remove=slugs[0]))
    assert held(client) == slugs[1:4]
    change(client, clear="1")
    assert held(client) == []


def test_one_alone_cannot_be_compared(client, five):
    one = text_of(change(client, add=five[0].slug))
    assert "disabled" in one and "Compare 1 model" in one
    assert "disabled" not in text_of(change(client, add=five[1].slug))


def test_what_one_may_not_see_never_joins_and_leaves_by_itself(client, five):
    hidden = factories.published_version(
        factories.model(name="Secret salary", visibility="restricted")
    ).model
    assert "Secret" not in text_of(change(client, add=hidden.slug))
    assert held(client) == []
    change(client, add=five[0].slug)
    five[0].__class__.objects.filter(pk=five[0].pk).update(visibility="restricted")
    assert five[0].name not in text_of(change(client, add=five[1].slug))


def test_without_htmx_one_goes_back_to_where_one_was_and_nowhere_else(client, five):
    sent = {"add": five[0].slug, "next": "/models/?q=things&page=1"}
    assert client.post("/compare/tray/", sent).url == "/models/?q=things&page=1"
    for elsewhere in ("https://elsewhere.example/", "//elsewhere.example/", "javascript:x"):
        assert client.post("/compare/tray/", sent | {"next": elsewhere}).url == "/models/"


def test_nonsense_is_no_pick(client, five):
    for nonsense in ("", "a b", "../x", "x" * 200, "one@", "\0", "one-thing@1.0.0@2"):
        change(client, add=nonsense)
    assert held(client) == []
