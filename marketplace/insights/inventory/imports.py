"""What an import would do, row by row, and the verbs that keep, apply or discard it (docs/inventory.md, "Import")."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.audit.actions import record
from marketplace.core import names
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.insights.inventory import actions, reading
from marketplace.insights.inventory.permissions import can_keep
from marketplace.insights.inventory.reading import Problem, Row
from marketplace.insights.models import ImportKind, InventoryImport, ProductionModel, RiskTier
from marketplace.insights.models.inventory import NAME_MAX

MOST_WAITING = 50  # of a person


@dataclass(frozen=True)
class Addition:
    """A production model that the import adds: its facts as actions.add takes them."""

    row: int
    facts: dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A production model that the import changes: the facts that differ."""

    row: int
    entry: ProductionModel
    facts: dict[str, Any]


@dataclass
class Preview:
    """What an import would do. Nothing is imported while there are `problems`: all or nothing."""

    additions: list[Addition] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def may_apply(self) -> bool:
        return not self.problems and bool(self.additions or self.changes)


@transaction.atomic
def keep(
    by: User, *, kind: str, text: str, business_unit: BusinessUnit | None = None
) -> InventoryImport:
    """Keep a file as it came, to be looked at. Returns the InventoryImport. Raises NotAllowed, Invalid, RuleError."""
    require(can_keep(by), *actions.KEEPERS)
    if kind not in ImportKind.values:
        raise Invalid(f"Choose one of {', '.join(ImportKind.values)}.", field="kind")
    if not text.strip():
        raise Invalid("Give a file, or paste its text.", field="text")
    reading.read(kind, text)
    waiting = InventoryImport.objects.filter(by=by, state=InventoryImport.State.PREVIEWED)
    if waiting.count() >= MOST_WAITING:
        raise RuleError(f"{MOST_WAITING} of your imports wait.", remedy="Discard some first.")
    kept = InventoryImport.objects.create(
        kind=kind, text=text.removeprefix("\ufeff"), business_unit=business_unit, by=by
    )
    record(by, "inventory.import_keep", kept, kind=kind)
    return kept


@transaction.atomic
def apply(by: User, kept: InventoryImport) -> InventoryImport:
    """Import all of it, judged again as the inventory is now. Returns the InventoryImport. Raises NotAllowed, RuleError, StaleState."""
    require(can_keep(by), *actions.KEEPERS)
    found = preview(kept)
    if found.problems:
        raise RuleError(
            f"{len(found.problems)} things are wrong in the file.", remedy="Mend them first."
        )
    counts: dict[str, Any] = {
        "new": len(found.additions),
        "changed": len(found.changes),
        "unchanged": found.unchanged,
    }
    transition(kept, InventoryImport.State.APPLIED, counts=counts)
    for addition in found.additions:
        actions.add(by, **addition.facts)
    for change in found.changes:
        actions.edit(by, change.entry, **change.facts)
    record(by, "inventory.import_apply", kept, **counts)
    return kept


@transaction.atomic
def discard(by: User, kept: InventoryImport) -> InventoryImport:
    """Import nothing of it. Raises NotAllowed, StaleState."""
    require(can_keep(by), *actions.KEEPERS)
    transition(kept, InventoryImport.State.DISCARDED)
    record(by, "inventory.import_discard", kept)
    return kept


def preview(kept: InventoryImport) -> Preview:
    """What importing it now would do. As many queries for many rows as for one."""
    contents = reading.read(kept.kind, kept.text)
    found = Preview(problems=list(contents.problems), notes=list(contents.notes))
    known = _Known(contents.rows, kept.business_unit)
    seen: dict[str, int] = {}
    for row in contents.rows:
        facts, problems = known.facts_of(row)
        key = names.fold(row.cells.get("name", ""))
        if key and key in seen:
            problems.append(Problem(row.number, "name", f"Row {seen[key]} has it, too."))
        seen.setdefault(key, row.number)
        found.problems += problems
        if not problems:
            _sort_in(found, row, facts, known)
    return found


