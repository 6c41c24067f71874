"""Issue 11, line 5: what was measured of each group of people, and of two columns of groups at once."""

import numpy as np
import pytest

from governance import comparisons, suites
from governance.models import Evaluation

RANDOM = np.random.default_rng(11)
ROWS = 2000
SEX = RANDOM.choice(["F", "M"], ROWS)
AGE = RANDOM.choice(["old", "young"], ROWS)
TRUTH = RANDOM.integers(0, 2, ROWS)
SCORE = np.round(np.clip(0.3 * TRUTH + RANDOM.random(ROWS) * 0.7, 0, 1), 2)


def assessed(task="binary", truth=TRUTH, predicted=SCORE, groups=None, **facts):
    groups = {"sex": SEX, "age": AGE} if groups is None else groups
    return suites.assess(
        suites.Case(task=task, truth=truth, predicted=predicted, groups=groups, **facts)
    )


def figures(assessment):
    return {(row.metric, row.slice): row for row in assessment.figures}


def compared(assessment):
    """The comparisons that a page shows: {column: Comparison}."""
    rows = [Evaluation(pk=place, **vars(row)) for place, row in enumerate(assessment.figures)]
    whole, groups = [r for r in rows if not r.slice], [r for r in rows if r.slice]
    return {one.column: one for one in comparisons.comparisons_of(whole, groups)}


def test_a_group_has_the_metrics_of_its_own_rows():
    sklearn = pytest.importorskip("sklearn.metrics")
    found = figures(assessed())
    women = SEX == "F"
    area = found["roc_auc", "sex: F"]
    assert area.value == pytest.approx(sklearn.roc_auc_score(TRUTH[women], SCORE[women]))
    assert area.low < area.value < area.high and area.n == women.sum()
    selected = found["selection_rate", "sex: F"]
    assert selected.value == pytest.approx((SCORE[women] >= 0.5).mean())
    assert selected.low < selected.value < selected.high
    deserving = women & (TRUTH == 1)
    assert found["true_positive_rate", "sex: F"].value == (SCORE[deserving] >= 0.5).mean()


def test_scores_that_boast_about_one_group_are_a_worse_calibration_error_there():
    boast = np.where(SEX == "F", np.where(SCORE >= 0.5, 0.99, 0.01), TRUTH * 0.5 + 0.25)
    found = figures(assessed(predicted=boast))
    low, high = found["ece", "sex: M"], found["ece", "sex: F"]
    assert low.value == pytest.approx(0.25, abs=0.02)
    assert high.low <= high.value <= high.high
    gap = found["roc_auc_gap", "sex"]
    areas = [found["roc_auc", f"sex: {group}"].value for group in "FM"]
    assert gap.value == pytest.approx(abs(areas[0] - areas[1])) and gap.threshold == 0.1


def test_amounts_and_classes_have_slices_too():
    amounts = TRUTH * 100.0 + 500
    off = amounts + np.where(SEX == "F", 30.0, 10.0)
    found = figures(assessed("regression", amounts, off))
    assert found["mae", "sex: F"].value == pytest.approx(30)
    assert found["mae_ratio", "sex"].value == pytest.approx(3)
    classes = RANDOM.integers(0, 3, ROWS)
    found = assessed("multiclass", classes, np.where(SEX == "F", 0, classes))
    assert figures(found)["accuracy", "sex: M"].value == 1
    assert compared(found)["sex"].worst.group == "F" and compared(found)["sex"].verdict == ""


def test_a_bias_against_two_traits_at_once_is_reported_and_decides_nothing():
    """Old women and young men are passed over: each sex and each age looks alike."""
    passed_over = (SEX == "F") == (AGE == "old")
    score = np.where(passed_over, SCORE * 0.6, SCORE)
    found = assessed(predicted=score)
    ratio = figures(found)["selection_rate_ratio", "sex × age"]
    assert ratio.value < 0.5 and ratio.high < 0.8
    assert found.findings[-1].gate == "fairness" and found.findings[-1].verdict != "fail"
    shown = compared(found)
    assert list(shown) == ["sex", "age", "sex × age"]
    assert shown["sex × age"].verdict == "fail" != shown["sex"].verdict
    assert shown["sex × age"].is_crossed


@pytest.mark.parametrize(("women", "kept"), [(15, 15), (4, 10)])
def test_a_small_group_is_inconclusive_and_its_size_is_told_from_ten_on(women, kept):
    sex = np.array(["F"] * women + ["M"] * (ROWS - women))
    found = assessed(groups={"sex": sex}, tier="high")
    assert figures(found)["too_few_rows", "sex: F"].n == kept
    assert ("roc_auc", "sex: F") not in figures(found)
    one = compared(found)["sex"]
    assert (one.verdict, one.verdict_label) == ("inconclusive", "Inconclusive")
    assert one.too_few_in_words == {15: "F (15)", 4: "F (at most 10)"}[women]


def test_a_page_has_a_chart_a_metric_with_what_groups_are_compared_with():
    charts = {chart.title: chart for chart in compared(assessed())["sex"].charts}
    assert list(charts) == [
        "Selected",
        "Selected among the deserving",
        "ROC AUC",
        "Calibration error",
    ]
    most = max(span.value for span in charts["Selected"].spans)
    assert charts["Selected"].reference == pytest.approx(0.8 * most)
    assert charts["ROC AUC"].said == "All rows"


def test_many_groups_of_two_columns_are_bounded():
    names = np.array([f"g{place}" for place in range(5)])
    groups = {f"c{place}": RANDOM.choice(names, ROWS) for place in range(6)}
    found = assessed(groups=groups)
    crossed = {row.slice for row in found.figures if " × " in row.slice and ": " in row.slice}
    pairs = {name.partition(": ")[0] for name in crossed}
    assert len(pairs) == 6 and len(crossed) == 6 * 12
    assert max(len(row.slice) for row in found.figures) <= 120
