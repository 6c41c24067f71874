"""Issue 11, line 5: what noise, gaps, ends of ranges and a bounded search do to a version's answers."""

import numpy as np
import pytest

from governance import robustness
from hosting.model_server.columns import Signature
from publishing.packages import perturbations

RANDOM = np.random.default_rng(3)
ROWS = 1500
INCOME = RANDOM.normal(4000, 1000, ROWS)
DEBT = RANDOM.normal(1000, 300, ROWS)
TRUTH = (INCOME - DEBT + RANDOM.normal(0, 500, ROWS) > 3000).astype(int)


def field(name, **facts):
    return {"name": name, "datatype": "FP32", "shape": [-1]} | facts


SIGNATURE = {
    "inputs": [
        field("income", minimum=0, maximum=10_000),
        field("debt", required=False, default=1000.0),
    ],
    "outputs": [field("score")],
}


def smooth(columns):
    score = 1 / (1 + np.exp(-(columns["income"].astype(float) - columns["debt"] - 3000) / 400))
    return score.astype(np.float32)


def jumpy(columns):
    """Odd tens of the income decide: the smallest step turns the answer."""
    return (np.floor(columns["income"] / 10) % 2).astype(np.float32)


def probed(answer, signature=SIGNATURE, seed=1, **columns):
    columns = {"income": INCOME, "debt": DEBT} | columns
    columns = {name: values.astype(np.float32) for name, values in columns.items()}
    found = perturbations.probe(columns, Signature.of(signature), answer, seed)
    probe = robustness.Probe(
        np.array(found["rows"]),
        {name: np.array(values) for name, values in found["answers"].items()},
        np.array(found["searched"]),
        tuple(found["edges"]),
        tuple(found["far"]),
        monotone={name: tuple(counts) for name, counts in found["monotone"].items()},
    )
    predicted = answer(columns).astype(float)
    sample = robustness.Sample("binary", TRUTH[probe.rows], predicted[probe.rows], 0.5, seed)
    return probe, sample


def judged(answer, tier="high", **facts):
    probe, sample = probed(answer, **facts)
    figures = robustness.figures_of(sample, probe)
    return {row["metric"]: row for row in figures}, robustness.finding_of(figures, probe, tier)


def test_a_smooth_model_keeps_its_answers():
    figures, (gate, verdict, summary, severity) = judged(smooth)
    assert (gate, verdict, severity) == ("perturbation", "pass", "block")
    assert figures["turned_under_noise_5"]["value"] <= 0.05
    assert figures["loss_under_missing_10"]["threshold"] == 0.05
    assert figures["turned_under_noise_20"]["value"] > figures["turned_under_noise_5"]["value"]
    assert summary.startswith("Answers turned under noise of 5 %")


def test_a_model_of_abrupt_steps_fails_and_only_warns_below_high_risk():
    figures, (_, verdict, _, severity) = judged(jumpy, tier="medium")
    assert (verdict, severity) == ("fail", "warn")
    assert figures["turned_under_noise_5"]["low"] > 0.4


def test_the_search_turns_more_answers_than_noise_of_the_same_size():
    figures, _ = judged(smooth)
    probe, sample = probed(smooth)
    assert probe.searched.shape == (2 * 2 + 2, 100)
    turned = figures["turned_by_search"]
    assert turned["n"] == 100 and turned.get("threshold") is None
    assert turned["value"] > figures["turned_under_noise_5"]["value"]


def test_a_step_stays_within_declared_ranges_and_integers_stay_whole():
    seen = []

    def answer(columns):
        seen.append(columns)
        return smooth(columns)

    narrow = SIGNATURE | {
        "inputs": [
            field("income", minimum=3900, maximum=4100),
            field("debt", datatype="INT64", required=False, default=1000),
        ]
    }
    columns = {"income": np.clip(INCOME, 3900, 4100).astype(np.float32), "debt": DEBT.astype(int)}
    perturbations.probe(columns, Signature.of(narrow), answer, 1)
    incomes = np.concatenate([asked["income"] for asked in seen])
    assert incomes.min() >= 3900 and incomes.max() <= 4100
    assert all(asked["debt"].dtype == np.int64 for asked in seen)


def test_a_wrong_unit_is_refused_where_a_range_is_declared():
    assert probed(smooth)[0].far == (True, False)


def test_a_number_at_the_end_of_its_range_that_is_not_answered_fails():
    def answer(columns):
        return np.where(columns["income"] == 0, np.nan, smooth(columns)).astype(np.float32)

    figures, (_, verdict, _, _) = judged(answer)
    assert figures["edges_answered"]["value"] == pytest.approx(0.75) and verdict == "fail"


def test_the_same_seed_asks_the_same_rows():
    one, again, other = (probed(smooth, seed=seed)[0] for seed in (1, 1, 2))
    assert (one.rows == again.rows).all() and not (one.rows == other.rows).all()
    assert (one.answers["noise_5"] == again.answers["noise_5"]).all()


def test_texts_alone_do_not_apply_and_few_rows_are_inconclusive():
    empty = robustness.Probe(np.arange(500))
    assert robustness.finding_of([], empty, "high")[1] == "not_applicable"
    few = {"income": INCOME[:60], "debt": DEBT[:60]}
    _, (_, verdict, summary, _) = judged(smooth, **few)
    assert verdict == "inconclusive" and summary.startswith("100 rows are needed")


def test_what_is_declared_monotone_is_swept_and_a_turn_back_fails():
    def declared(**ways):
        inputs = [field | {"monotone": ways.get(field["name"])} for field in SIGNATURE["inputs"]]
        return SIGNATURE | {"inputs": inputs}

    kept, (_, verdict, _, _) = judged(
        smooth, signature=declared(income="increasing", debt="decreasing")
    )
    assert kept["monotone_kept"]["value"] == 1 and verdict == "pass"
    turned, (_, verdict, summary, _) = judged(smooth, signature=declared(income="decreasing"))
    assert turned["monotone_kept"]["value"] == 0 and verdict == "fail"
    assert "income is monotone as declared in 0% of the rows" in summary
    assert "monotone_kept" not in judged(jumpy)[0]


def test_texts_are_rewritten_and_spaces_have_a_limit():
    signature = {"inputs": [field("text", datatype="BYTES")], "outputs": [field("score")]}
    texts = np.array(["payroll acme", "fresh market"] * 300, dtype=object)

    def answered(answer):
        found = perturbations.probe({"text": texts}, Signature.of(signature), answer, 1)
        answers = {name: np.array(values) for name, values in found["answers"].items()}
        probe = robustness.Probe(np.array(found["rows"]), answers)
        predicted = answer({"text": texts}).astype(float)
        truth = (np.arange(len(texts)) % 2 == 0).astype(int)
        sample = robustness.Sample("binary", truth[probe.rows], predicted[probe.rows], 0.5, 1)
        figures = robustness.figures_of(sample, probe)
        return {row["metric"]: row for row in figures}, robustness.finding_of(
            figures, probe, "high"
        )

    def by_word(columns):
        return np.array([float("payroll" in text.lower()) for text in columns["text"]])

    def by_letter(columns):
        return np.array([float(text.startswith("pay")) for text in columns["text"]])

    figures, (_, verdict, _, _) = answered(by_word)
    assert verdict == "pass" and figures["turned_under_case"]["value"] == 0
    assert 0.1 < figures["turned_under_typos"]["value"] < 0.4, "a slip within the word"
    figures, (_, verdict, summary, _) = answered(by_letter)
    assert verdict == "fail" and "under other spaces 0.5" in summary
    assert figures["turned_under_typos"]["threshold"] is None
