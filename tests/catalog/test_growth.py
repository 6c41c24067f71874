"""Issue 8, line 9: what a page reads does not grow with the catalog. Rows that Postgres touched, not milliseconds."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog import neighbours, search
from catalog.models import Alias, Neighbour, RegisteredModel, SearchDocument
from catalog.search import alike as alike_models
from catalog.search import index
from tests import factories

pytestmark = pytest.mark.django_db
LITTLE = 30  # rows that may be added: a plan may change


@pytest.fixture
def entry():
    return factories.published_version(factories.model(name="Income verification")).model


@pytest.fixture(autouse=True)
def rows_are_found_by_index():
    """On a few hundred rows Postgres would rather read them all; what is asked is whether it has to."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")


def more(number):
    """So many published listings more, with a published version each."""
    entry, start = (
        RegisteredModel.objects.get(name="Income verification"),
        RegisteredModel.objects.count(),
    )
    facts = {
        name: getattr(entry, name)
        for name in (
            "owner_team",
            "owner",
            "created_by",
            "domain",
            "capability",
            "model_type",
            "support_contact",
        )
    }
    made = RegisteredModel.objects.bulk_create(
        RegisteredModel(
            **facts,
            name=f"Listing {n:05d}",
            slug=f"listing-{n}",
            summary="Scores the income of applicants.",
            state="published",
            calls_30d=n,
            consumer_teams=n % 7,
            last_published_at=entry.last_published_at,
        )
        for n in range(start, start + number)
    )
    stable = Alias.objects.get(model=entry).version
    Alias.objects.bulk_create(Alias(model=model, name="stable", version=stable) for model in made)
    SearchDocument.objects.update(changed_in=0)  # as if that transaction had ended long ago
    search.forget()
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE catalog_registeredmodel; ANALYZE catalog_searchdocument; ANALYZE catalog_alias"
        )


def touched(request):
    """Rows that the SELECTs of `request()` touched, the removed ones included, and how many statements there were."""
    with CaptureQueriesContext(connection) as queries:
        request()
    statements = [
        query["sql"] for query in queries if query["sql"].lstrip().upper().startswith("SELECT")
    ]
    rows = {sql: _rows(sql) for sql in statements}
    print(
        *(f"{number:7.0f} {sql[:4000]}" for sql, number in rows.items() if number > LITTLE),
        sep="\n",
    )  # pytest shows it with a failure
    return sum(rows.values())


def _rows(sql):
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql.replace("%", "%%"), [])
        found = cursor.fetchone()[0]
    return _of_plan((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])


def _of_plan(plan):
    own = 0
    if "Relation Name" in plan:
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return own + sum(_of_plan(inner) for inner in plan.get("Plans", ()))


PAGES = {
    "home": lambda: reverse("home"),
    "list": lambda: reverse("catalog:models"),
    "list by use": lambda: reverse("catalog:models") + "?sort=-calls_30d",
    "list by name": lambda: reverse("catalog:models") + "?sort=name",
    "newest": lambda: reverse("catalog:models") + "?sort=-created_at",
    "model page": lambda: reverse("catalog:model", args=["income-verification"]),
}


@pytest.mark.slow
def test_pages_touch_as_many_rows_of_many_listings_as_of_few(entry):
    client = Client()
    client.force_login(factories.maya())
    seen = {}
    for number in (60, 300):
        more(number)
        neighbours.refresh(entry.pk)
        for name, address in PAGES.items():
            client.get(address())  # the counts of what is open to all are made once for everybody
            seen.setdefault(name, []).append(touched(lambda address=address: client.get(address())))
    grown = {name: (few, many) for name, (few, many) in seen.items() if many > few * 1.5 + LITTLE}
    assert grown == {}


