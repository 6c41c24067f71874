"""The charges of a month as FOCUS 1.2 (https://focus.finops.org/focus-specification/v1-2/): one row for a line, or for each step of its price.

ListCost and ContractedCost are exact: unit price × quantity. BilledCost and EffectiveCost are what is charged, rounded as on the
statement; where a line has several rows its rounded amount is split by the largest remainder, so that the file adds up to the
statement. Columns that begin with `x_` are the marketplace's own. docs/statements.md says what maps to what.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from consumption.metering.quota import next_period
from consumption.models import ChargeKind
from consumption.statements import drilldown
from consumption.statements.statement import Line, Lines
from marketplace.core.money import from_micros
from marketplace.core.spreadsheets import as_cell

ORGANISATION = "Model Marketplace"
SERVICE_CATEGORY, SERVICE_SUBCATEGORY = "AI and Machine Learning", "Machine Learning"
PLATFORM = "Platform"
COLUMNS = (
    "BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency BillingPeriodEnd BillingPeriodStart"
    " ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart ConsumedQuantity ConsumedUnit"
    " ContractedCost ContractedUnitPrice EffectiveCost InvoiceId InvoiceIssuerName ListCost ListUnitPrice PricingCategory"
    " PricingQuantity PricingUnit ProviderName PublisherName ResourceId ResourceName ResourceType ServiceCategory ServiceName"
    " ServiceSubcategory SkuId SkuPriceId SubAccountId SubAccountName SubAccountType Tags x_ChargeLineId x_Chargeback"
    " x_CorrectedMonth x_CostCentre x_ModelVersion"
).split()


# What people typed: a spreadsheet must not run it.
TYPED = ("ChargeDescription", "ResourceName", "ServiceName", "SubAccountName", "x_CostCentre")


@dataclass(frozen=True)
class Priced:
    """A part of a line at one unit price: so many pricing units, and the calls that they are."""

    suffix: str
    quantity: Decimal | None
    unit: str
    unit_price: Decimal | None
    cost: Decimal
    billed: Decimal
    calls: int | None


def as_csv(lines: Lines, *, is_closed: bool) -> str:
    """The lines of a month as FOCUS CSV with a header; null is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for row in rows(lines, lines.month, is_closed=is_closed):
        writer.writerow(row | {name: as_cell(row[name]) for name in TYPED})
    return text.getvalue()


def rows(lines: Iterable[Line], month: date, *, is_closed: bool) -> Iterator[dict[str, str]]:
    """{column: text} of each row."""
    for line in lines:
        for priced in _priced(line, month):
            yield _row(line, priced, month, is_closed)


def _priced(line: Line, month: date) -> list[Priced]:
    if line.kind in (ChargeKind.FEE, ChargeKind.PLATFORM):
        return [Priced("", Decimal(1), "Months", line.cost, line.cost, line.amount, None)]
    if line.kind != ChargeKind.USAGE:
        return [Priced("", None, "", None, line.cost, line.amount, None)]
    steps = drilldown.steps_of(line, month)
    if steps:
        return [
            _calls(f"-step-{place}", step.units, step.micros, step.amount)
            for place, step in enumerate(steps, 1)
            if step.units or len(steps) == 1
        ] or [_calls("", 0, 0, line.amount)]
    return [_calls("", line.units, line.price_micros_per_1000 or 0, line.amount)]


def _calls(suffix: str, calls: int, micros: int, billed: Decimal) -> Priced:
    quantity, price = Decimal(calls) / 1000, from_micros(micros)
    return Priced(suffix, quantity, "1000 Requests", price, quantity * price, billed, calls)


def _row(line: Line, priced: Priced, month: date, is_closed: bool) -> dict[str, str]:
    is_mending = line.kind in (ChargeKind.CORRECTION, ChargeKind.ADJUSTMENT)
    is_calls = line.kind in (ChargeKind.USAGE, ChargeKind.CORRECTION)
    start, end = _moment(month), _moment(next_period(month))
    about = line.about or month
    sku = f"{line.model}/{line.plan}" if line.plan else "platform"
    return {
        "BilledCost": _number(priced.billed),
        "BillingAccountId": "organisation",
        "BillingAccountName": ORGANISATION,
        "BillingAccountType": "Organisation",
        "BillingCurrency": line.currency,
        "BillingPeriodEnd": end,
        "BillingPeriodStart": start,
        "ChargeCategory": _category(line),
        "ChargeClass": "Correction" if is_mending else "",
        "ChargeDescription": _description(line),
        "ChargeFrequency": _frequency(line),
        "ChargePeriodEnd": _moment(next_period(about)),
        "ChargePeriodStart": _moment(about),
        "ConsumedQuantity": "" if priced.calls is None else str(priced.calls),
        "ConsumedUnit": "" if priced.calls is None else "Requests",
        "ContractedCost": _number(priced.cost),
        "ContractedUnitPrice": _number(priced.unit_price),
        "EffectiveCost": _number(priced.billed),
        "InvoiceId": f"{month:%Y-%m}/{line.business_unit}" if is_closed else "",
        "InvoiceIssuerName": ORGANISATION,
        "ListCost": _number(priced.cost),
        "ListUnitPrice": _number(priced.unit_price),
        "PricingCategory": "" if is_mending else "Standard",
        "PricingQuantity": _number(priced.quantity),
        "PricingUnit": priced.unit,
        "ProviderName": ORGANISATION,
        "PublisherName": ORGANISATION,
        "ResourceId": str(line.subscription or ""),
        "ResourceName": f"{line.application_name}: {line.model_name}" if line.subscription else "",
        "ResourceType": "Subscription" if line.subscription else "",
        "ServiceCategory": SERVICE_CATEGORY,
        "ServiceName": line.model_name or PLATFORM,
        "ServiceSubcategory": SERVICE_SUBCATEGORY,
        "SkuId": "" if is_mending and not is_calls else sku,
        "SkuPriceId": "" if is_mending else f"{sku}{priced.suffix}",
        "SubAccountId": line.business_unit,
        "SubAccountName": line.business_unit_name,
        "SubAccountType": "Business unit",
        "Tags": _tags(line),
        "x_ChargeLineId": line.key,
        "x_Chargeback": "true" if line.is_charged else "false",
        "x_CorrectedMonth": f"{line.about:%Y-%m}" if line.about else "",
        "x_CostCentre": line.cost_centre,
        "x_ModelVersion": line.version,
    }


def _category(line: Line) -> str:
    if line.kind in (ChargeKind.USAGE, ChargeKind.CORRECTION):
        return "Usage"
    return "Credit" if line.kind == ChargeKind.ADJUSTMENT else "Purchase"


def _frequency(line: Line) -> str:
    if line.kind in (ChargeKind.FEE, ChargeKind.PLATFORM):
        return "Recurring"
    return "One-Time" if line.kind == ChargeKind.ADJUSTMENT else "Usage-Based"


def _description(line: Line) -> str:
    if line.description:
        return line.description
    what = "Monthly fee" if line.kind == ChargeKind.FEE else "Calls"
    return (
        f"{what}: {line.model_name} {line.version}, {line.plan_name} plan, {line.application_name}"
    )


def _tags(line: Line) -> str:
    tags = {"application": line.application, "cost_centre": line.cost_centre, "team": line.team}
    return json.dumps({name: value for name, value in tags.items() if value}, sort_keys=True)


def _number(value: Decimal | None) -> str:
    """Digits and a point: no exponent, no separators."""
    if value is None:
        return ""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _moment(day: date) -> str:
    return f"{day:%Y-%m-%d}T00:00:00Z"
