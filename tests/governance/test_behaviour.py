"""Behaviour: how a version answers unlike the one in use (docs/evaluation.md, "Behaviour"). Issue 11, item 7."""

from types import SimpleNamespace

import numpy as np
import pytest

from governance import behaviour, gates
from governance.behaviour import Rows, compare

RANDOM = np.random.default_rng(3)
SCORES = RANDOM.uniform(0, 1, 4000)
SEX = np.where(np.arange(4000) % 2, "female", "male")


def numbered(number, tier="medium"):
    major, minor, patch = map(int, number.split("."))
    return SimpleNamespace(number=number, major=major, minor=minor, patch=patch, risk_tier=tier)


def found(rows, number="1.1.0", tier="medium"):
    return behaviour.finding(compare(rows), numbered(number, tier), numbered("1.0.0"), "rows")


def binary(after, tier="medium", groups=None):
    return Rows("binary", SCORES, after, SCORES, groups or {}, tier=tier)


def moved(share, by=0.6):
    """The scores with so large a part of the rows on the other side of the cutoff."""
    after = SCORES.copy()
    flipped = np.arange(len(after)) < share * len(after)
    after[flipped] = (after[flipped] + 0.5) % 1
    return after


def test_the_same_answers_pass_as_a_patch():
    finding = found(binary(SCORES + 1e-9), "1.0.1")
    assert finding.verdict == "pass"
    assert "All 4000 rows" in finding.summary


def test_a_patch_that_answers_otherwise_fails():
    assert found(binary(SCORES + 1e-4), "1.0.1").verdict == "fail"
    assert found(binary(SCORES + 1e-4), "1.1.0").verdict == "pass"


@pytest.mark.parametrize(
    ("share", "tier", "verdict"),
    [
        (0.04, "medium", "pass"),
        (0.04, "high", "fail"),
        (0.06, "medium", "fail"),
        (0.02, "high", "pass"),
    ],
)
def test_decisions_may_flip_within_a_limit(share, tier, verdict):
    finding = found(binary(moved(share), tier), tier=tier)
    assert finding.verdict == verdict, finding.summary
    assert finding.metrics["measures"][0]["value"] == pytest.approx(share, abs=1e-3)


def test_beyond_the_limits_it_is_a_major_version():
    assert found(binary(moved(0.3)), "2.0.0").verdict == "pass"
    minor = found(binary(moved(0.3)), "1.1.0")
    assert minor.verdict == "fail" and "needs a major version" in minor.summary


def test_at_low_risk_it_informs():
    assert gates.severity_of(behaviour.GATE, "low", "fail") == "info"
    assert gates.severity_of(behaviour.GATE, "medium", "fail") == "block"


def test_one_group_may_not_pay_for_the_whole():
    after = SCORES.copy()
    women = SEX == "female"
    after[women & (SCORES > 0.5) & (SCORES < 0.54)] -= 0.05
    finding = found(binary(after, groups={"sex": SEX}))
    assert finding.metrics["measures"][0]["value"] < 0.05
    assert finding.verdict == "fail" and "sex: female" in finding.summary
    assert finding.metrics["slices"][0]["name"] == "sex: female", "the worst comes first"


def test_small_groups_and_few_rows_are_not_told():
    after = SCORES.copy()
    after[:4] = (after[:4] + 0.5) % 1
    few = np.where(np.arange(4000) < 50, "few", "many")
    data = compare(binary(after, groups={"group": few})).as_data()
    assert [one["name"] for one in data["slices"]] == ["group: many"]
    assert all(move["rows"] is None for move in data["moves"]) and data["moves"]


def test_amounts_are_judged_by_the_mean():
    truth = np.linspace(1000, 2000, 500)
    near = found(Rows("regression", truth, truth + 10, truth))
    far = found(Rows("regression", truth, truth + 60, truth))
    assert (near.verdict, far.verdict) == ("pass", "fail")
    assert "mean amount 0.04 (limit 0.02)" in far.summary


def test_classes_are_judged_by_what_flips():
    before = np.arange(600) % 3
    after = np.where(np.arange(600) < 60, (before + 1) % 3, before)
    finding = found(Rows("multiclass", before, after, before, classes=("a", "b", "c")))
    assert finding.verdict == "fail" and "flip 0.1 (limit 0.05)" in finding.summary
    assert {"before": "a", "after": "b", "rows": 20} in finding.metrics["moves"]


def test_the_index_of_a_shift():
    even = np.array([100, 100])
    assert behaviour.stability(even, even) == 0
    assert behaviour.stability(even, np.array([150, 50])) == pytest.approx(0.2747, abs=0.01)
