"""What a list may be asked. Issue 8, lines 4 and 5; issue 9, line 13."""

import random

import pytest

from catalog.models import RegisteredModel
from consumption.models import Application
from marketplace.api import document as openapi_document
from marketplace.core.paging import MOST
from tests import factories
from tests.api.calls import Api
from tests.tiers import only

pytestmark = pytest.mark.django_db

LISTS = [
    "teams",
    "domains",
    "capabilities",
    "model-types",
    "models",
    "versions",
    "reviews",
    "plans",
    "applications",
    "subscriptions",
    "keys",
    "usage",
    "rejections",
    "batch-evaluations",
    "deployments",
    "incidents",
    "health-samples",
    "audit-events",
    "notices",
    "watches",
    "letters",
    "webhooks",
    "webhook-deliveries",
]
ORDERS = [
    "",
    "name",
    "-name",
    "rating_mean",
    "-rating_mean",
    "calls_30d",
    "-calls_30d,name",
    "-created_at",
    "-rating_mean,-calls_30d,name,-name",
]


@pytest.fixture
def maya():
    return Api(factories.maya())


@pytest.fixture
def shelf():
    """Eleven published models, some without a rating, many alike."""
    entries = [
        factories.model(
            name=f"Income model {number:02}", similar_reason="Another one for the test."
        )
        for number in range(11)
    ]
    for number, entry in enumerate(entries):
        facts = {
            "rating_mean": [None, 3, 4.5][number % 3],
            "calls_30d": number % 2,
            "state": "published",
        }
        RegisteredModel.objects.filter(pk=entry.pk).update(**facts)
    return entries


def walk(api, address):
    """The names on all pages, and the addresses of the pages after the first."""
    names, addresses = [], []
    while address:
        page = api.get(address)
        names += [row["name"] for row in page["results"]]
        addresses.append(address := page["next"])
    return names, addresses[:-1]


# ── Cursors ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", only(ORDERS, "", "-calls_30d,name", "rating_mean"))
def test_pages_hold_every_row_once_forward_and_back(maya, shelf, order):
    """Also where the sorted field is null or the same in many rows."""
    for size in (1, 3, 11):
        check_walk(maya, order, size)


def check_walk(maya, order, size):
    names, addresses = walk(maya, f"models/?page_size={size}&sort={order}")
    assert len(names) == len(set(names)) == 11
    assert names == walk(maya, f"models/?page_size={MOST}&sort={order}")[0]
    if addresses:
        page, back = maya.get(addresses[-1]), []
        while page["previous"]:
            page = maya.get(page["previous"])
            back = [row["name"] for row in page["results"]] + back
        assert back == names[: len(back)] and len(back) >= 11 - size


def test_nulls_come_last_in_both_directions(maya, shelf):
    for order in ("rating_mean", "-rating_mean"):
        ratings = [row["rating_mean"] for row in maya.get(f"models/?sort={order}")["results"]]
        known = [rating for rating in ratings if rating is not None]
        assert ratings == known + [None] * 4 and known == sorted(
            known, reverse=order.startswith("-")
        )


def test_a_cursor_is_of_one_list_with_one_question(maya, shelf):
    """Kept while sort, filter, search or list changes, cut, or invented: 400 that names it."""
    cursor = maya.get("models/?page_size=3&sort=name")["next"].split("cursor=")[1].split("&")[0]
    others = [
        "sort=-name",
        "sort=created_at",
        "",
        "sort=name&tier=low",
        "sort=name&q=income",
        "sort=rating_mean",
    ]
    wrong = [f"models/?{other}&cursor={cursor}" for other in others] + [
        f"{name}/?cursor={cursor}" for name in LISTS if name != "models"
    ]
    wrong += [f"models/?sort=name&cursor={text}" for text in broken(cursor)]
    for address in wrong:
        problem = maya.get(address, expect=400)
        assert [error["field"] for error in problem["errors"]] == ["cursor"], address
    assert (
        len(maya.get(f"models/?sort=name&page_size=5&cursor={cursor}")["results"]) == 5
    )  # another size is the same question


