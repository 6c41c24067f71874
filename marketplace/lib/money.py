"""Money is integer micro-units in the database and Decimal in code; rounded once, per statement line."""

from decimal import ROUND_HALF_EVEN, Decimal

MICROS = 1_000_000


def to_micros(amount):
    """Decimal currency units → int micro-units (half even)."""
    return int((Decimal(amount) * MICROS).to_integral_value(ROUND_HALF_EVEN))


def from_micros(micros):
    """int micro-units → Decimal currency units, exact."""
    return Decimal(micros) / MICROS


def line_amount(micros):
    """int micro-units → Decimal with two places, half even: the one rounding, at a statement line."""
    return from_micros(micros).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
