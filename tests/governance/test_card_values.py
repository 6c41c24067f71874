"""Issue 9, line 14: a field of the card takes what its schema says, at every entrance, and says which limit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from governance import card_values, cards
from marketplace.core.errors import Invalid
from marketplace.demo.company import cards as demo_cards
from publishing import actions
from tests import factories
from tests.api.calls import Api

FIELDS = st.sampled_from(cards.FIELDS)
TEXT = st.text(max_size=30) | st.integers(0, 12_000).map(lambda size: "x" * size)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXT
    | st.sampled_from(["regression", "public", "supervised"])
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(TEXT, max_size=130)
        | st.dictionaries(st.just("not_applicable") | st.text(max_size=70), inner, max_size=25)
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(FIELDS, VALUES)
def test_the_schema_and_the_sentence_agree(field, value):
    """What the OpenAPI document promises is what is taken; a refusal is a sentence."""
    if card_values.is_empty(value) or field.source == "auto":
        return
    fits = Draft202012Validator(card_values.schema(field)).is_valid(value)
    refusal = card_values.refusal(field, value)
    assert fits == (refusal == ""), (field.id, refusal)


@settings(deadline=None)
@given(FIELDS, VALUES)
def test_whatever_is_taken_can_be_judged_and_shown(field, value):
    if card_values.refusal(field, value) == "":
        assert isinstance(cards.completeness({field.id: value}, "high").score, int)


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [
        ("limitations.text", False, "text"),
        ("limitations.text", 7, "text"),
        ("limitations.text", {"a": {"b": {"c": 1}}}, "text"),
        ("limitations.text", "x" * 300_000, "10000"),
        ("identity.summary", "x" * 501, "500"),
        ("evaluation.results", "one", "list"),
        ("evaluation.results", [{"metric": {"deep": 1}}], "Entry 1"),
        ("evaluation.results", ["fine", "x" * 1001], "Entry 2"),
        ("evaluation.results", ["x"] * 101, "100"),
        ("evaluation.results", [{str(n): 1 for n in range(21)}], "20"),
        ("technical.task_type", "magic", "regression"),
        ("technical.task_type", ["regression"], "regression"),
        ("ops.cost_per_1k", True, "number"),
        ("ops.cost_per_1k", "0.5", "number"),
        ("ops.cost_per_1k", -1, "0"),
        ("ops.cost_per_1k", 10**12, "1000000000"),
        ("data.labels", {"not_applicable": "x" * 1001}, "1000"),
        ("data.labels", {"not_applicable": False}, "text"),
        ("limitations.text", {"not_applicable": "It has none."}, "not applicable"),
        ("security.scan", "All fine, I swear.", "by itself"),
    ],
)
@pytest.mark.django_db
def test_a_value_of_another_type_or_size_is_refused_with_the_limit(name, value, limit):
    version = factories.draft_version()
    before = dict(version.card.data)
    with pytest.raises(Invalid) as refusal:
        actions.edit_card(factories.alice(), version, {name: value})
    assert refusal.value.field == name and limit in refusal.value.message
    problem = Api(factories.alice()).patch(
        f"versions/{version.pk}/card/", {"values": {name: value}}, expect=422
    )
    assert problem["field"] == name and limit in problem["detail"]
    version.card.refresh_from_db()
    assert version.card.data == before


@pytest.mark.django_db
def test_the_form_says_the_limit_at_the_field(client):
    version = factories.draft_version()
    client.force_login(factories.alice())
    address = f"/publish/{version.model.slug}/{version.number}/card/"
    page = client.post(
        address,
        {
            "limitations.text": "x" * 10_001,
            "evaluation.results": '{"metric": {"deep": 1}}',
            "ops.cost_per_1k": "1e999",
        },
    )
    assert page.status_code == 422
    assert {"limitations.text", "evaluation.results", "ops.cost_per_1k"} <= set(
        page.context["form"].errors
    )
    assert "[" not in (page.context["form"].errors["evaluation.results"].as_text())
    deep = client.post(address, {"limitations.text": "{" + '"a":[' * 200_000})
    assert deep.status_code == 422


def test_the_demo_company_keeps_the_schema():
    """Its texts are what people copy."""
    texts = {
        "identity.summary": "A sentence.",
        "data.personal.lawful_basis": demo_cards.NO_PERSONAL_DATA,
    }
    assert [
        card_values.refusal(cards.FIELDS_BY_ID[name], value) for name, value in texts.items()
    ] == ["", ""]
