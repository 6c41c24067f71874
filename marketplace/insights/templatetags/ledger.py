"""How the value ledger is written for people.

{% load ledger %}
{{ amount|dollars }}  131,000   −11,000   1,250.50       {{ day|quarter }}  2026-Q3
{{ value|rounded }}  −15,000 (to thousands)              {{ pk|is_same:other }}
"""

from datetime import date
from decimal import Decimal

from django import template

from marketplace.insights.ledger import quarters, words

register = template.Library()


@register.filter
def dollars(value: Decimal | None) -> str:
    """Thousands in groups, cents only where there are some."""
    return words.amount(value)


@register.filter
def unsigned(value: Decimal) -> str:
    """The same without its sign."""
    return words.amount(abs(value))


@register.filter
def quarter(first: date) -> str:
    """The name of the quarter that begins on a day."""
    return quarters.name_of(first)


@register.filter
def rounded(value: float | None) -> str:
    """To whole thousands."""
    if value is None:
        return "–"
    whole = round(value / 1000) * 1000
    return f"−{abs(whole):,}" if whole < 0 else f"{whole:,}"


@register.filter
def is_same(number: object, other: object) -> bool:
    """Are both the same, and something?"""
    return bool(number) and number == other
