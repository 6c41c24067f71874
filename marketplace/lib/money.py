"""Money is integer micro-units in the database and Decimal in code."""

from decimal import ROUND_HALF_EVEN, Decimal

MICROS = 1_000_000


def to_micros(amount: Decimal | int) -> int:
    """Decimal currency units → int micro-units (half even)."""
    return int((Decimal(amount) * MICROS).to_integral_value(ROUND_HALF_EVEN))


def from_micros(micros: int) -> Decimal:
    """int micro-units → Decimal currency units, exact."""
    return Decimal(micros) / MICROS
