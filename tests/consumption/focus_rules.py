"""FOCUS 1.2 as a check: the mandatory columns and the requirements on the columns that we export, from the published specification.

The package `focus-validator` that the index offers (1.0.0) knows FOCUS 0.5 only; this is not it. Each rule cites its column's page at
https://focus.finops.org/focus-specification/v1-2/.
"""

import csv
import io
import json
import re
from datetime import datetime
from decimal import Decimal

MANDATORY = (
    "BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory ChargeClass"
    " ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuerName ListCost PricingQuantity"
    " PricingUnit ProviderName PublisherName ServiceCategory ServiceName"
).split()
NEVER_NULL = [
    name for name in MANDATORY if name not in ("ChargeClass", "PricingQuantity", "PricingUnit")
]
DECIMALS = (
    "BilledCost ConsumedQuantity ContractedCost ContractedUnitPrice EffectiveCost ListCost ListUnitPrice PricingQuantity"
).split()
MOMENTS = "BillingPeriodEnd BillingPeriodStart ChargePeriodEnd ChargePeriodStart".split()
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"", "Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"", "Standard", "Dynamic", "Committed", "Other"},
    "ServiceCategory": {"AI and Machine Learning"},
    "ServiceSubcategory": {"Machine Learning"},
}
NUMBER = re.compile(
    r"-?[0-9]+(\.[0-9]+)?"
)  # NumericFormat: no separators, no sign +, no exponent here
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")  # DateTimeFormat
COLUMN = re.compile(r"(x_)?[A-Z][A-Za-z0-9]{0,49}")


def problems(text):
    """[sentence] of what breaks a rule; [] for a file that keeps them all."""
    reader = csv.DictReader(io.StringIO(text))
    names = reader.fieldnames or []
    found = [f"{name} is missing" for name in MANDATORY if name not in names]
    found += [f"{name} is no column name" for name in names if not COLUMN.fullmatch(name)]
    found += ["a column comes twice"] * (len(set(names)) != len(names))
    for place, row in enumerate(reader, 2):
        found += [f"row {place}: {problem}" for problem in _row(row)]
    return found


def _row(row):
    yield from (f"{name} is null" for name in NEVER_NULL if not row[name])
    yield from (
        f"{name} is no number" for name in DECIMALS if row[name] and not NUMBER.fullmatch(row[name])
    )
    yield from (f"{name} is no moment" for name in MOMENTS if not MOMENT.fullmatch(row[name]))
    yield from (
        f"{name} may not be {row[name]}"
        for name, values in ALLOWED.items()
        if row[name] not in values
    )
    if not re.fullmatch("[A-Z]{3}", row["BillingCurrency"]):
        yield "BillingCurrency is no ISO 4217 code"
    for period in ("BillingPeriod", "ChargePeriod"):
        start, end = (datetime.fromisoformat(row[f"{period}{edge}"]) for edge in ("Start", "End"))
        if start >= end:
            yield f"{period} ends before it starts"
    yield from _prices(row)
    yield from _accounts(row)


def _prices(row):
    is_correction = row["ChargeClass"] == "Correction"
    is_priced = row["ChargeCategory"] in ("Usage", "Purchase") and not is_correction
    priced = "PricingQuantity PricingUnit ListUnitPrice ContractedUnitPrice PricingCategory SkuId SkuPriceId"
    if is_priced:
        yield from (f"{name} is null" for name in priced.split() if not row[name])
    if bool(row["PricingQuantity"]) != bool(row["PricingUnit"]):
        yield "PricingQuantity and PricingUnit come together"
    for name in ("ListUnitPrice", "ContractedUnitPrice"):
        if not row[name]:
            continue
        cost = row[name.replace("UnitPrice", "Cost")]
        if Decimal(row[name]) < 0:
            yield f"{name} is negative"
        if not is_correction and Decimal(row[name]) * Decimal(row["PricingQuantity"]) != Decimal(
            cost
        ):
            yield f"{name} × PricingQuantity is not the cost"
    if row["ConsumedQuantity"] and row["ChargeCategory"] != "Usage":
        yield "only usage is consumed"
    if bool(row["ConsumedQuantity"]) != bool(row["ConsumedUnit"]):
        yield "ConsumedQuantity and ConsumedUnit come together"
    if row["ChargeCategory"] == "Usage" and not is_correction and not row["ConsumedQuantity"]:
        yield "ConsumedQuantity is null"
    if row["ChargeCategory"] == "Credit" and row["EffectiveCost"] != row["BilledCost"]:
        yield "the EffectiveCost of a credit is its BilledCost"


def _accounts(row):
    if bool(row["SubAccountId"]) != bool(row["SubAccountType"]):
        yield "SubAccountId and SubAccountType come together"
    if bool(row["ResourceId"]) != bool(row["ResourceType"]):
        yield "ResourceId and ResourceType come together"
    if row["SkuPriceId"] and not row["SkuId"]:
        yield "SkuPriceId has no SkuId"
    tags = json.loads(row["Tags"]) if row["Tags"] else {}
    if not isinstance(tags, dict) or any(isinstance(value, dict | list) for value in tags.values()):
        yield "Tags is no object of plain values"
