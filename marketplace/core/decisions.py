"""Acts of two people: one person asks or proposes, another decides with a reason.

A row keeps who proposed it and why (Proposal), and when it was decided (Decidable). Where a single person decides, the row
keeps who and why, too (Decided); where several do, each decision is a row of its own.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import REASON

REASON_MIN = 20  # characters


class Decidable(models.Model):
    """Something that waits for a decision. The subclass has `state` and `MOVES`."""

    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class Decided(Decidable):
    """What one person decides: who, and why."""

    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    decision_reason = models.TextField(max_length=REASON, blank=True)

    class Meta:
        abstract = True

    @staticmethod
    def decision(by: Any, reason: str) -> dict[str, Any]:
        """The fields of a decision that is made now, for `transition`."""
        return {
            "decided_by": by,
            "decided_at": timezone.now(),
            "decision_reason": reason.strip(),
        }


class Proposal(Decidable):
    """What one person proposes, with a reason, and others decide."""

    reason = models.TextField(max_length=REASON)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True


def require_state(obj: Any, *states: str) -> None:
    """Raises RuleError unless `obj` is in one of the states: somebody else decided first."""
    if obj.state not in states:
        raise RuleError(
            f"{obj} is {obj.get_state_display().lower()} already.", remedy="Reload the page."
        )


def require_reason(reason: str, readers: str) -> None:
    """Raises Invalid unless the reason is a sentence. `readers` says who reads it: "consumers read it"."""
    if len(reason.strip()) < REASON_MIN:
        raise Invalid(
            f"Give your reason in at least {REASON_MIN} characters: {readers}.", field="reason"
        )
