"""Issue 8, line 3: work is bounded before it starts; what was sent decides neither time nor memory."""

import time

import pytest
from django.db import IntegrityError, transaction

from catalog import actions, search
from catalog.models import RegisteredModel
from catalog.search import understanding
from consumption.models import Plan
from marketplace.core import field_limits
from marketplace.core.errors import Invalid
from tests import factories
from tests.api.calls import Api

pytestmark = pytest.mark.django_db
HUGE = " ".join(
    f"word{number}x" for number in range(50_000)
)  # 480 kB of words that nobody's listing has


@pytest.fixture
def compared(monkeypatch):
    """How many words are compared with the vocabulary."""
    words = []
    monkeypatch.setattr(understanding, "nearest", lambda index, word: words.append(word) or [])
    return words


def test_a_text_that_is_too_long_is_refused_before_it_is_searched_for(compared):
    factories.published_version()
    compared.clear()
    for field in ("name", "summary", "similar_reason"):
        with pytest.raises(Invalid) as refusal:
            actions.register_after_search(
                factories.alice(),
                owner_team=factories.lending(),
                **factories.listing(name="New one") | {field: HUGE},
            )
        assert refusal.value.field == field
    assert compared == []


def test_a_long_query_costs_no_more_than_a_short_one(compared, client):
    factories.published_version()
    client.force_login(factories.alice())
    began = time.perf_counter()
    page = client.get("/publish/similar/", {"name": HUGE, "summary": HUGE})
    list(search.rank(RegisteredModel.objects.all(), HUGE))
    assert page.status_code == 200 and len(compared) <= 2 * understanding.MOST_CORRECTED
    assert time.perf_counter() - began < 5
    assert len(search.content_words(HUGE)) <= understanding.MOST_WORDS


def test_what_is_asked_for_twice_is_looked_for_once():
    assert (
        search.content_words("income income INCOME") == ["income"]
        and search.content_words("x" * 41) == []
    )


# ── Limits hold in forms, serializers and verbs ───────────────────────────


def test_no_verb_keeps_what_its_field_does_not_take():
    entry = factories.model()
    for field, value in {
        "name": "x" * 81,
        "summary": "x" * 201,
        "description": "x" * 10_001,
        "limitations": "a\0b",
        "tags": ["\ud800"],
    }.items():
        with pytest.raises(Invalid) as refusal:
            actions.edit(factories.alice(), entry, **{field: value})
        assert refusal.value.field.split(".")[0] == field
        entry.refresh_from_db()


@pytest.mark.parametrize("price", [-1, Plan.PRICE_MAX + 1, 2**63 - 1, 2**63])
def test_a_price_has_an_upper_bound_everywhere(price, client):
    entry = factories.model()
    with pytest.raises(Invalid) as refusal:
        factories.plan(entry, price_micros_per_1000=price)
    assert refusal.value.field == "price_micros_per_1000"
    body = {"model": entry.slug, "slug": "big", "name": "Big", "price_micros_per_1000": price}
    problem = Api(factories.alice()).post("plans/", body, expect=422)
    assert (problem.get("field") or problem["errors"][0]["field"]) == "price_micros_per_1000"
    assert not entry.plans.exists()


def test_the_database_refuses_it_too_and_a_constraint_is_a_422_not_a_500(monkeypatch):
    plan = factories.plan(factories.model())
    with pytest.raises(IntegrityError), transaction.atomic():
        Plan.objects.filter(pk=plan.pk).update(price_micros_per_1000=2**63 - 1)


def test_the_dearest_plan_breaks_no_page(client):
    version = factories.published_version()
    factories.plan(
        version.model, slug="dear", price_micros_per_1000=Plan.PRICE_MAX, monthly_quota=10**12
    )
    subscription = factories.subscription(version, plan_slug="dear")
    client.force_login(factories.maya())
    for address in (
        "/usage/",
        f"/models/{version.model.slug}/usage/",
        f"/models/{version.model.slug}/plans/",
        subscription.get_absolute_url().split("#")[0],
    ):
        assert client.get(address).status_code == 200, address


def test_expressions_and_what_is_not_loaded_are_left_alone():
    entry = RegisteredModel.objects.defer("description").get(pk=factories.model().pk)
    field_limits.require(entry)
    assert "description" not in vars(entry)
