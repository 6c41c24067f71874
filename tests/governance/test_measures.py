"""Issue 11, line 4 and 5: figures agree with scikit-learn, intervals repeat by seed, verdicts follow docs/evaluation.md."""

import numpy as np
import pytest

from governance import fairness, measures, suites

RANDOM = np.random.default_rng(7)
TRUTH = RANDOM.integers(0, 2, 800)
SCORE = np.round(np.clip(0.3 * TRUTH + RANDOM.random(800) * 0.7, 0, 1), 2)  # with many ties
WHOLE = np.ones((1, 800))


def point(task, truth, predicted):
    return {
        name: value[0]
        for name, value in measures.measure(
            task, truth, predicted, np.ones((1, len(truth)))
        ).items()
    }


def test_binary_metrics_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    chosen = SCORE >= 0.5
    assert point("binary", TRUTH, SCORE) | {"ece": 0} == pytest.approx(
        {
            "roc_auc": sklearn.roc_auc_score(TRUTH, SCORE),
            "brier": sklearn.brier_score_loss(TRUTH, SCORE),
            "log_loss": sklearn.log_loss(TRUTH, SCORE),
            "precision": sklearn.precision_score(TRUTH, chosen),
            "recall": sklearn.recall_score(TRUTH, chosen),
            "f1": sklearn.f1_score(TRUTH, chosen),
            "ece": 0,
        }
    )


def test_of_rare_events_precision_and_recall_decide():
    """Fraud in 3 % of the rows: ROC AUC says 0.79 of a score whose alarms are mostly false, PR AUC 0.39."""
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(5)
    truth = (np.arange(5000) % 33 == 0).astype(int)
    score = np.round(np.clip(0.25 * truth + random.random(5000) * 0.75, 0, 1), 2)  # with many ties
    (weights,) = measures.blocks(truth[:1500], 2, seed=1)
    drawn = np.repeat(np.arange(1500), weights[1].astype(int))
    found = measures.precision_recall(truth[:1500], score[:1500])(weights)["pr_auc"][1]
    assert found == pytest.approx(sklearn.average_precision_score(truth[drawn], score[drawn]))
    assessment = suites.assess(case(truth=truth, predicted=score, champion=score))
    first, *others = assessment.figures
    known = sklearn.average_precision_score(truth, score)
    assert (first.metric, assessment.suite) == ("pr_auc", "rare events/1.0.0")
    assert first.value == pytest.approx(known) and first.low < known < first.high
    assert first.baseline == pytest.approx(truth.mean())
    top = np.sort(score)[-500]
    lift = next(figure for figure in others if figure.metric == "lift_10")
    assert truth[score > top].mean() / truth.mean() * 0.9 < lift.value < 10 and lift.baseline == 1
    assert {"roc_auc", "brier", "ece"} < {figure.metric for figure in others}
    assert verdicts(assessment) == {"evaluation": "pass", "champion": "pass"}
    short = suites.assess(case(truth=truth, predicted=score, floor=0.9))
    assert verdicts(short)["evaluation"] == "fail" and "pr_auc" in short.findings[0].summary
    blind = suites.assess(case(truth=truth, predicted=random.random(5000)))
    assert verdicts(blind)["evaluation"] == "inconclusive"


def test_the_metrics_of_classes_and_of_numbers_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    truth, chosen = RANDOM.integers(0, 4, 600), RANDOM.integers(0, 4, 600)
    assert point("multiclass", truth, chosen) == pytest.approx(
        {
            "macro_f1": sklearn.f1_score(truth, chosen, average="macro"),
            "balanced_accuracy": sklearn.balanced_accuracy_score(truth, chosen),
            "accuracy": sklearn.accuracy_score(truth, chosen),
        }
    )
    truth = RANDOM.normal(50, 9, 600)
    guess = truth + RANDOM.normal(0, 3, 600)
    assert point("regression", truth, guess) == pytest.approx(
        {
            "mae": sklearn.mean_absolute_error(truth, guess),
            "rmse": sklearn.root_mean_squared_error(truth, guess),
            "r2": sklearn.r2_score(truth, guess),
        }
    )


