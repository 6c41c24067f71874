"""The model card: what is required when, what counts as an answer, and the score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import cards

STARS = {
    "contacts.owner_team",
    "contacts.accountable_owner",
    "intended_use.summary",
    "intended_use.out_of_scope",
    "limitations.text",
    "technical.signature",
    "data.training.description",
    "evaluation.results",
}
CONDITIONS = [
    "people",
    "personal",
    "regulated",
    "credit",
    "annex_iii",
    "generative",
    "later_version",
    "fairness_concern",
]


def answer(field):
    """A value that passes."""
    if field.widget == "list":
        return [f"{field.label} {index}" for index in range(field.minimum)]
    if field.widget == "number":
        return 0.5
    if field.widget == "choice":
        return field.choices[0][0]
    return (f"{field.label} is described here. " * 9)[: max(field.minimum, 30)].strip() + "."


def full_card():
    return {field.id: answer(field) for field in cards.FIELDS}


@pytest.mark.parametrize("tier", ["low", "medium", "high"])
def test_empty_card_scores_nothing_and_names_all_stars(tier):
    found = cards.completeness({}, tier)
    assert found.score == 0
    assert set(found.stars_missing) == STARS
    assert not found.ok


@pytest.mark.parametrize(("tier", "needed"), [("low", 90), ("medium", 95), ("high", 100)])
def test_full_card_is_complete(tier, needed):
    found = cards.completeness(full_card(), tier, frozenset(CONDITIONS))
    assert (found.score, found.needed, found.ok, found.missing) == (100, needed, True, ())


def test_missing_star_fails_whatever_the_score():
    found = cards.completeness(full_card() | {"limitations.text": "TBD"}, "low")
    assert found.score >= 90
    assert not found.ok
    assert [item.field.id for item in found.missing] == ["limitations.text"]
    assert found.missing[0].field.why == "Where it is wrong more often, or does not apply at all."


def test_small_gap_passes_below_high():
    card = full_card() | {"technical.learning_approach": ""}
    assert cards.completeness(card, "low").ok
    assert cards.completeness(card, "medium").ok
    assert not cards.completeness(card, "high").ok


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "TODO",
        "tbd.",
        "n/a",
        "N/A",
        "na",
        "None",
        "Lorem ipsum dolor",
        "...",
        "---",
        "xxxx",
        "[More Information Needed]",
    ],
)
def test_placeholder_is_no_answer(text):
    assert cards.is_blank(text)
    assert cards.FIELDS_BY_ID["limitations.text"].problem(text) == "missing"


@pytest.mark.parametrize(
    "text", ["None of the groups differs by more than two points.", "Na+ channel data", "A-"]
)
def test_text_that_only_looks_like_a_placeholder_counts(text):
    assert not cards.is_blank(text)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("intended_use.summary", "y" * 39, "shorter than 40 characters"),
        ("intended_use.users", ["TBD", ""], "missing"),
        ("intended_use.users", ["underwriters"], ""),
        ("intended_use.users", "underwriters", ""),
        ("technical.task_type", "regression", ""),
        ("technical.task_type", "magic", "not one of the choices"),
        ("ops.cost_per_1k", "0.5", ""),
        ("ops.cost_per_1k", 0, ""),
        ("ops.cost_per_1k", "cheap", "not a number"),
        ("data.labels", {"not_applicable": "There are no labels: it is unsupervised."}, ""),
        ("data.labels", {"not_applicable": "no"}, "the reason is shorter than 20 characters"),
        (
            "limitations.text",
            {"not_applicable": "It has no limitations whatsoever."},
            "cannot be marked as not applicable",
        ),
    ],
)
def test_what_counts_as_an_answer(field, value, problem):
    assert cards.FIELDS_BY_ID[field].problem(value) == problem


@pytest.mark.parametrize(
    ("field", "tier", "conditions", "required"),
    [
        ("intended_use.decision_role", "low", [], False),
        ("intended_use.decision_role", "low", ["people"], True),
        ("intended_use.decision_role", "medium", [], True),
        ("data.personal.lawful_basis", "low", ["personal"], False),
        ("data.personal.lawful_basis", "medium", [], False),
        ("data.personal.lawful_basis", "medium", ["personal"], True),
        ("data.personal.lawful_basis", "high", [], True),
        ("standards_applied", "high", [], False),
        ("standards_applied", "medium", ["annex_iii"], False),
        ("standards_applied", "high", ["annex_iii"], True),
        ("changelog", "low", [], False),
        ("changelog", "low", ["later_version"], True),
        ("explainability.reason_codes", "high", [], False),
        ("explainability.reason_codes", "medium", ["credit"], True),
        ("environment.energy", "high", CONDITIONS, False),
    ],
)
def test_when_a_field_is_required(field, tier, conditions, required):
    assert cards.FIELDS_BY_ID[field].is_required(tier, frozenset(conditions)) is required


SOME_IDS = st.sets(st.sampled_from([field.id for field in cards.FIELDS]))


@given(
    SOME_IDS,
    st.sampled_from(["low", "medium", "high"]),
    st.sets(st.sampled_from(CONDITIONS)),
    st.sampled_from(cards.FIELDS),
)
def test_one_answer_more_never_lowers_the_score(ids, tier, conditions, field):
    card = {key: value for key, value in full_card().items() if key in ids}
    more = card | {field.id: answer(field)}
    assert (
        cards.completeness(more, tier, conditions).score
        >= cards.completeness(card, tier, conditions).score
    )


def test_copied_text_is_noticed():
    text = "It fails for people who are paid in cash, and for firms."
    found = cards.completeness({"limitations.text": text, "intended_use.out_of_scope": text}, "low")
    assert found.warnings == ("Out-of-scope uses repeats Known limitations word for word.",)


def test_form_has_every_field_in_one_section():
    shown = [field.id for _, _, _, fields in cards.sections() for field in fields]
    assert sorted(shown) == sorted(cards.FIELDS_BY_ID)
    low = [field.id for _, _, _, fields in cards.sections("low") for field in fields]
    assert "limitations.text" in low
    assert "design.rationale" not in low
