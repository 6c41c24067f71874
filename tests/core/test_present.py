"""How numbers, dates and states are written for people."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from marketplace.core.templatetags import formatting


@pytest.mark.parametrize(
    ("filter_name", "value", "shown"),
    [
        ("number", 12480, "12,480"),
        ("number", 0.5, "0.5"),
        ("number", None, "–"),
        ("compact", 12480, "12.5k"),
        ("compact", 1_283_221, "1.28M"),
        ("compact", 0, "0"),
        ("filesize", 999, "999 B"),
        ("filesize", 1_482_113, "1.48 MB"),
        ("ms", 240, "240 ms"),
        ("ms", 1200, "1.2 s"),
        ("us", 182_000, "182 ms"),
        ("us", None, "–"),
        ("percent", 0.9995, "99.95\u00a0%"),
        ("points", 100, "100\u00a0%"),
        ("points", None, "–"),
        ("initials", "Maya Ann Lindqvist", "ML"),
        ("initials", "", "?"),
        ("state_label", "changes_requested", "Changes requested"),
    ],
)
def test_a_value_is_written_with_its_unit(filter_name, value, shown):
    assert getattr(formatting, filter_name)(value) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("10.900061", "USD", "10.90"),
        ("1.25", "EUR", "1.25"),
        ("0", "USD", "0.00"),
        ("0.0004", "USD", "< 0.01"),
        ("-0.5", "USD", "-0.50"),
        ("-0.0004", "USD", "> -0.01"),
        ("1234567.005", "USD", "1,234,567.00"),
        ("0.015", "USD", "0.02"),
        ("1234.5", "JPY", "1,234"),
        ("0.4", "JPY", "< 1"),
        ("1.2345", "KWD", "1.234"),
        ("0.0004", "KWD", "< 0.001"),
        ("3.14159", "CLF", "3.1416"),
    ],
)
def test_an_amount_has_its_currencys_digits(amount, currency, shown):
    """Issue 9, A4: `10.900061 USD` is not an amount; less than a coin is not nothing."""
    assert formatting.money(Decimal(amount), currency) == f"{shown}\u00a0{currency}"


@pytest.mark.parametrize(
    ("micros", "currency", "shown"),
    [
        (500_000, "USD", "0.50"),
        (125, "USD", "0.000125"),
        (4_000_000, "JPY", "4"),
        (4_500_000, "JPY", "4.5"),
        (1_000_000_000, "KWD", "1,000.000"),
    ],
)
def test_a_price_of_something_small_keeps_all_its_digits(micros, currency, shown):
    """Issue 9, A4: a unit price may have more digits than a coin."""
    assert formatting.price(micros, currency) == f"{shown}\u00a0{currency}"


def test_amounts_of_several_currencies_are_not_added():
    assert (
        formatting.amounts({"EUR": Decimal("1.006"), "USD": Decimal("2")})
        == "1.01\u00a0EUR + 2.00\u00a0USD"
        and formatting.amounts({}) == "none"
    )


def test_a_time_says_its_zone():
    assert "23 Nov 2026, 12:31 UTC" in formatting.when(datetime(2026, 11, 23, 12, 31, tzinfo=UTC))


def test_one_call_is_not_one_calls():
    assert formatting.quantity(1, "call,calls") == "1 call"
    assert formatting.quantity(2, "call,calls") == "2 calls"


def test_every_tone_has_an_icon():
    states = ["approved", "deprecated", "rejected", "in_review", "stable", "draft"]
    assert all(formatting.state_icon(state) for state in states)
    assert formatting.tone("something nobody named") == "neutral"
