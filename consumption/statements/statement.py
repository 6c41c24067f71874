"""The statement of a month: who pays what for what, line by line, while the month is open and after it was closed.

Lines of an open month are read from roll-ups and fees, those of a closed one from what was charged (consumption.statements.lines), so
page, CSV, API and FOCUS export agree. A line's `cost` is exact; its `amount` is rounded half to even to the currency's digits, and
sums are sums of amounts, so that the parts of every page add up (docs/statements.md).
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db import connection
from django.utils import timezone

from consumption.metering.quota import next_period, period_start, periods_later
from consumption.models import OVERSEES, ChargeKind, ClosedMonth
from consumption.plans import pricing
from consumption.statements import lines as statement_lines
from consumption.statements import shared_costs
from marketplace.accounts.models import User
from marketplace.core.spreadsheets import as_cell


@dataclass(frozen=True)
class Line:
    """One line of a month: calls of one application on one version at one price, a fee, a correction, or a share of a cost."""

    key: str
    kind: str
    cost_centre: str
    business_unit_id: int
    team_id: int
    subscription: int | None
    version_id: int | None
    terms_id: int | None
    about: date | None
    calls: int
    ok: int
    client_errors: int
    upstream_errors: int
    aborted: int
    unknown: int
    units: int
    currency: str
    cost: Decimal
    amount: Decimal
    description: str
    is_charged: bool
    business_unit: str
    business_unit_name: str
    team: str
    team_name: str
    application: str
    application_name: str
    model: str
    model_name: str
    version: str
    plan: str
    plan_name: str
    price_kind: str
    price_micros_per_1000: int | None
    price: str
    price_terms: Mapping[str, Any]

    @property
    def whose(self) -> str:
        """ "Loan origination of Mortgage origination, Mortgage, cost centre MO-200"."""
        team = (
            f"{self.application_name} of {self.team_name}" if self.application else self.team_name
        )
        centre = f", cost centre {self.cost_centre}" if self.cost_centre else ""
        return f"{team}, {self.business_unit_name}{centre}"

    @property
    def paid_by(self) -> str:
        """The team, unless the application's name stands alone above, its unit and its cost centre."""
        team = f"{self.team_name}, " if self.application else ""
        centre = f" · {self.cost_centre}" if self.cost_centre else ""
        return f"{team}{self.business_unit_name}{centre}"

    @property
    def kind_label(self) -> str:
        return str(ChargeKind(self.kind).label)


# Of a CSV and of the API, after the month.
FIELDS = (
    "kind business_unit team cost_centre application model version plan business_unit_name team_name application_name model_name"
    " plan_name subscription calls ok client_errors upstream_errors aborted unknown units price_kind price_micros_per_1000 price"
    " currency cost amount is_charged about description key"
).split()
# What lines are summed by: (the columns that tell, the columns that people read).
GROUPS = {
    "unit": ("unit.slug", "unit.name"),
    "team": ("team.slug", "team.name"),
    "cost_centre": ("line.cost_centre", "line.cost_centre"),
}
# Places in a row of statement_lines.NAMED: so many columns of the line itself, of them the currency.
FACTS, CURRENCY = 21, 16
KINDS = [kind.value for kind in ChargeKind]
USED = f"WHERE line.kind = '{ChargeKind.USAGE.value}'"
DEAREST_FIRST = "ORDER BY amount DESC, units DESC, line.key"


@dataclass(frozen=True)
class Group:
    """One business unit, team or cost centre of a month in one currency: what it pays, by kind; the kinds add up to `total`.

    lines, units, usage_cost  how many lines; what was called, in units, and its exact cost before rounding.
    """

    slug: str
    name: str
    currency: str
    is_charged: bool
    usage: Decimal
    fee: Decimal
    correction: Decimal
    platform: Decimal
    adjustment: Decimal
    total: Decimal
    lines: int = 0
    units: int = 0
    usage_cost: Decimal = Decimal()

    @property
    def corrections(self) -> Decimal:
        """What mends earlier months."""
        return self.correction + self.adjustment