@pytest.mark.slow
def test_looking_for_models_alike_touches_a_bounded_number(entry, monkeypatch):
    monkeypatch.setattr(alike_models, "CANDIDATES", 50)
    models = RegisteredModel.objects.visible_to(factories.maya()).published()
    seen = []
    for number in (100, 400):
        more(number)
        search.similar_to(
            models, "Income score", "Scores income."
        )  # reads what is new into the index
        seen.append(
            touched(
                lambda: list(
                    search.similar_to(models, "Income score", "Scores income of applicants.")
                )
            )
        )
    assert seen[1] <= seen[0] * 1.5 + LITTLE


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_index_reads_only_what_was_written_since(monkeypatch):
    entry = factories.published_version(factories.model(name="Income verification")).model
    more(300)
    index.current()
    with CaptureQueriesContext(connection) as queries:
        index.current()
    assert len(queries) == 1
    RegisteredModel.objects.filter(pk=entry.pk).update(summary="Says how zebras spend.")
    assert touched(index.current) < LITTLE
    assert len(index.current().delta.rows) and "zebras" in index.current().delta.lexemes


# Models like this one


def alike(name, **facts):
    return factories.published_version(
        factories.model(
            name=name,
            summary="Estimates the monthly income of an applicant from account credits.",
            **facts,
        )
    ).model


def shown_to(person, model):
    client = Client()
    client.force_login(person)
    answer = client.get(model.get_absolute_url()).context["answer"]
    return [alike.model.name for alike in answer.alike]


def settle():
    while neighbours.refresh_due(5):
        pass


def test_similar_models_are_worked_out_when_a_listing_changes():
    first, second = alike("Income check"), alike("Income estimate")
    assert shown_to(factories.maya(), first) == []
    settle()
    assert shown_to(factories.maya(), first) == [second.name] and shown_to(
        factories.maya(), second
    ) == [first.name]
    third = alike("Income review")
    settle()
    assert set(shown_to(factories.maya(), first)) == {second.name, third.name}
    RegisteredModel.objects.filter(pk=third.pk).update(
        name="Cat pictures", summary="Sorts pictures of cats by the colour of their fur.", tags=[]
    )
    settle()
    assert (
        shown_to(factories.maya(), first) == [second.name]
        and shown_to(factories.maya(), third) == []
    )


def test_who_may_not_see_a_neighbour_does_not():
    """At reading time: what was open when it was worked out may be hidden now."""
    first, second = (
        alike("Income check"),
        alike("Income estimate", visibility="restricted", visible_teams=[factories.wealth()]),
    )
    settle()
    assert shown_to(factories.maya(), first) == []
    assert shown_to(factories.person("nina", factories.wealth()), first) == [second.name]
    RegisteredModel.objects.filter(pk=second.pk).update(visibility="enterprise")
    assert shown_to(factories.maya(), first) == [second.name]
    RegisteredModel.objects.filter(pk=second.pk).update(visibility="restricted")
    assert shown_to(factories.maya(), first) == []


@pytest.mark.slow
def test_hidden_neighbours_do_not_take_the_places_of_open_ones(monkeypatch):
    monkeypatch.setattr(neighbours, "KEPT", 2)
    first = alike("Income check")
    opened = [alike(f"Income estimate {word}").name for word in ("red", "blue")]
    for word in ("green", "grey", "gold"):
        alike(f"Income check {word}", visibility="restricted")
    settle()
    assert set(shown_to(factories.maya(), first)) == set(opened)
    assert Neighbour.objects.filter(model=first).count() <= 4


def test_only_what_changed_is_worked_out_again():
    alike("Income check")
    second = alike("Income estimate")
    settle()
    RegisteredModel.objects.filter(pk=second.pk).update(calls_30d=5, consumer_teams=2)
    assert not SearchDocument.objects.filter(is_neighbourhood_due=True).exists()
    RegisteredModel.objects.filter(pk=second.pk).update(
        summary="Estimates the weekly income of an applicant."
    )
    assert [row.model_id for row in SearchDocument.objects.filter(is_neighbourhood_due=True)] == [
        second.pk
    ]


def test_the_newest_publication_is_known_whoever_wrote_it():
    live = factories.published_version()
    assert (
        RegisteredModel.objects.get().last_published_at
        == type(live).objects.get(pk=live.pk).published_at
    )
