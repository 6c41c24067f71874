"""The statement of a month: what was called, at which price, and who paid; a line for each thing that was true then.

Lines are read from the day roll-ups, so page, CSV and API agree with them and with the events to the last unit
(consumption.metering.reconciliation). Amounts are exact here; pages show them to the currency's digits (docs/money.md).
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date
from decimal import Decimal

from django.db.models import F, Sum
from django.utils import timezone

from consumption.metering import measures
from consumption.metering.quota import next_period, period_start, periods_later
from consumption.models import UsageDay
from marketplace.core.spreadsheets import as_cell


@dataclass(frozen=True)
class Line:
    """One price of one application on one version in one month. `cost` = units × price ÷ 1 000, exact."""

    month: date
    business_unit: str
    team: str
    application: str
    model: str
    version: str
    plan: str
    business_unit_name: str
    team_name: str
    application_name: str
    model_name: str
    plan_name: str
    subscription: int
    calls: int
    ok: int
    client_errors: int
    upstream_errors: int
    aborted: int
    unknown: int
    units: int
    price_micros_per_1000: int
    currency: str
    cost: Decimal


_THINGS = {
    "unit": "business_unit",
    "team": "team",
    "application": "subscription__application",
    "model": "version__model",
    "plan": "terms__plan",
}
_LABELS = {
    **{
        f"{name}_{label}": F(f"{path}__{label}")
        for name, path in _THINGS.items()
        for label in ("slug", "name")
    },
    "version_number": F("version__number"),
    "price": F("terms__price_micros_per_1000"),
    "currency": F("terms__plan__currency"),
}
# By identity: two things of one name stay two lines.
_IDENTITY = ("business_unit", "team", "subscription", "version", "terms")


class Lines(Sequence):
    """The lines of one month that the person may see (their teams' calls, and those of their models), dearest first.

    Read when they are looked at: a slice is one query for its own lines, so that a page costs a page.
    """

    def __init__(self, user, month):
        self.month = month
        self._days = UsageDay.objects.visible_to(user).filter(
            day__gte=month, day__lt=next_period(month)
        )

    def __len__(self):
        return self._days.order_by().values(*_IDENTITY).distinct().count()

    def __getitem__(self, place):
        if isinstance(place, slice):
            return [self._line(row) for row in self._rows()[place]]
        return self._line(self._rows()[place])

    def __iter__(self):
        return map(self._line, self._rows())

    def totals(self):
        """{currency: Decimal} of all lines, exact."""
        summed = self._days.order_by().values_list("terms__plan__currency").annotate(Sum("cost"))
        return dict(sorted(summed))

    def _rows(self):
        counts = {f"n_{name}": Sum(name) for name in (*measures.COUNTS, "units", "cost")}
        summed = self._days.order_by().values(*_IDENTITY, **_LABELS).annotate(**counts)
        return summed.order_by("-n_cost", "-n_calls", *_IDENTITY)

    def _line(self, row):
        return Line(
            self.month,
            row["unit_slug"],
            row["team_slug"],
            row["application_slug"],
            row["model_slug"],
            row["version_number"],
            row["plan_slug"],
            *(row[f"{name}_name"] for name in _THINGS),
            row["subscription"],
            *(row[f"n_{name}"] for name in (*measures.COUNTS, "units")),
            row["price"],
            row["currency"],
            row["n_cost"],
        )


def as_csv(found):
    """The lines as CSV with a header; whole numbers, and costs with all nine decimals.

    A name that a spreadsheet would run as a formula has an apostrophe before it, as spreadsheets write text.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([field.name for field in fields(Line)])
    writer.writerows([f"{line.month:%Y-%m}", *map(as_cell, astuple(line)[1:])] for line in found)
    return text.getvalue()


def month(text):
    """The first day of "2026-11"; of the running month (UTC) for anything else, and for months to come."""
    now = period_start(timezone.now())
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text or ""):
        return now
    return min(now, date(max(2000, int(text[:4])), int(text[5:]), 1))


def months(count=6):
    """The first days of the running month (UTC) and those before it, newest first."""
    running = period_start(timezone.now())
    return [periods_later(running, -back) for back in range(count)]
