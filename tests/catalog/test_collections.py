"""Issue 12, B4: collections are made by marketplace managers, and show nobody what they may not see."""

import pytest
from django.test import Client
from django.urls import reverse

from catalog import collection_actions as actions
from catalog import search
from catalog.models import Collection, CollectionEntry, RegisteredModel
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from tests import factories

pytestmark = pytest.mark.django_db
TEXT = "What a lending decision takes.\n\nBegin with the income."


def made(*models, name="Lending decisions", is_published=True, is_featured=False):
    one = actions.create_collection(factories.rita(), name=name, text=TEXT)
    for model in models:
        actions.put_in(factories.rita(), one, model, "Begin here.")
    if is_published:
        actions.publish_collection(factories.rita(), one)
    if is_featured:
        actions.edit_collection(
            factories.rita(), one, name=name, text=TEXT, is_featured=is_featured
        )
    search.forget()
    return one


def model(name, **changed):
    return factories.published_version(factories.model(name=name, **changed)).model


def hidden(name="Secret score"):
    entry = model(name)
    RegisteredModel.objects.filter(pk=entry.pk).update(visibility="restricted")
    return RegisteredModel.objects.get(pk=entry.pk)


def get(person, address, **query):
    client = Client()
    client.force_login(person)
    return client.get(address, query)


def facet(person):
    context = get(person, "/models/").context
    found = {one.param: one for one in context["facets"]}.get("collection")
    return {option.value: option.count for option in found.options} if found else {}


def test_from_a_draft_to_home_and_back():
    income = model("Income check")
    one = made(income, is_published=False)
    maya, rita = factories.maya(), factories.rita()
    assert get(maya, one.get_absolute_url()).status_code == 404
    assert "draft" in get(rita, one.get_absolute_url()).content.decode()
    assert facet(maya) == {} and get(maya, "/models/?collection=" + one.slug).status_code == 400
    actions.publish_collection(rita, one)
    actions.edit_collection(rita, one, name="Lending", text=TEXT, is_featured=True)
    search.forget()
    page = get(maya, one.get_absolute_url()).content.decode()
    assert "Begin with the income." in page and "Begin here." in page and "Income check" in page
    home = get(maya, "/").content.decode()
    assert "Lending" in home and "What a lending decision takes." in home
    one.refresh_from_db()
    actions.withdraw_collection(rita, one)
    assert "What a lending decision takes." not in get(maya, "/").content.decode()
    assert set(
        AuditEvent.objects.filter(action__startswith="collection.").values_list("action", flat=True)
    ) == {f"collection.{verb}" for verb in ("create", "put_in", "publish", "edit", "withdraw")}


def test_only_marketplace_managers_make_them_and_none_shows_off_the_own_team():
    income, one = model("Income check"), made(is_published=False)
    for act in (
        lambda by: actions.create_collection(by, name="Mine", text=TEXT),
        lambda by: actions.edit_collection(by, one, name="Mine", text=TEXT, is_featured=True),
        lambda by: actions.put_in(by, one, income),
        lambda by: actions.take_out(by, one, income),
        lambda by: actions.publish_collection(by, one),
        lambda by: actions.withdraw_collection(by, one),
    ):
        for person in (factories.alice(), factories.vera(), factories.maya()):
            with pytest.raises(NotAllowed):
                act(person)
    with pytest.raises(NotAllowed, match="your own team's"):
        actions.put_in(factories.also(factories.alice(), "curator"), one, income)


def test_a_restricted_model_of_a_collection_appears_nowhere():
    secret, income = hidden(), model("Income check")
    one = made(secret, income, is_featured=True)
    alone = made(secret, name="Only the secret one", is_featured=True)
    maya, alice = factories.maya(), factories.alice()
    for address in (
        "/",
        "/collections/",
        one.get_absolute_url(),
        alone.get_absolute_url(),
        "/api/v1/collections/",
        f"/api/v1/collections/{alone.slug}/",
        "/models/",
    ):
        assert "Secret score" not in get(maya, address).content.decode(), address
    assert facet(maya) == {one.slug: 1} and facet(alice) == {one.slug: 2, alone.slug: 1}
    assert "Only the secret one" not in get(maya, "/").content.decode()
    told = get(maya, "/api/v1/collections/").json()["results"]
    assert [[entry["model"] for entry in row["models"]] for row in told] == [["income-check"], []]
    seen = RegisteredModel.objects.visible_to(maya).published()
    assert [row.shown for row in Collection.objects.counted_for(seen).order_by("pk")] == [1, 0]


