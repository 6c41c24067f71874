"""The questionnaire: golden answers, floors, and that raising an answer never lowers the tier."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance import tiering
from marketplace.core.errors import Invalid

HARMLESS = {question.id: question.options[0].id for question in tiering.QUESTIONS}
INCOME = HARMLESS | {
    "people": "direct",
    "autonomy": "approves",
    "materiality": "1m_10m",
    "data": "personal",
    "regulated": "process",
    "reversibility": "costly",
    "complexity": "tabular",
    "reach": "unit",
}
CHURN = HARMLESS | {
    "people": "indirect",
    "data": "confidential",
    "complexity": "tabular",
    "reach": "team",
    "materiality": "100k_1m",
}
STAFF_ANSWERS = HARMLESS | {
    "generative": "internal",
    "complexity": "foundation",
    "data": "confidential",
}
CREDIT = HARMLESS | {"regulated": "eligibility"}


@pytest.mark.parametrize(
    ("answers", "tier", "score", "reason"),
    [
        (HARMLESS, "low", 0, "Score 0 (no points): low."),
        (
            INCOME,
            "high",
            12,
            "Score 12 (people +2, autonomy +1, materiality +2, data +2, regulated +2, reversibility +1, complexity +1, reach +1): high.",
        ),
        (CHURN, "low", 4, "Score 4"),
        (STAFF_ANSWERS, "medium", 4, "OV8: at least medium"),
        (CREDIT, "high", 4, "OV1: at least high"),
        (HARMLESS | {"people": "direct", "autonomy": "automated"}, "high", 5, "OV2: at least high"),
        (HARMLESS | {"data": "special"}, "high", 3, "OV3: at least high"),
        (HARMLESS | {"generative": "customer"}, "high", 2, "OV4: at least high"),
        (HARMLESS | {"materiality": "over_10m"}, "high", 3, "OV5: at least high"),
        (HARMLESS | {"people": "direct"}, "medium", 2, "OV6: at least medium"),
        (HARMLESS | {"data": "personal"}, "medium", 2, "OV7: at least medium"),
        (
            HARMLESS | {"prohibited": ["social_scoring"]},
            "prohibited",
            0,
            "Prohibited (EU AI Act, Article 5)",
        ),
    ],
)
def test_golden_answers(answers, tier, score, reason):
    found = tiering.assess(answers)
    assert (found.tier, found.score) == (tier, score)
    assert any(text.startswith(reason) for text in found.reasons)


ANSWERS = st.fixed_dictionaries(
    {
        question.id: st.sampled_from([option.id for option in question.options])
        for question in tiering.QUESTIONS
    }
)


@given(ANSWERS, st.sampled_from(tiering.QUESTIONS))
@settings(max_examples=500, deadline=None)
def test_raising_an_answer_never_lowers_the_tier(answers, question):
    tiers = [
        tiering.TIERS.index(tiering.assess(answers | {question.id: option.id}).tier)
        for option in question.options
    ]
    assert tiers == sorted(tiers)


@given(ANSWERS)
def test_same_answers_same_assessment(answers):
    assert tiering.assess(answers) == tiering.assess(dict(reversed(answers.items())))


@pytest.mark.parametrize("question", HARMLESS)
@pytest.mark.parametrize("answer", [None, "", "nonsense", 3])
def test_each_question_is_mandatory(question, answer):
    with pytest.raises(Invalid) as problem:
        tiering.assess(HARMLESS | {question: answer})
    assert problem.value.field == question


def test_unknown_practice_is_refused():
    with pytest.raises(Invalid):
        tiering.assess(HARMLESS | {"prohibited": ["invented"]})


def test_conditions_follow_the_answers():
    assert tiering.conditions(HARMLESS) == frozenset()
    assert tiering.conditions(INCOME) == {"people", "personal", "regulated"}
    assert tiering.conditions(CREDIT) == {"regulated", "credit", "annex_iii"}
    assert tiering.conditions({}) == frozenset()


def test_use_may_be_graver_than_the_model():
    assert tiering.highest(["low", "high", "medium"]) == "high"
    assert tiering.highest([]) == "low"


def test_answers_from_points():
    points = {
        "people": 2,
        "autonomy": 1,
        "materiality": 2,
        "data": 2,
        "regulated": 2,
        "generative": 0,
        "reversibility": 1,
        "complexity": 1,
        "reach": 1,
    }
    assert tiering.answers_from_points(points) == INCOME
