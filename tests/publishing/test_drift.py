"""Drift of uploaded rows against training: what a card's line says, and the index. Rules: docs/batch-evaluation.md, "Drift"."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.batch.drift import LEAST_ROWS, Observed
from publishing.batch.spread import FIELD, read_line, spreads_of, written
from publishing.screening.disclosures import disclosures


def index_of(training, rows):
    name, spread = read_line(written("income", training))
    assert name == "income"
    observed = Observed(spread)
    for part in np.array_split(np.array(rows), 3):
        observed.add([*part.tolist(), None])
    return observed.index


@given(st.integers(0, 2**16), st.sampled_from(["normal", "lognormal", "poisson", "few"]))
def test_rows_like_those_of_training_do_not_drift_and_moved_ones_do(seed, kind):
    random = np.random.default_rng(seed)
    draw = {
        "normal": lambda count: random.normal(0, 1, count),
        "lognormal": lambda count: random.lognormal(8, 1, count),
        "poisson": lambda count: random.poisson(3, count),
        "few": lambda count: random.choice([0, 0, 0, 12], count),
    }[kind]
    training, rows = draw(4000), draw(2000)
    assert index_of(training, rows) < 0.10
    assert index_of(training, training.max() + 1 + rows) > 0.25


def test_shares_of_texts_and_truths():
    assert read_line("employment: salaried 62 %, self-employed 38 %")[1].shares == {
        "salaried": 0.62,
        "self-employed": 0.38,
    }
    training = ["salaried"] * 62 + ["self-employed"] * 38
    assert index_of(training, training * 3) < 0.01
    assert index_of(training, ["self-employed"] * 300) > 0.25
    assert index_of(training, ["pensioner"] * 300) > 0.25  # a value that training did not have
    assert index_of([True] * 90 + [False] * 10, [True] * 270 + [False] * 30) < 0.01


@pytest.mark.parametrize("line", ["", "income", "income:", "income: low to high", "a: b %, c 3 %"])
def test_a_line_that_says_nothing_is_left_out(line):
    assert read_line(line) is None
    assert spreads_of({FIELD: [line, 5, None]}) == {}
    assert spreads_of({FIELD: line}) == spreads_of({}) == {}


def test_what_is_written_of_numbers_is_never_taken_for_personal_data():
    """Of thousands of rows of four-digit deciles, some are valid numbers of payment cards when only spaces stand between."""
    random = np.random.default_rng(7)
    lines = [
        written("income", random.integers(2200, 2700, 40) * random.integers(1, 3))
        for _ in range(4000)
    ]
    assert [line for line in lines if list(disclosures(line, "card"))] == []
    assert any(list(disclosures(line.replace(" |", ""), "card")) for line in lines)


def test_too_few_rows_say_nothing():
    assert index_of(range(100), range(LEAST_ROWS - 1)) is None
