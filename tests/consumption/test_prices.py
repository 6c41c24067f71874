"""Prices: `consumption.plans.pricing` against an implementation that was written apart from it, call by call and day by day."""

import calendar
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from consumption.plans import pricing
from consumption.plans.pricing import Calls, Day, Price
from marketplace.core.errors import Invalid

NONE = pricing.NOTHING
MICROS = st.integers(0, 10**7)


def terms(kind, **values):
    return pricing.completed(NONE | {"price_kind": kind} | values)


@st.composite
def graduated(draw):
    uppers = sorted(draw(st.sets(st.integers(1, 40), min_size=1, max_size=4)))
    return terms("graduated", price_steps=[[upper, draw(MICROS)] for upper in [*uppers, None]])


PLANS = st.one_of(
    MICROS.map(lambda micros: terms("per_call", price_micros_per_1000=micros)),
    graduated(),
    st.builds(
        lambda fee, count, micros: terms(
            "included", monthly_fee_micros=fee, included_calls=count, price_micros_per_1000=micros
        ),
        MICROS,
        st.integers(1, 40),
        MICROS,
    ),
    st.integers(1, 10**9).map(lambda fee: terms("flat", monthly_fee_micros=fee)),
    st.builds(
        lambda cost, points: terms(
            "cost_plus", unit_cost_micros_per_1000=cost, markup_basis_points=points
        ),
        st.integers(1, 10**7),
        st.integers(0, 10_000),
    ),
)


def reference_call(plan, number):
    """What call number `number` of its month costs, in currency units: looked up, never summed."""
    kind = plan["price_kind"]
    if kind in ("free", "flat"):
        return Fraction(0)
    if kind == "included" and number <= plan["included_calls"]:
        return Fraction(0)
    if kind == "graduated":
        micros = next(
            price for upper, price in plan["price_steps"] if upper is None or number <= upper
        )
    elif kind == "cost_plus":
        exact = Fraction(
            plan["unit_cost_micros_per_1000"] * (10_000 + plan["markup_basis_points"]), 10_000
        )
        micros = round(exact)  # Python rounds half to even
    else:
        micros = plan["price_micros_per_1000"]
    return Fraction(micros, 10**6 * 1000)


