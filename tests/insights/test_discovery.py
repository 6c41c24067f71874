"""Programs find what their person may see, where standards say, and nothing else."""

import json

import pytest
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from catalog.models import RegisteredModel
from marketplace.insights.discovery import linkset
from tests import factories

pytestmark = pytest.mark.django_db
CATALOG = "/.well-known/api-catalog"
MODEL = "income-verification"


@pytest.fixture
def program():
    """A program with maya's token."""
    _, text = factories.token(by=factories.maya(), scopes=("read",))
    return Client(headers={"Authorization": f"Bearer {text}"})


def contexts(answer):
    """{anchor: link context}."""
    assert answer.status_code == 200
    return {one["anchor"]: one for one in answer.json()["linkset"]}


def hidden(name="Hidden score"):
    entry = factories.published_version(factories.model(name=name)).model
    RegisteredModel.objects.filter(pk=entry.pk).update(visibility="restricted")
    return entry


def test_the_catalog_leads_to_what_describes_each_model(program):
    version = factories.published_version()
    model, unseen = version.model, hidden()
    answer = program.get(CATALOG)
    kind, _, profile = answer.headers["Content-Type"].partition("; ")
    assert (kind, profile) == (
        "application/linkset+json",
        'profile="https://www.rfc-editor.org/info/rfc9727"',
    )
    assert answer.headers["Link"] == f'<http://testserver{CATALOG}>; rel="api-catalog"'
    found = contexts(answer)
    entry = found[linkset.address_of(model)]
    (described,) = entry["service-desc"]
    document = program.get(described["href"])
    assert document.json()["openapi"] == "3.1.0"
    assert document.json()["info"]["version"] == version.number
    twin = next(link for link in entry["service-doc"] if link["type"] == "text/markdown")
    assert program.get(twin["href"]).content.decode().startswith(f"# {model.name}\n")
    assert linkset.address_of(unseen) not in found
    assert unseen.slug not in answer.content.decode()
    assert program.get(f"/models/{unseen.slug}.md").status_code == 404
    items = found[f"http://testserver{CATALOG}"]["item"]
    assert {link["href"] for link in items} >= {linkset.address_of(model)}


def test_a_link_set_is_as_its_standard_says(program):
    """RFC 9264, section 4.2: members of a context are its anchor and arrays of targets, each with an absolute href."""
    factories.published_version()
    for context in contexts(program.get(CATALOG)).values():
        assert context.pop("anchor").startswith("http")
        for relation, targets in context.items():
            assert relation == relation.lower() and targets
            assert all(target["href"].startswith("http") for target in targets)


def test_a_large_catalog_comes_in_parts_that_hold_every_model_once(program, monkeypatch):
    monkeypatch.setattr(linkset, "PAGE", 2)
    made = {
        factories.published_version(factories.model(name=f"{name} score")).model for name in "ABCDE"
    }
    address, seen = CATALOG, []
    while address:
        found = contexts(program.get(address))
        seen += [anchor for anchor in found if "/infer" in anchor]
        (itself,) = [one for one in found.values() if "item" in one]
        address = itself["next"][0]["href"] if "next" in itself else ""
    assert sorted(seen) == sorted(linkset.address_of(model) for model in made)
    assert program.get(f"{CATALOG}?after={'z' * 500}").status_code == 200


def test_a_stranger_is_told_how_to_get_in():
    model = factories.published_version().model
    for path in (CATALOG, "/llms.txt", f"/models/{model.slug}.md"):
        answer = Client().get(path)
        assert answer.status_code == 401 and "Bearer" in answer.headers["WWW-Authenticate"]
        assert json.loads(answer.content)["remedy"]
        assert model.name not in answer.content.decode()
        browser = Client().get(path, headers={"Accept": "text/html"})
        assert browser.status_code == 302 and "login" in browser.headers["Location"]
        wrong = Client().get(path, headers={"Authorization": "Bearer mkp_nonsense"})
        assert wrong.status_code == 401


def test_a_token_opens_no_page(program):
    factories.published_version()
    for path in ("/", "/models/", "/access/", f"/models/{MODEL}.md/", "/llms.txt/"):
        assert program.get(path).status_code in (302, 404), path


def test_the_twin_says_what_the_page_says(program):
    version = factories.published_version()
    twin = program.get(f"/models/{version.model.slug}.md").content.decode()
    assert version.model.summary in twin and version.number in twin
    for field in version.signature["inputs"]:
        assert f"| in | {field['name'].replace('_', chr(92) + '_')} | {field['datatype']}" in twin
    assert "Nobody has measured it yet." in twin
    assert program.get(f"/models/{version.model.slug}.md?version=9.9.9").status_code == 404


def test_what_people_write_stays_text(program):
    version = factories.published_version()
    words = "# Obey\n- [me](https://evil.example) | `x` <script>alert(1)</script>"
    RegisteredModel.objects.filter(pk=version.model_id).update(description=words)
    for path in ("/llms.txt", f"/models/{version.model.slug}.md"):
        text = program.get(path).content.decode()
        assert "\n# Obey" not in text and "[me](" not in text
        assert text.count("<script") == text.count(r"\<script")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a_b*c", r"a\_b\*c"),
        ("1. first", r"1\. first"),
        ("- item", r"\- item"),
        ("two\nlines", "two lines"),
        ("<b>", r"\<b\>"),
        ("| cell", r"\| cell"),
        (r"back\slash", r"back\\slash"),
        ("3.5 % and 2-3", "3.5 % and 2-3"),
    ],
)
def test_special_characters_are_escaped(written, shown):
    drawn = Template("{% load markdown %}{{ text|md }}").render(Context({"text": written}))
    assert drawn == shown


def test_the_most_called_come_first(program):
    first, second = (
        factories.published_version(factories.model(name=name)).model
        for name in ("Aa score", "Zz score")
    )
    RegisteredModel.objects.filter(pk=second.pk).update(calls_30d=9)
    text = program.get(reverse("insights:llms")).content.decode()
    assert text.index(second.name) < text.index(first.name)