def test_search_finds_among_those_of_a_collection_as_page_and_api_say():
    income, fraud, sea = (model(name) for name in ("Income check", "Fraud alert", "Sea weather"))
    one, two = made(income, fraud), made(fraud, sea, name="Alarms")
    for chosen, wanted in (([one.slug], 2), ([two.slug], 2), ([one.slug, two.slug], 3)):
        page = get(factories.maya(), "/models/", collection=chosen)
        told = get(factories.maya(), "/api/v1/models/", collection=chosen).json()["results"]
        assert page.context["results"].found.total == len(told) == wanted
    assert f"Collection: {one.name}" in get(
        factories.maya(), "/models/", collection=one.slug
    ).content.decode().replace("\n", " ")


def test_a_draft_is_not_named_by_a_filter_that_asks_for_it():
    one = made(model("Income check"), name="Not announced yet", is_published=False)
    page = get(factories.maya(), "/models/", collection=one.slug)
    assert page.status_code == 400 and "Not announced yet" not in page.content.decode()


def test_what_does_not_fit_is_refused_in_words():
    income, rita = model("Income check"), factories.rita()
    one = made(income)
    with pytest.raises(Invalid, match="called so"):
        actions.create_collection(rita, name="lending  DECISIONS", text=TEXT)
    with pytest.raises(Invalid):
        actions.create_collection(rita, name="Other", text="  ")
    with pytest.raises(RuleError, match="no model yet"):
        actions.publish_collection(rita, made(name="Empty", is_published=False))
    with pytest.raises(RuleError, match="not published"):
        actions.put_in(rita, one, factories.model(name="A draft"))
    for number in range(actions.MOST_FEATURED):
        made(income, name=f"Featured {number}", is_featured=True)
    with pytest.raises(RuleError, match="Home shows 3"):
        actions.edit_collection(rita, one, name=one.name, text=TEXT, is_featured=True)


def test_a_collection_has_a_bound(monkeypatch):
    monkeypatch.setattr(actions, "MOST_MODELS", 1)
    income, one = model("Income check"), made(is_published=False)
    actions.put_in(factories.rita(), one, income)
    actions.put_in(factories.rita(), one, income, "Another reason.")
    assert CollectionEntry.objects.get().note == "Another reason."
    with pytest.raises(RuleError, match="at most 1"):
        actions.put_in(factories.rita(), one, model("Fraud alert"))


def test_the_pages_of_a_manager():
    income, client = model("Income check"), Client()
    client.force_login(factories.rita())
    client.post(reverse("catalog:new_collection"), {"name": "Lending", "text": TEXT})
    one = Collection.objects.get()
    wrong = client.post(one.get_absolute_url(), {"model": "nothing", "note": "Why"})
    assert wrong.status_code == 422 and "Why" in wrong.content.decode()
    client.post(one.get_absolute_url(), {"model": "Income-Check ", "note": "Why"})
    client.post(reverse("catalog:change_collection", args=[one.slug, "publish"]))
    client.post(
        reverse("catalog:edit_collection", args=[one.slug]),
        {"name": "Loans", "text": TEXT, "is_featured": "on"},
    )
    one.refresh_from_db()
    assert (one.name, one.slug, one.state, one.is_featured) == (
        "Loans",
        "lending",
        "published",
        True,
    )
    client.post(
        reverse("catalog:change_collection", args=[one.slug, "take-out"]), {"model": income.slug}
    )
    assert not one.entries.exists()
    assert client.post(f"{one.get_absolute_url()}explode/").status_code == 404


def test_the_api_of_a_manager():
    income, client = model("Income check"), Client()
    client.force_login(factories.rita())

    def send(method, path, **body):
        return getattr(client, method)(
            f"/api/v1/collections/{path}", body, content_type="application/json"
        )

    assert send("post", "", name="Lending", text=TEXT).status_code == 201
    told = send("post", "lending/put-in/", model=income.slug, note="Why").json()
    assert told["models"] == [{"model": "income-check", "name": "Income check", "note": "Why"}]
    assert send("post", "lending/publish/").json()["state"] == "published"
    changed = send("put", "lending/", name="Loans", text=TEXT, is_featured=True).json()
    assert (changed["name"], changed["is_featured"]) == ("Loans", True)
    assert send("post", "lending/withdraw/").json()["is_featured"] is False
    assert send("post", "lending/take-out/", model=income.slug).json()["models"] == []
    assert send("post", "lending/put-in/", model="nothing").status_code == 422
