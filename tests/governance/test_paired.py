"""Several models on identical rows: what is called a difference, and what is not (docs/evaluation.md, "Paired comparison")."""

import numpy as np
import pytest

from governance import measures, paired

RANDOM = np.random.default_rng(7)


def sample(task, count=300):
    """(truth, a good answer, a worse one)."""
    if task == "regression":
        truth = RANDOM.normal(50, 10, count)
        return truth, truth + RANDOM.normal(0, 2, count), truth + RANDOM.normal(0, 6, count)
    truth = np.arange(count) % (2 if task == "binary" else 3)
    RANDOM.shuffle(truth)
    if task == "binary":
        good = np.clip(truth * 0.5 + RANDOM.uniform(0, 0.5, count), 0, 1)
        return truth, good, RANDOM.uniform(0, 1, count)
    good = np.where(RANDOM.uniform(size=count) < 0.9, truth, 0)
    return truth, good, RANDOM.integers(0, 3, count)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_order_of_models_turns_the_sign_and_not_the_verdict(task):
    truth, good, worse = sample(task)
    one = paired.compare(paired.Sample(task, truth, [good, worse, good]))
    other = paired.compare(paired.Sample(task, truth, [worse, good]))
    assert one.figures[0].metric == measures.PRIMARY[task]
    first, twin = one.figures[0].pairs
    turned = other.figures[0].pairs[0]
    assert first.difference == pytest.approx(-turned.difference)
    assert (first.better, turned.better) == (0, 1)  # the good one, wherever it stands
    assert twin.better is None and twin.difference == 0 and twin.p == 1
    assert first.low <= first.difference <= first.high


def test_chance_is_called_a_difference_about_as_often_as_it_should():
    """Forty comparisons of models that differ by noise alone."""
    found = 0
    for _ in range(40):
        truth = RANDOM.normal(0, 1, 200)
        rivals = [truth + RANDOM.normal(0, 1, 200) for _ in range(2)]
        compared = paired.compare(paired.Sample("regression", truth, rivals))
        found += any(pair.better is not None for f in compared.figures for pair in f.pairs)
    assert found <= 6


def test_rows_weigh_as_often_as_they_are_repeated():
    truth, good, worse = sample("regression")
    weights = RANDOM.integers(1, 4, len(truth)).astype(float)
    weighed = paired.compare(paired.Sample("regression", truth, [good], weights))
    times = weights.astype(int)
    repeated = paired.compare(
        paired.Sample("regression", np.repeat(truth, times), [np.repeat(good, times)])
    )
    for one, other in zip(weighed.figures, repeated.figures, strict=True):
        assert one.values[0].value == pytest.approx(other.values[0].value)


def test_small_groups_are_hidden_and_large_ones_measured():
    truth, good, worse = sample("regression")
    groups = np.array(["a"] * 200 + ["b"] * 91 + ["c"] * 9, dtype=object)
    found = paired.compare(paired.Sample("regression", truth, [good, worse], groups={"g": groups}))
    assert {(group.name, group.n) for group in found.groups} == {("a", 200), ("b", 91)}
    assert found.hidden == {"g": 1}


def test_holm_adjusts_in_order_and_never_below_the_raw_p():
    ps = [0.04, 0.001, 0.03, 0.5]
    assert measures.holm(ps) == pytest.approx([0.09, 0.004, 0.09, 0.5])
    assert measures.holm([]) == []
