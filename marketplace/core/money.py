"""Money is exact in the database (integer micro-units for prices, Decimal for sums) and is rounded only where people read it.

An amount is shown with its currency's digits; one that is smaller than the smallest coin says so. A price for one unit may
have more digits than a coin: it is shown whole. Exports and the API carry exact amounts as decimal text.

What a page shows adds up: its sum is one of rounded lines, or its parts are shares of the rounded sum (docs/money.md).
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

MICROS = 1_000_000
# Digits after the point where they are not two: ISO 4217, list one.
_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS_OF = {
    currency: digits for digits, currencies in _DIGITS.items() for currency in currencies.split()
}


def to_micros(amount: Decimal | int) -> int:
    """Decimal currency units → int micro-units (half even)."""
    return int((Decimal(amount) * MICROS).to_integral_value(ROUND_HALF_EVEN))


def from_micros(micros: int) -> Decimal:
    """int micro-units → Decimal currency units, exact."""
    return Decimal(micros) / MICROS


def digits(currency: str) -> int:
    """How many digits after the point an amount of this currency has."""
    return _DIGITS_OF.get(currency, 2)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """What is charged for an exact amount: half to even, in the currency's digits."""
    return amount.quantize(Decimal(1).scaleb(-digits(currency)), ROUND_HALF_EVEN)


def split(total: int, weights: Sequence[int | Fraction]) -> list[int]:
    """`total` whole coins in proportion to the weights; what rounding down leaves goes to the largest remainders, first come first.

    Shares add up to `total`. Without any weight all are equal. https://en.wikipedia.org/wiki/Quota_method (Hamilton's).
    """
    weighed = [Fraction(weight) for weight in weights]
    if not any(weighed):
        weighed = [Fraction(1)] * len(weighed)
    whole = sum(weighed)
    exact = [total * weight / whole for weight in weighed]
    shares = [share.numerator // share.denominator for share in exact]
    order = sorted(range(len(exact)), key=lambda place: (shares[place] - exact[place], place))
    for place in order[: total - sum(shares)]:
        shares[place] += 1
    return shares


def split_amount(total: Decimal, currency: str, weights: Sequence[int | Fraction]) -> list[Decimal]:
    """The same for an amount, in the currency's smallest coins; what is less than a coin is rounded half to even first."""
    places = digits(currency)
    coins = int(rounded(total, currency).scaleb(places))
    return [Decimal(share).scaleb(-places) for share in split(coins, weights)]


def show_amount(amount: Decimal, currency: str) -> str:
    """For people: 10.900061 → "10.90 USD"; 0.0004 → "< 0.01 USD"; 1234.5 → "1,234 JPY" (half even)."""
    places = digits(currency)
    coin = Decimal(1).scaleb(-places)
    shown = rounded(amount, currency)
    if amount and not shown:
        return f"{'<' if amount > 0 else '>'} {coin if amount > 0 else -coin:f}\u00a0{currency}"
    return f"{shown:,.{places}f}\u00a0{currency}"


def show_price(amount: Decimal, currency: str) -> str:
    """For people: the price of something small, with all its digits but at least the currency's: "0.50 USD", "0.000125 USD"."""
    own = -int(amount.normalize().as_tuple().exponent)
    return f"{amount:,.{max(digits(currency), own)}f}\u00a0{currency}"
