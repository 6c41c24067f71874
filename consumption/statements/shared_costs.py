"""The lines of the platform's shared costs of a month."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from django.db import connection
from django.db.models import Q

from consumption.metering.quota import next_period
from consumption.models import SharedCost
from consumption.statements import lines as statement_lines
from marketplace.core.money import from_micros, split_amount


@dataclass(frozen=True)
class Weight:
    """How much one cost centre of a team used in a month."""

    unit: int
    unit_slug: str
    team: int
    cost_centre: str
    calls: int
    subscriptions: int


def in_month(month: date) -> list[SharedCost]:
    """The shared costs that hold in a month."""
    holds = Q(until_month=None) | Q(until_month__gt=month)
    return list(SharedCost.objects.filter(holds, from_month__lte=month))


def weights_of(month: date) -> list[Weight]:
    """A Weight of each cost centre of each team that used something."""
    with connection.cursor() as cursor:
        cursor.execute(statement_lines.WEIGHTS, {"since": month, "until": next_period(month)})
        return [Weight(*row) for row in cursor.fetchall()]


def lines_of(month: date) -> list[dict[str, object]]:
    """The lines of a month's shared costs, as statement_lines.OPEN takes them; none while nobody used anything."""
    costs = in_month(month)
    weights = weights_of(month) if costs else []
    return [line for cost in costs for line in _lines(cost, weights)] if weights else []


def _lines(cost: SharedCost, weights: list[Weight]) -> list[dict[str, object]]:
    """First among the units, then each unit's part among its teams' cost centres: so it adds up on every page."""
    units = list({weight.unit: weight.unit_slug for weight in weights}.items())
    of_unit = {unit: [one for one in weights if one.unit == unit] for unit, _ in units}
    shares = [
        Fraction(str(cost.shares.get(slug, 0)))
        if cost.method == SharedCost.Method.FIXED
        else sum((_weight(cost, one) for one in of_unit[unit]), Fraction())
        if cost.method != SharedCost.Method.EVEN
        else Fraction(1)
        for unit, slug in units
    ]
    total = from_micros(cost.amount_micros)
    lines = []
    amounts = split_amount(total, cost.currency, shares)
    for (unit, _), share, amount in zip(units, shares, amounts, strict=True):
        inside = of_unit[unit]
        parts = split_amount(amount, cost.currency, [_weight(cost, one) for one in inside])
        words = _words(cost, share, sum(shares, Fraction()))
        lines += [
            {
                "cost_centre": one.cost_centre,
                "business_unit_id": unit,
                "team_id": one.team,
                "currency": cost.currency,
                "amount": str(part),
                "description": words,
                "ref": cost.pk,
            }
            for one, part in zip(inside, parts, strict=True)
        ]
    return lines


def _weight(cost: SharedCost, one: Weight) -> Fraction:
    if cost.method == SharedCost.Method.CALLS:
        return Fraction(one.calls)
    if cost.method == SharedCost.Method.SUBSCRIPTIONS:
        return Fraction(one.subscriptions)
    return Fraction(1)


def _words(cost: SharedCost, share: Fraction, whole: Fraction) -> str:
    total = f"{cost.name}: {from_micros(cost.amount_micros):,.2f} {cost.currency}"
    if cost.method == SharedCost.Method.FIXED:
        return f"{total}, {float(share):g} % to this unit"
    if cost.method == SharedCost.Method.EVEN:
        return f"{total}, split evenly among {whole} units"
    unit = "billed calls" if cost.method == SharedCost.Method.CALLS else "subscriptions in use"
    return f"{total}, split by {unit}: {int(share):,} of {int(whole):,} in this unit"
