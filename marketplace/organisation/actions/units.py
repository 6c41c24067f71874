"""Verbs of business units: add, rename, archive, bring back (docs/people.md, "Business units")."""

from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import BusinessUnit, User
from marketplace.audit.actions import record
from marketplace.core import names
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.organisation.dependents import of_unit
from marketplace.organisation.permissions import ADMINISTRATORS, can_administer
from marketplace.organisation.turns import wait_for_turn

NAME_MAX, SLUG_MAX = 80, 50  # characters
RESERVED = ("new",)  # addresses that are pages
READERS = "it stays on the record, and auditors read it"


@transaction.atomic
def add_unit(by: User, *, name: str, has_ai: bool = False) -> BusinessUnit:
    """Add a business unit; its address is made from the name. Returns the BusinessUnit. Raises NotAllowed, Invalid.

    has_ai  it had models in use before the marketplace; the figures of growth begin with it, so it is said once.
    """
    require(can_administer(by), *ADMINISTRATORS)
    wait_for_turn()
    name = _free_name(name)
    slug = names.slug(name, longest=SLUG_MAX) or names.digest(name)
    if slug in RESERVED or BusinessUnit.objects.filter(slug=slug).exists():
        slug = f"{slug[: SLUG_MAX - 9]}-{names.digest(name)}"
    unit = BusinessUnit.objects.create(name=name, slug=slug, has_ai=has_ai)
    record(by, "unit.add", unit, name=name, has_ai=has_ai)
    return unit


@transaction.atomic
def rename_unit(by: User, unit: BusinessUnit, name: str) -> BusinessUnit:
    """Give a unit another name; its address stays. Returns the BusinessUnit. Raises NotAllowed, Invalid."""
    require(can_administer(by), *ADMINISTRATORS)
    wait_for_turn()
    unit = BusinessUnit.objects.select_for_update().get(pk=unit.pk)
    before, unit.name = unit.name, _free_name(name, but=unit)
    unit.save(update_fields=["name", "name_key"])
    record(by, "unit.rename", unit, before=before, after=unit.name)
    return unit


@transaction.atomic
def archive_unit(by: User, unit: BusinessUnit, reason: str) -> BusinessUnit:
    """Nothing new belongs to the unit; the figures of the past keep it. Returns the BusinessUnit.

    Raises NotAllowed, Invalid, RuleError naming what depends on it.
    """
    require(can_administer(by), *ADMINISTRATORS)
    require_reason(reason, READERS)
    wait_for_turn()
    unit = BusinessUnit.objects.select_for_update().get(pk=unit.pk)
    if unit.archived_at:
        raise RuleError(f"{unit} is archived already.", remedy="Reload the page.")
    if dependents := of_unit(unit):
        what = "; ".join(dependent.sentence for dependent in dependents)
        raise RuleError(f"Something depends on {unit}: {what}.", remedy="Move or end these first.")
    unit.archived_at = timezone.now()
    unit.save(update_fields=["archived_at"])
    record(by, "unit.archive", unit, reason=reason.strip())
    return unit


@transaction.atomic
def restore_unit(by: User, unit: BusinessUnit) -> BusinessUnit:
    """Teams may belong to the unit again. Returns the BusinessUnit. Raises NotAllowed, RuleError."""
    require(can_administer(by), *ADMINISTRATORS)
    unit = BusinessUnit.objects.select_for_update().get(pk=unit.pk)
    if not unit.archived_at:
        raise RuleError(f"{unit} is not archived.", remedy="Reload the page.")
    unit.archived_at = None
    unit.save(update_fields=["archived_at"])
    record(by, "unit.restore", unit)
    return unit


def _free_name(name: str, but: BusinessUnit | None = None) -> str:
    name = names.display_name(name, longest=NAME_MAX)
    others = BusinessUnit.objects.exclude(pk=but.pk) if but else BusinessUnit.objects.all()
    if other := others.filter(name_key=names.fold(name)).first():
        raise Invalid(f"There is a unit {other} already.", field="name")
    return name