def test_a_weighted_row_counts_as_often_as_it_was_drawn():
    sklearn = pytest.importorskip("sklearn.metrics")
    (weights,) = measures.blocks(TRUTH, 3, seed=1)
    drawn = np.repeat(np.arange(800), weights[2].astype(int))
    found = measures.measure("binary", TRUTH, SCORE, weights)["roc_auc"][2]
    assert found == pytest.approx(sklearn.roc_auc_score(TRUTH[drawn], SCORE[drawn]))
    assert (weights @ TRUTH == TRUTH.sum()).all() and (weights.sum(axis=1) == 800).all()


def test_a_calibrated_score_has_no_calibration_error_and_a_boastful_one_has():
    assert point("binary", np.array([0, 0, 1, 1]), np.array([0.0, 0.0, 1.0, 1.0]))["ece"] == 0
    truth = np.arange(1000) % 2
    assert point("binary", truth, np.full(1000, 0.9))["ece"] == pytest.approx(0.4, abs=0.01)


def case(**facts):
    return suites.Case(**{"task": "binary", "truth": TRUTH, "predicted": SCORE} | facts)


def verdicts(assessment):
    return {finding.gate: finding.verdict for finding in assessment.findings}


def test_the_same_case_gives_the_same_digest_and_another_seed_another_interval():
    one, again, other = (suites.assess(case(seed=seed)) for seed in (1, 1, 2))
    assert one.sha256 == again.sha256 != other.sha256
    assert one.figures[0].metric == "roc_auc" and one.figures[0].value == other.figures[0].value
    assert one.figures[0].low < one.figures[0].value < one.figures[0].high


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, "pass"),
        ({"floor": 0.6}, "pass"),
        ({"floor": 0.99}, "fail"),
        ({"predicted": 1 - SCORE}, "fail"),
        ({"predicted": np.full(800, 0.4)}, "inconclusive"),
        ({"truth": TRUTH[:100], "predicted": SCORE[:100]}, "inconclusive"),
    ],
)
def test_the_verdict_compares_with_floor_and_naive_model(facts, verdict):
    assert verdicts(suites.assess(case(**facts)))["evaluation"] == verdict


def test_at_high_risk_the_whole_interval_reaches_the_floor():
    value = suites.assess(case()).figures[0].value
    near = {"floor": value - 0.001}
    assert verdicts(suites.assess(case(**near)))["evaluation"] == "pass"
    assert verdicts(suites.assess(case(**near, tier="high")))["evaluation"] == "inconclusive"


def test_the_version_in_use_is_compared_row_by_row():
    worse = np.clip(SCORE + np.random.default_rng(3).normal(0, 0.5, 800), 0, 1)
    assert verdicts(suites.assess(case(champion=SCORE)))["champion"] == "pass"
    assert verdicts(suites.assess(case(champion=worse)))["champion"] == "pass"
    assert verdicts(suites.assess(case(predicted=worse, champion=SCORE)))["champion"] == "fail"


def people(women_selected=(380, 91), women=1000):
    """(sex, score, truth): of 1000 men 740 are selected; of the women as many deserving and others as it says."""
    sex, score, truth = [], [], []
    for name, rows, (deserving, others) in (
        ("M", 1000, (560, 180)),
        ("F", women, women_selected),
    ):
        right = int(rows * 0.6)
        sex += [name] * rows
        truth += [1] * right + [0] * (rows - right)
        score += [0.8] * deserving + [0.3] * (right - deserving)
        score += [0.7] * others + [0.2] * (rows - right - others)
    return np.array(sex), np.array(score), np.array(truth)


def judged(sex, score, truth, **facts):
    return suites.assess(case(truth=truth, predicted=score, groups={"sex": sex}, **facts))


