"""How figures stand to their targets, and the words of it."""

from datetime import UTC, date, datetime

import pytest

from marketplace.insights.metrics import METRICS
from marketplace.insights.metrics.metric import (
    UNITS,
    Above,
    AtLeast,
    AtLeastShare,
    Below,
    Figure,
    NoTarget,
    Trend,
    Verdict,
    written,
)
from marketplace.insights.metrics.scope import Scope
from marketplace.insights.quarters import Quarter

QUARTER = Quarter(date(2026, 7, 1))
RUNNING = datetime(2026, 8, 19, tzinfo=UTC)
OVER = datetime(2026, 11, 1, tzinfo=UTC)


def scope(now=OVER, launched=date(2026, 6, 1)):
    made = Scope(QUARTER, now)
    made.__dict__["launched_on"] = launched  # what the database would say
    return made


def counted(value):
    return Figure(value, None, float(value))


def share_of(above, below):
    value = 100 * above / below if below >= 3 else None
    return Figure(above, below, value, "" if value is not None else "base < 3")


@pytest.mark.parametrize(
    ("judge", "figure", "now", "launched", "expected"),
    [
        (AtLeast(10, "model,models", 12), counted(10), OVER, date(2026, 6, 1), ("met", "Met")),
        (
            AtLeast(10, "model,models", 12),
            counted(9),
            OVER,
            date(2026, 6, 1),
            ("behind", "Behind by 1 model"),
        ),
        (
            AtLeast(10, "model,models", 12),
            counted(7),
            OVER,
            date(2025, 9, 30),
            ("missed", "Missed by 3 models"),
        ),
        # The first year ends with the day before: twelve months after the 1st of October are not over on the 30th of September.
        (
            AtLeast(10, "model,models", 12),
            counted(7),
            OVER,
            date(2025, 10, 1),
            ("behind", "Behind by 3 models"),
        ),
        (
            AtLeast(10, "model,models", 12),
            counted(0),
            OVER,
            None,
            ("behind", "Behind by 10 models"),
        ),
        (
            AtLeast(9, "unit,units", still_grows=True),
            counted(4),
            RUNNING,
            None,
            ("behind", "Behind by 5 units"),
        ),
        (
            AtLeast(9, "unit,units", still_grows=True),
            counted(4),
            OVER,
            None,
            ("missed", "Missed by 5 units"),
        ),
        (AtLeastShare(80, "model,models"), share_of(8, 10), OVER, None, ("met", "Met")),
        # 80 % of 17 are 13.6: the fourteenth model is missing.
        (
            AtLeastShare(80, "model,models"),
            share_of(13, 17),
            OVER,
            None,
            ("missed", "Missed by 1 model"),
        ),
        (AtLeastShare(80, "model,models"), share_of(1, 2), OVER, None, ("none", "base < 3")),
        (
            AtLeastShare(50, "team,teams"),
            share_of(3, 8),
            OVER,
            None,
            ("missed", "Missed by 1 team"),
        ),
        (Above(60), share_of(60, 100), OVER, None, ("missed", "Just missed")),
        (Above(60), share_of(71, 100), OVER, None, ("met", "Met")),
        (Below(10, "point,points"), share_of(9, 100), OVER, None, ("met", "Met")),
        (
            Below(10, "point,points"),
            share_of(11, 100),
            OVER,
            None,
            ("missed", "Missed by 1 point"),
        ),
        (Below(14, "day,days"), Figure(43, 3, 14.0), OVER, None, ("missed", "Just missed")),
        (
            Below(14, "day,days"),
            Figure(0, 0, None, "nothing to count"),
            OVER,
            None,
            ("none", "nothing to count"),
        ),
    ],
)
def test_targets(judge, figure, now, launched, expected):
    assert judge(figure, None, scope(now, launched)) == Verdict(*expected)


@pytest.mark.parametrize(
    ("still_grows", "value", "before", "now", "expected"),
    [
        (True, 7, 5, RUNNING, ("rising", "Rising from 5 in 2026 Q2")),
        (True, 3, 5, RUNNING, ("none", "Quarter is open; 5 before")),
        (True, 3, 5, OVER, ("falling", "Falling from 5 in 2026 Q2")),
        (True, 5, 5, OVER, ("steady", "Steady from 5 in 2026 Q2")),
        (False, 3, 5, RUNNING, ("falling", "Falling from 5 in 2026 Q2")),
        (False, 3, None, OVER, ("none", "No quarter before")),
    ],
)
def test_trends(still_grows, value, before, now, expected):
    then = None if before is None else counted(before)
    assert Trend(still_grows)(counted(value), then, scope(now)) == Verdict(*expected)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1234, "calls", "1,234"),
        (12.64, "days", "12.6 days"),
        (1, "days", "1 day"),
        (76.470588, "percent", "76.5 %"),
        (-50, "percent", "−50 %"),
        (0, "count", "0"),
    ],
)
def test_values_in_words(value, unit, expected):
    assert written(value, unit) == expected


def test_what_was_before_is_told_in_the_unit_of_the_measure():
    judged = [one for one in METRICS if isinstance(one.judge, Trend | NoTarget)]
    assert len(judged) > 5
    assert [one.name for one in judged if UNITS[one.judge.unit] != UNITS[one.unit]] == []
    assert Trend(unit="percent")(counted(5), counted(33.4), scope(OVER)).text == (
        "Falling from 33.4 % in 2026 Q2"
    )