def _sort_in(found: Preview, row: Row, facts: dict[str, Any], known: "_Known") -> None:
    entry = known.entry_of(row)
    if entry is None:
        found.additions.append(Addition(row.number, facts))
        return
    if row.cells["name"].casefold() == entry.name.casefold() or row.cells.get("registry_name"):
        facts.pop("name")  # a registry's name does not rename what people named
    changed = {name: value for name, value in facts.items() if getattr(entry, name) != value}
    if changed:
        found.changes.append(Change(row.number, entry, changed))
    else:
        found.unchanged += 1


class _Known:
    """What rows may name: units, teams, people and entries, each read once."""

    def __init__(self, rows: Iterable[Row], usual: BusinessUnit | None) -> None:
        rows = list(rows)
        self.usual = usual
        self.units = {unit.slug: unit for unit in BusinessUnit.objects.all()}
        teams = Team.objects.filter(slug__in=_said(rows, "owner_team"))
        self.teams = {team.slug: team for team in teams}
        people = User.objects.filter(
            username__in=_said(rows, "owner"), is_active=True, is_system=False
        )
        self.people = {person.username: person for person in people}
        named = Q(folded__in=_said(rows, "name")) | Q(registry_name__in=_registry_names(rows))
        entries = ProductionModel.objects.annotate(folded=Lower("name")).filter(named)
        entries = entries.select_related("business_unit", "owner_team", "owner")
        self.by_name = {entry.name.casefold(): entry for entry in entries}
        self.by_registry = {entry.registry_name: entry for entry in entries if entry.registry_name}

    def entry_of(self, row: Row) -> ProductionModel | None:
        """The entry that a row is about: by what a registry calls it, else by its name."""
        by_registry = self.by_registry.get(row.cells.get("registry_name", ""))
        return by_registry or self.by_name.get(row.cells.get("name", "").casefold())

    def facts_of(self, row: Row) -> tuple[dict[str, Any], list[Problem]]:
        """(facts as the verbs take them, what is wrong). An empty cell changes nothing."""
        facts: dict[str, Any] = {}
        problems: list[Problem] = []
        for column, cell in row.cells.items():
            try:
                facts[column] = self._value(column, cell)
            except Invalid as problem:
                problems.append(Problem(row.number, column, problem.sentence))
        if "name" not in row.cells:
            problems.append(Problem(row.number, "name", "Say its name."))
        if "business_unit" not in row.cells and self.entry_of(row) is None:
            if self.usual is None:
                text = "Say its business unit, or choose one for rows without."
                problems.append(Problem(row.number, "business_unit", text))
            else:
                facts["business_unit"] = self.usual
        return facts, problems

    def _value(self, column: str, cell: str) -> Any:
        if column == "name":
            return names.display_name(cell, longest=NAME_MAX)
        if column == "in_production_since":
            return _day(cell)
        if column == "risk_tier":
            return _one_of(cell, {tier: tier for tier in RiskTier.values}, "risk tier")
        if column == "business_unit":
            return _one_of(cell, self.units, "business unit")
        if column == "owner_team":
            return _one_of(cell, self.teams, "team", is_open=True)
        if column == "owner":
            return _one_of(cell, self.people, "person", is_open=True)
        require_fields(ProductionModel, **{column: cell})
        return cell


def _one_of(cell: str, options: dict[str, Any], noun: str, is_open: bool = False) -> Any:
    if (found := options.get(cell.strip().lower())) is None:
        known = "" if is_open else f" There are: {', '.join(sorted(options))}."
        raise Invalid(f"There is no {noun} “{cell[:60]}”.{known}")
    return found


def _day(cell: str) -> date:
    try:
        day = date.fromisoformat(cell.strip())
    except ValueError:
        raise Invalid("Write the day as 2024-05-31.") from None
    if not date(1980, 1, 1) <= day <= timezone.localdate():
        raise Invalid("Choose a day from 1980 to today.")
    return day


def _said(rows: list[Row], column: str) -> set[str]:
    return {row.cells[column].strip().lower() for row in rows if column in row.cells}


def _registry_names(rows: list[Row]) -> set[str]:
    return {row.cells["registry_name"] for row in rows if "registry_name" in row.cells}