def test_the_planted_bias_fails_on_the_right_group_with_the_right_ratio():
    found = judged(*people())
    figures = {(row.metric, row.slice): row for row in found.figures}
    ratio = figures["selection_rate_ratio", "sex"]
    assert ratio.value == pytest.approx(0.637, abs=0.001) and ratio.low < 0.637 < ratio.high < 0.8
    assert figures["equal_opportunity_difference", "sex"].value == pytest.approx(0.3)
    assert figures["selection_rate", "sex: F"].n == 1000
    fairness_gate = found.findings[-1]
    assert (fairness_gate.verdict, fairness_gate.severity) == ("fail", "block")
    assert "F is selected 47%" in fairness_gate.summary


def test_the_fair_twin_passes():
    assert verdicts(judged(*people((560, 180))))["fairness"] == "pass"


def test_what_is_good_for_a_person_may_be_the_negative_answer():
    sex, score, truth = people()
    turned = judged(sex, 1 - score, 1 - truth, favourable=0)
    assert verdicts(turned)["fairness"] == "fail"


@pytest.mark.parametrize(("tier", "severity"), [("medium", "warn"), ("high", "block")])
def test_fifteen_rows_of_a_group_are_inconclusive(tier, severity):
    found = judged(*people((7, 2), women=15), tier=tier).findings[-1]
    assert (found.verdict, found.severity) == ("inconclusive", severity)
    assert "too few rows" in found.summary and "F" in found.summary


def test_the_interval_of_a_ratio_has_the_planted_value_inside():
    sex, score, truth = people()
    attribute = fairness.judge("sex", sex, score >= 0.5, truth == 1, seed=1)
    low, high = attribute.figures[0]["low"], attribute.figures[0]["high"]
    assert (low, high) == pytest.approx((0.595, 0.682), abs=0.01)


def judged_amounts(tilt=0.0, spread=1.0, rows=400):
    """Two groups; the errors of the second one are shifted by a part of the mean and stretched."""
    random = np.random.default_rng(1)
    truth = random.normal(50_000, 8_000, 2 * rows)
    values = np.repeat(["young", "old"], rows)
    errors = random.normal(0, 2_000, 2 * rows)
    errors[rows:] = errors[rows:] * spread + tilt * truth.mean()
    (found,) = fairness.judge_amounts({"age": values}, truth + errors, truth, seed=7)
    return found


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        ({}, "pass"),
        ({"tilt": -0.08}, "fail"),
        ({"spread": 2.0}, "fail"),
        ({"spread": 1.33, "rows": 120}, "warn"),
        ({"rows": 60}, "insufficient"),
    ],
)
def test_amounts_are_judged_by_tilt_and_by_size_of_errors(case, verdict):
    found = judged_amounts(**case)
    assert found.verdict == verdict, found.summary


def test_many_groups_are_compared_with_the_largest_and_corrected_by_holm():
    """Six groups of like rates: the lowest over the highest is low by chance; none is surely different but the planted one."""
    random = np.random.default_rng(11)
    rates = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.5, "planted": 0.3}
    groups = np.concatenate([np.full(900 if name == "a" else 300, name) for name in rates])
    chances = np.array([rates[name] for name in groups])
    selected, deserving = random.random(len(groups)) < chances, random.random(len(groups)) < 0.5
    found = fairness.judge("region", groups, selected, deserving, seed=1)
    apart = {
        row["slice"]: row for row in found.figures if row["metric"].endswith("rate_difference")
    }
    assert set(apart) == {f"region: {name}" for name in rates if name != "a"}
    assert apart["region: planted"]["high"] < 0 < apart["region: b"]["high"]
    assert "Against a, the largest group, surely different (Holm): planted." in found.summary
    few = np.isin(groups, ["a", "b", "c", "planted"])
    alone = fairness.judge("region", groups[few], selected[few], deserving[few], seed=1)
    assert "Holm" not in alone.summary