def reference_fee(plan, days, month):
    """The fee of some days of a month: what is due by the end of a day, less what was due by its beginning."""
    length = calendar.monthrange(month.year, month.month)[1]
    billionths = plan["monthly_fee_micros"] * 1000
    due = [billionths * day // length for day in range(length + 1)]
    return Fraction(sum(due[day.day] - due[day.day - 1] for day in days), 10**9)


@given(parts=st.lists(st.tuples(PLANS, st.integers(0, 30)), max_size=6), before=st.integers(0, 50))
def test_calls_cost_what_each_of_them_costs_at_its_number(parts, before):
    amounts = pricing.price_period([Calls(Price.of(plan), units) for plan, units in parts], before)
    number = before
    for (plan, units), billionths in zip(parts, amounts, strict=True):
        single = [reference_call(plan, number + place) for place in range(1, units + 1)]
        assert Fraction(billionths, 10**9) == sum(single)
        number += units


@given(plan=PLANS, units=st.lists(st.integers(0, 20), max_size=8))
def test_however_calls_are_split_they_cost_the_same(plan, units):
    price = Price.of(plan)
    split = pricing.price_period([Calls(price, count) for count in units])
    assert sum(split) == sum(pricing.price_period([Calls(price, sum(units))]))


@given(
    plan=PLANS,
    month=st.dates(date(2024, 1, 1), date(2028, 12, 1)).map(lambda day: day.replace(day=1)),
    held=st.sets(st.integers(0, 30)),
)
def test_a_fee_is_spread_over_the_days_that_are_held(plan, month, held):
    length = calendar.monthrange(month.year, month.month)[1]
    days = [month + timedelta(days=place) for place in sorted(held) if place < length]
    charged = pricing.price_period([Day(Price.of(plan), day) for day in days])
    assert Fraction(sum(charged), 10**9) == reference_fee(plan, days, month)
    if len(days) == length:
        assert sum(charged) == plan["monthly_fee_micros"] * 1000, "to the last billionth"


@given(plan=PLANS, units=st.integers(0, 60))
def test_the_calculators_month_is_the_fee_and_all_its_calls(plan, units):
    month = date(2026, 2, 1)
    days = [month + timedelta(days=place) for place in range(28)]
    calls = sum(reference_call(plan, number) for number in range(1, units + 1))
    expected = calls + reference_fee(plan, days, month)
    assert Fraction(pricing.price_month(Price.of(plan), units), 10**9) == expected


@given(before=PLANS, after=PLANS)
@effort(max_examples=200)
def test_a_price_is_dearer_when_some_number_of_calls_costs_more(before, after):
    old, new = Price.of(before), Price.of(after)
    somewhere = any(
        pricing.price_month(new, units) > pricing.price_month(old, units)
        for units in [*range(90), 10**9, 10**13]
    )
    assert pricing.is_dearer(old, new) == somewhere


@given(plan=PLANS, first=st.integers(0, 60), units=st.integers(0, 60))
def test_the_steps_of_a_line_add_up_to_it(plan, first, units):
    price = Price.of(plan)
    steps = pricing.step_amounts(price, first, first + units)
    [total] = pricing.price_period([Calls(price, units)], first)
    assert sum(counted for _, counted, _, _ in steps) == units
    assert sum(billionths for *_, billionths in steps) == total


def test_the_figures_of_the_specification():
    """1,250,345 calls at 0 / 1.20 / 0.80 cost 1,388.276, which a statement rounds to 1,388.28."""
    price = Price.of(
        terms("graduated", price_steps=[[10_000, 0], [1_000_000, 1_200_000], [None, 800_000]])
    )
    assert f"{pricing.amount(pricing.price_month(price, 1_250_345)):.3f}" == "1388.276"


@pytest.mark.parametrize(
    "kind, values, field",
    [
        ("graduated", {}, "price_steps"),
        ("graduated", {"price_steps": [[None, 5]]}, "price_steps"),
        ("graduated", {"price_steps": [[10, 5], [10, 4], [None, 3]]}, "price_steps"),
        ("graduated", {"price_steps": [[10, 5], [20, 4]]}, "price_steps"),
        ("graduated", {"price_steps": [[10, -1], [None, 4]]}, "price_steps"),
        ("graduated", {"price_steps": [[True, 1], [None, 4]]}, "price_steps"),
        ("included", {"monthly_fee_micros": 5}, "included_calls"),
        ("flat", {}, "monthly_fee_micros"),
        ("cost_plus", {"markup_basis_points": 5}, "unit_cost_micros_per_1000"),
        (
            "cost_plus",
            {"unit_cost_micros_per_1000": 10**12, "markup_basis_points": 1},
            "unit_cost_micros_per_1000",
        ),
    ],
)
def test_a_price_that_says_nothing_is_refused_by_its_field(kind, values, field):
    with pytest.raises(Invalid) as refusal:
        terms(kind, **values)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "values, words",
    [
        (terms("free"), "free"),
        (terms("per_call", price_micros_per_1000=4_000_000), "4.00 USD per 1,000 calls"),
        (
            terms("graduated", price_steps=[[10_000, 0], [10**6, 1_200_000], [None, 800_000]]),
            "to 10,000 free, to 1,000,000 1.20 USD, above 0.80 USD per 1,000 calls",
        ),
        (
            terms(
                "included",
                monthly_fee_micros=250_000_000,
                included_calls=1000,
                price_micros_per_1000=4_000_000,
            ),
            "250.00 USD a month with 1,000 calls, then 4.00 USD per 1,000 calls",
        ),
        (terms("flat", monthly_fee_micros=250_000_000), "250.00 USD a month, all calls included"),
        (
            terms("cost_plus", unit_cost_micros_per_1000=3_200_000, markup_basis_points=2500),
            "4.00 USD per 1,000 calls (cost 3.20 USD plus 25 %)",
        ),
    ],
)
def test_each_kind_in_words(values, words):
    assert pricing.in_words(values, "USD").replace("\u00a0", " ") == words