def broken(text):
    dice = random.Random(8)
    for _ in range(30):
        place = dice.randrange(len(text))
        yield dice.choice(
            [
                text[:place],
                text[place + 1 :],
                text[:place] + dice.choice("abcXYZ019_-:") + text[place + 1 :][::-1],
                text[::-1],
            ]
        )
    yield from ("", "cD0yMDI2", "bz0xMDAwMDAw", "r%3D1", "%F0%9F%9A%80", "x" * 5000)


# ── Parameters ────────────────────────────────────────────────────────────


UNKNOWN = {
    "subscripton=4": "subscripton",
    "page_size=0": "page_size",
    "page_size=-1": "page_size",
    "page_size=abc": "page_size",
    "page_size=201": "page_size",
    "page_size=1.5": "page_size",
    "page_size=": "page_size",
    "page_size=%D9%A3": "page_size",
    "page_size=5&page_size=6": "page_size",
    "format=xml": "format",
    "page=2": "page",
    "%F0%9F%9A%80=1": "🚀",
}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_refuses_what_it_does_not_know(maya, name):
    for query, field in UNKNOWN.items():
        problem = maya.get(f"{name}/?{query}", expect=400)
        assert [error["field"] for error in problem["errors"]] == [field], query
        assert field == "page_size" or "page_size" in problem["detail"]  # it says which there are


def test_what_is_no_list_takes_no_parameters(maya):
    entry = factories.published_version().model
    for address in ("me/", f"models/{entry.slug}/", f"versions/{entry.versions.get().pk}/card/"):
        assert maya.get(f"{address}?page_size=3", expect=400)["errors"][0]["field"] == "page_size"


def test_writing_takes_no_parameters_either(maya):
    factories.mortgage()
    problem = maya.post(
        "applications/?dry_run=1", {"team": "mortgage-origination", "name": "New"}, expect=422
    )
    assert problem["errors"][0]["field"] == "dry_run" and not Application.objects.exists()


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("models/?tier=purple", "tier"),
        ("models/?tier=", "tier"),
        ("models/?state=live", "state"),
        ("models/?sort=owner__password", "sort"),
        ("models/?domain=no-such", "domain"),
        ("models/?unit=%00", None),
        ("models/?q=" + "x" * 1001, "q"),
        ("plans/?is_offered=perhaps", "is_offered"),
        ("incidents/?is_open=2", "is_open"),
        ("health-samples/?is_ok=maybe", "is_ok"),
        ("keys/?state=dead", "state"),
        ("versions/?kind=pickle", "kind"),
        ("usage/?since=yesterday", "since"),
        ("usage/?since=0001-01-01T00:00:00Z", "since"),
        ("usage/?until=9999-12-31T23:59:59-14:00", "until"),
        ("keys/?subscription=1e3", "subscription"),
        ("keys/?subscription=1.5", "subscription"),
        ("keys/?subscription=-1", "subscription"),
        ("keys/?subscription=9223372036854775808", "subscription"),
        ("reviews/?version=NaN", "version"),
        ("versions/?model=a&model=b", "model"),
        ("applications/?environment=moon", "environment"),
        ("audit-events/?actor=" + "x" * 201, "actor"),
        ("teams/?is_ai_team=si", "is_ai_team"),
        ("rejections/?limit=none", "limit"),
    ],
)
def test_a_value_that_is_not_there_is_refused_by_name(maya, address, field):
    problem = maya.get(address, expect=400)
    assert field is None or [error["field"] for error in problem["errors"]] == [field]


def test_what_was_typed_is_quoted_and_not_taken_for_a_format(maya):
    """Every parameter of every list."""
    document, typed = openapi_document(), "%25s%25n%25(x)d{0.__class__}%7B%7D100%25"
    asked = 0
    for name in LISTS:
        for parameter in document["paths"][f"/api/v1/{name}/"]["get"].get("parameters", []):
            answer = maya.client.get(f"/api/v1/{name}/?{parameter['name']}={typed}")
            assert answer.status_code in (200, 400), (name, parameter["name"], answer.content)
            asked += 1
    assert asked > 4 * len(LISTS)


