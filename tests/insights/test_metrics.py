"""Every success metric is recomputed by SQL of its own on companies with a random past, and its parts add up."""

from datetime import date, timedelta

import pytest
from django.db import connection

from marketplace.insights.metrics import BY_NAME, METRICS
from marketplace.insights.metrics.durations import percentile, survival_median
from marketplace.insights.metrics.scope import SIGHTS, Scope
from marketplace.insights.quarters import Quarter
from tests.insights.histories import NOW, Company
from tests.insights.metric_queries import QUERIES, query
from tests.tiers import only

pytestmark = pytest.mark.django_db


def recomputed(metric, scope):
    """(numerator, denominator, value) by the metric's own SQL."""
    quarter = scope.quarter
    facts = {
        "start": quarter.start,
        "end": quarter.end,
        "begins": quarter.begins_at,
        "until": scope.until,
        "last_day": scope.last_day,
        "everything": scope.sight == "company",
        "start_before": quarter.previous.start,
        "year": quarter.previous.previous.previous.start,
    }
    with connection.cursor() as cursor:
        cursor.execute(query(metric.name), facts)
        above, below, value = cursor.fetchone()
    return int(above), below, None if value is None else pytest.approx(float(value))


def scopes():
    running = Quarter.of(NOW.date())
    return [
        Scope(quarter, NOW, sight)
        for quarter in (running, running.previous, running.previous.previous)
        for sight in SIGHTS
    ]


def test_every_metric_has_a_query_of_its_own():
    assert QUERIES.keys() == BY_NAME.keys()


@pytest.mark.parametrize("seed", only(range(6), 0))
def test_figures_are_what_other_sql_says(seed):
    Company(seed)
    for scope in scopes():
        for metric in METRICS:
            figure = metric.figure(scope, metric.rows(scope))
            counted = (figure.numerator, figure.denominator, figure.value)
            assert counted == recomputed(metric, scope), (metric.name, scope)


@pytest.mark.parametrize("seed", only(range(6, 9), 6))
def test_parts_add_up(seed):
    Company(seed)
    for scope in scopes():
        for metric in METRICS:
            rows = metric.rows(scope)
            whole = metric.figure(scope, rows)
            for by in ("unit", "team"):
                parts = metric.split(rows, by).values()
                assert sum(part.numerator for part in parts) == whole.numerator, metric.name
                below = [part.denominator for part in parts if part.denominator is not None]
                assert sum(below) == (whole.denominator or 0), metric.name


def test_a_company_in_which_nothing_happened_has_honest_blanks():
    for scope in scopes():
        for metric in METRICS:
            figure = metric.figure(scope, metric.rows(scope))
            verdict = metric.judge(figure, None, scope)
            assert figure.value in (None, 0), metric.name
            assert (figure.value is None) == bool(figure.reason), metric.name
            if figure.value is None:
                assert verdict.state == "none" and verdict.text == figure.reason
            else:
                assert verdict.state in ("none", "behind", "missed"), metric.name


def test_a_small_base_has_no_percentage():
    Company(3, teams=4, models=1)
    scope = Scope(Quarter.of(NOW.date()), NOW)
    metric = BY_NAME["freshness"]
    figure = metric.figure(scope, metric.rows(scope))
    assert figure.denominator in (0, 1)
    assert (figure.value, figure.reason) in [(None, "base < 3"), (None, "nothing to count")]


def test_figures_of_a_past_quarter_do_not_see_what_came_after():
    """The same quarter counted at its end and today."""
    company = Company(11)
    quarter = Quarter.of(NOW.date()).previous
    then = quarter.ends_at + timedelta(seconds=1)
    # What an approval, a state or a closed subscription was then is not known afterwards: the roll-up keeps it.
    depends_on_states = {"high-tier-reviewed", "time-to-integrate", "review-cycle", "rework"}
    assert company.models
    for metric in METRICS:
        if metric.name in depends_on_states:
            continue
        old = metric.figure(Scope(quarter, then), metric.rows(Scope(quarter, then)))
        new = metric.figure(Scope(quarter, NOW), metric.rows(Scope(quarter, NOW)))
        assert (old.numerator, old.denominator, old.value) == (
            new.numerator,
            new.denominator,
            new.value,
        ), metric.name


@pytest.mark.parametrize(
    ("ended", "going_on", "expected"),
    [
        ([], [], None),
        ([5], [], 5),
        ([3, 5, 9], [], 5),
        ([3, 5, 9, 12], [], 5),
        ([4], [10, 10, 10], None),
        # Five at risk: 1 - 1/5, then 4 are left of whom one goes on only until 6; at 8 one of two: 0.8 * 0.75 * 0.5.
        ([2, 5, 8], [6, 20], 8),
    ],
)
def test_the_median_counts_what_goes_on(ended, going_on, expected):
    assert survival_median(ended, going_on) == expected


def test_percentiles_lie_between_two_days():
    assert percentile([], 0.5) is None
    assert percentile([7], 0.9) == 7
    assert percentile([1, 2, 3, 4], 0.5) == 2.5
    assert percentile(list(range(11)), 0.9) == pytest.approx(9)


@pytest.mark.parametrize(
    ("begins", "of", "start", "end", "name"),
    [
        (1, "2026-08-19", "2026-07-01", "2026-10-01", "2026 Q3"),
        (1, "2026-12-31", "2026-10-01", "2027-01-01", "2026 Q4"),
        (4, "2026-01-31", "2026-01-01", "2026-04-01", "2026 Q4"),
        (2, "2026-01-15", "2025-11-01", "2026-02-01", "2026 Q4"),
        (10, "2026-11-30", "2026-10-01", "2027-01-01", "2027 Q1"),
    ],
)
def test_quarters_follow_the_fiscal_year(settings, begins, of, start, end, name):
    settings.FISCAL_YEAR_STARTS = begins
    quarter = Quarter.of(date.fromisoformat(of))
    assert (quarter.start, quarter.end, str(quarter)) == (
        date.fromisoformat(start),
        date.fromisoformat(end),
        name,
    )
    assert quarter.next.previous == quarter
