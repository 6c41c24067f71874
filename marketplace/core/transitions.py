"""The one writer of state columns.

A stateful model has `State(TextChoices)` and `MOVES = {from: {to, …}}`; `state_constraint` puts the set of states
into the database too. The states are a module-level class (`class VersionState(TextChoices)`), so that the model's
Meta can name them; the model says `State = VersionState`.
"""

from typing import Any, TypeVar

from django.db import models
from django.utils import timezone

from marketplace.core import field_limits
from marketplace.core.errors import RuleError

Stateful = TypeVar("Stateful", bound=Any)


class StaleState(RuleError):
    """Somebody else moved the object first (409)."""


def transition(obj: Stateful, to: str, **fields: Any) -> Stateful:
    """Move `obj.state` to `to` and set `fields`, in one conditional UPDATE on the old state.

    A model with `state_since` is told when.

    Raises RuleError when MOVES does not allow the move, StaleState when another writer was first.
    """
    moves = obj.MOVES.get(obj.state, frozenset())
    if to not in moves:
        raise RuleError(
            f"{obj} is {obj.get_state_display().lower()}; it cannot become {obj.State(to).label.lower()}.",
            field="state",
            remedy="Reload the page and look again.",
        )
    if hasattr(obj, "state_since"):
        fields["state_since"] = timezone.now()
    for name, value in fields.items():
        field_limits.require_value(obj._meta.get_field(name), value)
    updated = type(obj)._base_manager.filter(pk=obj.pk, state=obj.state).update(state=to, **fields)
    if updated == 0:
        raise StaleState(
            f"{obj} was changed by somebody else meanwhile.",
            remedy="Reload the page and look again.",
        )
    obj.state = to
    for name, value in fields.items():
        setattr(obj, name, value)
    return obj


def state_constraint(states: type[models.TextChoices], name: str) -> models.CheckConstraint:
    """A database check that `state` is one of `states`."""
    return models.CheckConstraint(
        condition=models.Q(state__in=[state.value for state in states]), name=name
    )
