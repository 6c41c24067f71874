"""Amounts in tables: {{ amount|coins:"USD" }} 1,453.94, −1.56, – for nothing; the currency is in the head of the table."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import template

from marketplace.core.money import digits

register = template.Library()
MINUS, NOTHING = "\u2212", "\u2013"


@register.filter
def coins(amount: Decimal | None, currency: str) -> str:
    """With the currency's digits, without its name."""
    if not amount:
        return NOTHING
    text = f"{abs(amount):,.{digits(currency)}f}"
    return f"{MINUS}{text}" if amount < 0 else text


@register.filter
def at(values: Mapping[str, Any] | None, name: str) -> Any:
    """What a mapping has under a name that the page knows: {{ budgets|at:group.slug }}; None without."""
    return values.get(name) if values else None
