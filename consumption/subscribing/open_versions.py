"""Whether a version takes new subscriptions (docs/access.md): one rule for the verb, and for every page that offers access."""

from dataclasses import dataclass

from catalog.models import ModelVersion
from governance.actions import blocking_gates
from governance.renewals import is_closed_to_subscribers


@dataclass(frozen=True)
class Closed:
    """Why a version takes nobody new, as the end of a sentence, and what helps."""

    because: str
    remedy: str


def closed(version: ModelVersion) -> Closed | None:
    """Why `version` takes no new subscriptions; None where it takes them. At most four queries."""
    if version.state != ModelVersion.State.PUBLISHED or version.suspended_at:
        state = "suspended" if version.suspended_at else version.get_state_display().lower()
        return Closed(f"it is {state}", "Choose a published version.")
    if version.approved_until is not None and is_closed_to_subscribers(version):
        return Closed(
            f"its approval ended on {version.approved_until:%-d %B %Y}",
            f"Ask {version.model.owner_team} to have it reviewed again.",
        )
    if blocked := blocking_gates(version):
        return Closed(
            f"the check {blocked[0].label.lower()} blocks",
            f"Ask {version.model.owner_team} to run it again, or for a waiver.",
        )
    if version.conditions.overdue().exists():
        return Closed(
            "a condition of its approval is overdue",
            f"Ask {version.model.owner_team} to fulfil it.",
        )
    return None
