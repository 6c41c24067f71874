"""Geometry of charts: what stands where."""

import pytest

from marketplace.core import plots


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (7, 8), (101, 120), (950, 1000), (1001, 1200), (0.03, 0.032)]
)
def test_the_top_of_a_scale_is_the_next_round_number(value, top):
    assert plots.nice_ceiling(value) == pytest.approx(top)


def test_the_grid_goes_from_the_base_to_the_top():
    grid = plots.ticks(top=8, height=100)
    assert [(tick.value, tick.y) for tick in grid] == [(0, 100), (2, 75), (4, 50), (6, 25), (8, 0)]


def test_a_line_spans_the_width_and_lifts_the_pen_at_a_gap():
    path = plots.line_path([0, None, 10], top=10, height=50)
    assert path == "M0.00 50.00M100.00 0.00"


def test_an_area_is_closed_along_the_base():
    assert plots.area_path([5, 5], top=10, height=50).endswith("L100 50.00L0 50.00Z")
    assert plots.area_path([], top=10, height=50) == ""


def test_stacked_bars_stand_on_each_other():
    below, above = plots.stack([[2, 0], [3, 1]], ["Mon", "Tue"], top=10, height=100)
    assert (below[0].y, below[0].height) == (80, 20)
    assert (above[0].y, above[0].height) == (50, 30)
    assert above[1].y + above[1].height == 100


def test_nothing_is_drawn_for_zero_or_missing():
    assert plots.stack([[0, None]], ["Mon", "Tue"], top=10, height=100) == [[]]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 24, 90])
def test_captions_stay_inside_the_drawing(count):
    labels = plots.axis_labels([str(n) for n in range(count)])
    assert all(0 <= label.x <= 100 for label in labels)
    assert len(labels) <= 4


def test_a_step_line_stays_level_and_jumps():
    assert plots.step_path([1, 2], 2, 10) == "M0.00 5.00L50.00 5.00L50.00 0.00L100.00 0.00"
    assert plots.step_path([1, None, 2], 2, 10) == "M0.00 5.00L33.33 5.00M66.67 0.00L100.00 0.00"
    assert plots.step_path([], 2, 10) == ""
    assert (
        plots.area_path([1], 2, 10, plots.step_path) == "M0.00 5.00L100.00 5.00L100 10.00L0 10.00Z"
    )