class Statement:
    """A month as somebody may see it: their teams' lines; all for those who oversee. `user` None: all."""

    def __init__(self, user: User | None, month: date) -> None:
        self.month = month
        sees_all = user is None or user.has_role(*OVERSEES)
        self.teams = None if user is None or sees_all else list(user.team_ids())

    @cached_property
    def closed(self) -> ClosedMonth | None:
        return ClosedMonth.objects.select_related("closed_by").filter(month=self.month).first()

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        platform = [] if self.closed else shared_costs.lines_of(self.month)
        until = next_period(self.month)
        return statement_lines.parameters(self.month, until, self.teams, json.dumps(platform))

    def lines(self, **chosen: str) -> "Lines":
        """The lines, dearest first; `chosen`: {a key of GROUPS, or "key": its slug}."""
        return Lines(self, chosen)

    def lines_of(self, groups: Sequence[Group], **chosen: str) -> "Lines":
        """The same, of groups that were read by the same choice and know how many lines there are."""
        return Lines(self, chosen, sum(group.lines for group in groups))

    def groups(self, by: str, **chosen: str) -> list[Group]:
        """A Group of each of GROUPS[by], by name. One query."""
        slug, name = GROUPS[by]
        sums = ", ".join(
            f"coalesce(sum(amount) FILTER (WHERE line.kind = '{kind}'), 0)" for kind in KINDS
        )
        where, values = self._where(chosen)
        rows = self._read(
            f"SELECT {slug}, {name}, line.currency, bool_and(is_charged), {sums}, sum(amount), count(*),"
            f" coalesce(sum(units) FILTER ({USED}), 0)::bigint, coalesce(sum(cost) FILTER ({USED}), 0)"
            f" {self._named()} {where} GROUP BY 1, 2, 3 ORDER BY 2, 3",
            values,
        )
        return [Group(*row) for row in rows]

    def totals(self, **chosen: str) -> dict[tuple[str, bool], Decimal]:
        """{(currency, is it charged back): sum of the amounts}."""
        where, values = self._where(chosen)
        rows = self._read(
            f"SELECT line.currency, is_charged, sum(amount) {self._named()} {where} GROUP BY 1, 2 ORDER BY 1, 2",
            values,
        )
        return {(currency, charged): amount for currency, charged, amount in rows}

    def _where(self, chosen: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        columns = {name: slug for name, (slug, _) in GROUPS.items()} | {"key": "line.key"}
        conditions = [f"{columns[name]} = %(chosen_{name})s" for name in chosen]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return where, {f"chosen_{name}": value for name, value in chosen.items()}

    def _named(self, end: str = "") -> str:
        """FROM … JOIN …, of all lines, or of those that `end` (an order and a limit) leaves."""
        named = statement_lines.NAMED[statement_lines.NAMED.index("FROM") :]
        lines = statement_lines.of_month(self.closed is not None, self.teams)
        return named.format(lines=f"SELECT * FROM ({lines}) line {end}" if end else lines)

    def _read(self, text: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(text, {**self._parameters, **values})
            return cursor.fetchall()


class Lines(Sequence[Line]):
    """Lines of a statement, read when they are looked at: a slice is one query for its own lines, so that a page costs a page."""

    def __init__(
        self, statement: Statement, chosen: Mapping[str, str], count: int | None = None
    ) -> None:
        self.month = statement.month
        self._count = count
        self._statement = statement
        self._where, self._values = statement._where(chosen)

    def __len__(self) -> int:
        if self._count is None:
            [(count,)] = self._statement._read(
                f"SELECT count(*) {self._statement._named()} {self._where}", self._values
            )
            self._count = int(count)
        return self._count

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            start, stop, _ = place.indices(2**31)
            return self._lines(start, stop - start)
        found = self._lines(place, 1)
        if not found:
            raise IndexError(place)
        return found[0]

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines(0, None))

    def _lines(self, start: int, count: int | None) -> list[Line]:
        columns = statement_lines.NAMED[: statement_lines.NAMED.index("FROM")]
        end = f"{DEAREST_FIRST} OFFSET {start} {'' if count is None else f'LIMIT {count}'}"
        # Without a choice, names are looked up for the lines of the page alone.
        text = (
            f"{columns} {self._statement._named()} {self._where} {end}"
            if self._where
            else f"{columns} {self._statement._named(end)} {DEAREST_FIRST}"
        )
        return [_line(row) for row in self._statement._read(text, self._values)]


def _line(row: tuple[Any, ...]) -> Line:
    *facts, kind, micros, fee, included, steps, unit_cost, markup = row
    steps = json.loads(steps) if isinstance(steps, str) else steps
    terms = dict(
        zip(pricing.FIELDS, (kind, micros, fee, included, steps, unit_cost, markup), strict=True)
    )
    named = [value or "" for value in facts[FACTS:]]
    price = pricing.in_words(terms, facts[CURRENCY]) if kind else ""
    values: list[Any] = [*facts[:FACTS], *named, kind or "", micros, price, terms if kind else {}]
    return Line(*values)


def as_row(line: Line, month: date) -> dict[str, Any]:
    """A line as CSV and API give it."""
    row = {name: getattr(line, name) for name in FIELDS}
    row["about"] = f"{line.about:%Y-%m}" if line.about else ""
    return {"month": f"{month:%Y-%m}"} | row


def as_csv(lines: Lines) -> str:
    """The lines as CSV with a header; whole numbers, and costs with all nine decimals.

    A name that a spreadsheet would run as a formula has an apostrophe before it, as spreadsheets write text.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["month", *FIELDS])
    writer.writerows(map(as_cell, as_row(line, lines.month).values()) for line in lines)
    return text.getvalue()


def month(text: str | None) -> date:
    """The first day of "2026-11"; of the running month (UTC) for anything else, and for months to come."""
    now = period_start(timezone.now())
    return min(now, first_of(text) or now)


def first_of(text: str | None) -> date | None:
    """The first day of "2026-11"; None for what is no month."""
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text or ""):
        return None
    return date(max(2000, int((text or "")[:4])), int((text or "")[5:]), 1)


def months(count: int = 6) -> list[date]:
    """The first days of the running month (UTC) and those before it, newest first."""
    running = period_start(timezone.now())
    return [periods_later(running, -back) for back in range(count)]
