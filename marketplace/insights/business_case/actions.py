"""Verbs of scenarios: save, change, delete."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.insights.business_case import calculator
from marketplace.insights.business_case.calculator import Triple
from marketplace.insights.models import BusinessCase

MOST = 50  # scenarios of a person


def can_change_case(user: User, case: BusinessCase) -> bool:
    """Whose it is."""
    return user.is_active and user.pk == case.owner_id


@transaction.atomic
def save_case(
    by: User,
    *,
    name: str,
    assumed: Mapping[str, Triple],
    shared: str,
    case: BusinessCase | None = None,
) -> BusinessCase:
    """Keep a scenario, or change one's own. Raises NotAllowed, Invalid, RuleError beyond MOST of a person."""
    require(
        by.is_active and not by.is_system,
        "People save scenarios.",
        remedy="Sign in and do it yourself.",
    )
    if case is not None:
        require(
            can_change_case(by, case),
            f"{case} is of {case.owner}: save it under a name of your own.",
            ask=str(case.owner),
        )
    _check(by, name, assumed, shared, case)
    facts = {
        "name": name.strip(),
        "assumptions": as_data(assumed),
        "shared": shared,
        "changed_at": timezone.now(),
    }
    if case is None:
        case = BusinessCase.objects.create(owner=by, **facts)
    else:
        for field, value in facts.items():
            setattr(case, field, value)
        case.save()
    record(by, "business_case.save", case, shared=shared)
    return case


def _check(
    by: User, name: str, assumed: Mapping[str, Triple], shared: str, case: BusinessCase | None
) -> None:
    for field, sentence in calculator.problems(assumed).items():
        raise Invalid(sentence, field=field)
    if not name.strip():
        raise Invalid("Give the scenario a name.", field="name")
    if shared not in BusinessCase.Shared.values:
        raise Invalid(f"Choose one of: {', '.join(BusinessCase.Shared.values)}.", field="shared")
    own = BusinessCase.objects.filter(owner=by)
    own = own if case is None else own.exclude(pk=case.pk)
    if own.filter(name=name.strip()).exists():
        raise Invalid("You have a scenario of this name.", field="name")
    if case is None and own.count() >= MOST:
        raise RuleError(f"One keeps at most {MOST} scenarios.", remedy="Delete one first.")


@transaction.atomic
def delete_case(by: User, case: BusinessCase) -> None:
    """Forget one's own scenario. Raises NotAllowed."""
    require(can_change_case(by, case), f"{case} is of {case.owner}.", ask=str(case.owner))
    record(by, "business_case.delete", case)
    case.delete()


def as_data(assumed: Mapping[str, Triple]) -> dict[str, list[float]]:
    """{name: [low, likely, high]}."""
    return {name: [triple.low, triple.likely, triple.high] for name, triple in assumed.items()}


def from_data(data: Mapping[str, list[float]]) -> dict[str, Triple]:
    """The other way round; what a scenario of an earlier release did not have is as usual."""
    return calculator.usual() | {
        name: Triple(*values) for name, values in data.items() if name in calculator.BY_NAME
    }
