"""Ask a submitted version for the answer to its own example, in the limited process of the run gate. It decides nothing."""

from dataclasses import dataclass

from catalog.models import ModelVersion
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import RuleError
from marketplace.core.guard import require
from publishing import steps, trials
from publishing.permissions import can_run_gates


@dataclass(frozen=True)
class Answered:
    """What came of it: why it did not answer, or "", and figures as (label, text)."""

    problem: str
    figures: list[tuple[str, str]]


def run_example(by: User, version: ModelVersion) -> Answered:
    """Run the example now. Takes about a second, up to a minute for what is slow. Raises NotAllowed, RuleError."""
    require(
        can_run_gates(by, version),
        "The owner team and reviewers run the example.",
        ask=str(version.model.owner_team),
    )
    if version.submitted_at is None:
        raise RuleError("The version was not submitted yet.", remedy="Try it on its own page.")
    found = trials.ask(version)
    record(by, "version.run_example", version, problem=found["problem"])
    return Answered(found["problem"], steps.figures_of(found["figures"]))