def test_a_refused_choice_names_those_there_are(maya):
    assert "low, medium, high" in maya.get("models/?tier=purple", expect=400)["detail"]
    assert "true, false" in maya.get("plans/?is_offered=perhaps", expect=400)["detail"]


def test_choices_are_case_blind_on_page_and_api(maya, client):
    client.force_login(factories.maya())
    version = factories.published_version()
    other = factories.published_version(
        factories.model(name="Churn forecast", similar_reason="Another one for the test."),
        tier="medium",
    )
    for query in (
        "tier=LOW",
        "tier=Low&state=Published",
        "domain=Consumer-Lending&sort=Name&tier=low",
        "capability=SCORING&tier=low",
    ):
        assert [row["slug"] for row in maya.get(f"models/?{query}")["results"]] == [
            version.model.slug
        ], query
        page = client.get(f"/models/?{query}")
        assert page.status_code == 200 and [
            hit.model.slug for hit in page.context["results"].page
        ] == [version.model.slug], query
    assert (
        maya.get(f"versions/?model={other.model.slug.upper()}&kind=EXTERNAL")["results"][0]["id"]
        == other.pk
    )
    assert maya.get("plans/?is_offered=True")["results"]


def test_pages_say_what_is_not_there_and_do_not_show_everything(client, maya):
    client.force_login(factories.also(factories.alice(), "curator"))
    version = factories.published_version()
    page = client.get("/models/?tier=purple")
    assert (
        page.status_code == 400
        and "purple" in page.content.decode()
        and "low, medium, high" in page.content.decode()
    )
    assert not page.context["results"].page.object_list
    for address in (
        "/usage/?window=5y",
        f"/models/{version.model.slug}/usage/?window=5y",
        f"/models/{version.model.slug}/deployment/?span=9h",
        "/reviews/?kind=magic",
    ):
        page = client.get(address)
        assert page.status_code == 400 and "Choose one of" in page.content.decode(), address
    for address in (
        "/usage/?window=7D",
        f"/models/{version.model.slug}/deployment/?span=24H",
        "/reviews/?kind=Final",
        "/models/?utm_source=mail",
    ):
        assert client.get(address).status_code == 200, address
    assert client.get(f"/models/{version.model.slug}/?version=9.9.9").status_code == 404


# ── Bodies ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ('{"name": "\\ud800"}', 422, "name"),
        ('{"name": "\\u0000"}', 422, "name"),
        ('{"expected": 1e999}', 422, "expected"),
        ('{"a": NaN}', 422, "a"),
        ("[" * 200_000, 422, None),
        ('{"a":' * 200_000, 422, None),
        ('{"a": 99999999999999999999999}', 422, "a"),
        ('{"name": 1, "name": 2}', 400, None),
        (b"\xff", 400, None),
        (b'"' + b"x" * (1 << 20) + b'"', 413, None),
    ],
)
def test_bodies_that_cannot_be_kept_are_named(maya, body, status, field):
    for path in (
        "applications/",
        "subscriptions/",
        "keys/",
        "models/",
        "versions/",
        "notices/read/",
    ):
        maya.last = maya.client.post(f"/api/v1/{path}", body, content_type="application/json")
        problem = maya._checked(status)
        assert field is None or [error["field"] for error in problem["errors"]] == [field]


def test_a_reference_by_number_is_a_number(maya):
    subscription = factories.subscription()
    for wrong in (
        True,
        1.0,
        f"{subscription.pk}",
        [subscription.pk],
        {"id": subscription.pk},
        -1,
        2**63,
    ):
        assert (
            maya.post("keys/", {"subscription": wrong}, expect=422)["errors"][0]["field"]
            == "subscription"
        )


def test_a_list_of_errors_is_short(maya):
    problem = maya.post(
        "applications/",
        {f"f{number}": 1 for number in range(5000)} | {"team": "mortgage-origination", "name": "x"},
        expect=422,
    )
    assert len(problem["errors"]) <= 50
