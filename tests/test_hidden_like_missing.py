"""Issue 12, done 4: what one may not see takes the same way through the code as what is not there, so that no response time tells them apart.

A test with a clock would be a test of the machine. Instead the statements are compared: the same ones in the same order, with
the same answer.
"""

import math
import re

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog import counts
from catalog.models import RegisteredModel
from catalog.search import index
from governance import policies
from tests import factories
from tests.endpoint_permissions import API, PAGES, WHERE

pytestmark = pytest.mark.django_db
MISSING = "zzwk-zzwk"
OF_MODELS = {
    row: thing
    for row, (thing, _) in (PAGES | API).items()
    if thing and WHERE[thing].get("slug", "").endswith("model.slug")
}
ELSEWHERE = [
    "/models/?q={slug}",
    "/models/?team={team}",
    "/models/?tag={tag}",
    "/search/suggest/?q={slug}",
    "/compare/?model={slug}&model=income-check",
    "/api/v1/comparisons/?model={slug}&model=income-check",
    "/api/v1/models/?q={slug}",
    "/api/v1/versions/?model={slug}",
    "/api/v1/plans/?model={slug}",
    "/api/v1/changes/?model={slug}",
    "/api/v1/discussions/?model={slug}",
    "/api/v1/needs/?about={slug}",
    "/api/v1/usage/?model={slug}",
    "/api/v1/collections/?model={slug}",
]


@pytest.fixture
def hidden(monkeypatch):
    """A restricted model that charlie may not see, beside one that everybody does."""
    factories.published_version(factories.model(name="Income check"))
    monkeypatch.setattr(
        index, "FACTS_S", math.inf
    )  # what a process keeps is not read anew meanwhile
    monkeypatch.setattr(counts, "KEPT_S", math.inf)
    monkeypatch.setattr(policies, "REREAD_S", math.inf)
    version = factories.published_version(factories.model(name="Qqxv qqxv", tags=["hushed"]))
    RegisteredModel.objects.filter(pk=version.model_id).update(visibility="restricted")
    factories.charlie()
    return version


def asked(client, method, address, **sent):
    """(the response, the statements without their values); what it changed is taken back."""
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        response = getattr(client, method)(address, **sent)
        transaction.set_rollback(True)
    return response, [shape(query["sql"]) for query in queries]


def shape(sql):
    return re.sub(r"'(?:[^']|'')*'|\bs?\d+(?:_x\d+)?\b", "?", sql)


def words(response, *names):
    text = response.content.decode()
    for name in names:
        text = text.replace(name, "…")
    return re.sub(r"[0-9a-f]{32}|value=\"[A-Za-z0-9]{64}\"|\"x-csrftoken\": \"[^\"]*\"", "", text)


def differs(method, first, second, names, **sent):
    """What tells two addresses apart, once what the process keeps of such questions is kept; "" for nothing."""
    client = Client()
    client.force_login(factories.charlie())
    asked(client, method, second, **sent)
    (found, statements), (none, others) = (
        asked(client, method, one, **sent) for one in (first, second)
    )
    if found.status_code != none.status_code:
        return f"{found.status_code} and {none.status_code}"
    if statements != others:
        return f"{len(statements)} and {len(others)} statements"
    return "" if words(found, *names) == words(none, *names) else "the answers"


@pytest.mark.slow
def test_every_address_of_a_hidden_model_is_as_one_of_none(hidden):
    assert is_as_none(hidden, OF_MODELS) > 80


def test_an_address_of_a_hidden_model_is_as_one_of_none(hidden):
    """One of each app and method."""
    first = {(row[0].split(":")[0], row[1]): row for row in reversed(OF_MODELS)}
    assert is_as_none(hidden, {row: OF_MODELS[row] for row in first.values()}) > 15


def is_as_none(hidden, addresses):
    """How many of these addresses were asked; the test fails where one tells a hidden model from none."""
    told, slug = {}, hidden.model.slug
    for (name, method), thing in addresses.items():
        parts = {"number": hidden.number, "plan_slug": "standard", "gate": "startup", "pk": 1}
        parts |= {"kind": "script", "verb": "rows"}
        first, second = (
            reverse(name, kwargs={part: parts.get(part) for part in WHERE[thing]} | {"slug": one})
            for one in (slug, MISSING)
        )
        sent = {"content_type": "application/json"} if name.startswith("api:") else {}
        told[name, method] = differs(
            method, first, second, (slug, MISSING), **(sent if method != "get" else {})
        )
    wrong = {row: said for row, said in told.items() if said}
    assert not wrong, wrong
    return len(told)


def test_a_question_about_a_hidden_model_is_as_one_about_none(hidden):
    names = (hidden.model.slug, MISSING, "hushed", "zzwked")
    told = {}
    for address in ELSEWHERE:
        first, second = (
            address.format(slug=slug, tag=tag, team="consumer-lending-ai")
            for slug, tag in ((names[0], names[2]), (names[1], names[3]))
        )
        told[address] = differs("get", first, second, names)
    wrong = {address: said for address, said in told.items() if said}
    assert not wrong, wrong
