"""How much of what runs is published, by unit, and whom to chase (docs/inventory.md, "Coverage")."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Count, QuerySet

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.insights.models import ProductionModel

MOST_CHASED = 500  # models


@dataclass
class Owner:
    """Who answers for missing models: a team, a person, or nobody (both None)."""

    team: Team | None
    person: User | None
    missing: list[ProductionModel] = field(default_factory=list)


@dataclass
class UnitCoverage:
    """A business unit: models `running` = published + excepted + missing. `percent`: published of those that have to be."""

    unit: str
    slug: str = ""
    published: int = 0
    excepted: int = 0
    missing: int = 0

    @property
    def running(self) -> int:
        return self.published + self.excepted + self.missing

    @property
    def due(self) -> int:
        """Those that have to be published: all that run without an exception."""
        return self.published + self.missing

    @property
    def percent(self) -> float | None:
        return 100 * self.published / self.due if self.due else None


def by_unit(seen: "QuerySet[RegisteredModel]", on: date) -> list[UnitCoverage]:
    """A UnitCoverage for each unit with models in production. seen: published models that the reader sees."""
    units: dict[str, UnitCoverage] = {}
    rows: Any = ProductionModel.objects.running().with_standing(seen, on).order_by()
    counted = rows.values("business_unit__name", "business_unit__slug", "standing").annotate(
        n=Count("pk")
    )
    for row in counted:
        name, slug = row["business_unit__name"], row["business_unit__slug"]
        unit = units.setdefault(slug, UnitCoverage(name, slug))
        setattr(unit, row["standing"], row["n"])
    return sorted(units.values(), key=lambda unit: unit.unit)


def total(units: Iterable[UnitCoverage]) -> UnitCoverage:
    """The sum of all units."""
    whole = UnitCoverage("All units")
    for unit in units:
        whole.published += unit.published
        whole.excepted += unit.excepted
        whole.missing += unit.missing
    return whole


def owners_to_chase(seen: "QuerySet[RegisteredModel]", on: date) -> list[Owner]:
    """Who answers for the missing models, most of them first; those that nobody answers for come last."""
    owners: dict[tuple[int | None, int | None], Owner] = {}
    for entry in ProductionModel.objects.missing(seen, on).for_list()[:MOST_CHASED]:
        person = None if entry.owner_team_id else entry.owner
        key = (entry.owner_team_id, person.pk if person else None)
        owners.setdefault(key, Owner(entry.owner_team, person)).missing.append(entry)
    return sorted(
        owners.values(),
        key=lambda owner: (owner.team is None and owner.person is None, -len(owner.missing)),
    )
