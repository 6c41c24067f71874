"""Which reviews a version needs."""

import pytest

from governance import matrix


def kinds(tier, *conditions):
    return [kind for kind, _ in matrix.required_reviews(tier, set(conditions))]


@pytest.mark.parametrize(
    ("tier", "conditions", "expected"),
    [
        ("low", [], ["curation", "evaluation", "final"]),
        ("low", ["people"], ["curation", "evaluation", "fairness", "final"]),
        ("medium", [], ["curation", "evaluation", "security", "final"]),
        ("medium", ["personal"], ["curation", "evaluation", "security", "legal", "final"]),
        (
            "medium",
            ["people", "regulated"],
            ["curation", "evaluation", "fairness", "security", "legal", "final"],
        ),
        ("high", [], ["curation", "evaluation", "fairness", "security", "legal", "final"]),
    ],
)
def test_reviews_by_tier(tier, conditions, expected):
    assert kinds(tier, *conditions) == expected


def test_higher_tiers_ask_no_less():
    for conditions in ([], ["people"], ["personal"], ["regulated"]):
        assert (
            set(kinds("low", *conditions))
            <= set(kinds("medium", *conditions))
            <= set(kinds("high", *conditions))
        )
    assert matrix.MIN_PEOPLE["low"] < matrix.MIN_PEOPLE["medium"] < matrix.MIN_PEOPLE["high"]


def test_enough_reviews_for_the_people_needed():
    for tier, people in matrix.MIN_PEOPLE.items():
        assert len(matrix.required_reviews(tier)) >= people


@pytest.mark.parametrize("tier", ["prohibited", "", None])
def test_no_tier_no_way_through(tier):
    with pytest.raises(KeyError):
        matrix.required_reviews(tier)


def test_who_decides_the_final_approval():
    assert matrix.roles_for("final", "high") == ("model_risk_officer",)
    assert matrix.roles_for("legal", "high") == ("legal_reviewer",)
