"""The inventory as CSV: the columns of the import, and what pages decide (docs/inventory.md, "CSV")."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from marketplace.core.spreadsheets import as_cell
from marketplace.insights.inventory.reading import COLUMNS
from marketplace.insights.models import ProductionModel, Standing

HEAD = (*COLUMNS, "state", "standing", "published_as")


def written(entries: Iterable[Any]) -> str:
    """A line for each entry (with_standing). What a spreadsheet would run as a formula has an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    for entry in entries:
        writer.writerow(map(as_cell, _cells(entry, entry.standing)))
    return text.getvalue()


def _cells(entry: ProductionModel, standing: str) -> tuple[Any, ...]:
    is_listed = standing == Standing.PUBLISHED and entry.published_as
    return (
        entry.name,
        entry.business_unit.slug,
        entry.owner_team.slug if entry.owner_team else "",
        entry.owner.username if entry.owner else "",
        entry.risk_tier,
        entry.in_production_since.isoformat() if entry.in_production_since else "",
        entry.registry_name,
        entry.description,
        entry.state,
        standing,
        entry.published_as.slug if is_listed and entry.published_as else "",
    )
