"""The words of usage: what each counts, once, for roll-ups, pages, charts, the API, exports and notices (docs/money.md).

Calls = answered + caller's errors + model's errors + aborted + unknown; the database refuses a roll-up whose parts do not add
up. A rejected call is none of them: a limit turned it away before a model was asked. It costs nothing and is counted by limit
(consumption.metering.rejections).
"""

from dataclasses import dataclass

from django.db.models import Max, Sum

from consumption.models import Outcome


@dataclass(frozen=True)
class Part:
    """One way in which a call ends. `column` is its name in roll-ups and in the API, `tone` its colour in charts."""

    column: str
    outcome: Outcome
    label: str
    tone: str
    meaning: str


PARTS = (
    Part(
        "ok",
        Outcome.OK,
        "Answered",
        "1",
        "The model answered, and the answer went out whole. It is billed.",
    ),
    Part(
        "client_errors",
        Outcome.CLIENT_ERROR,
        "Caller's errors",
        "warn",
        "The model answered that the input is wrong.",
    ),
    Part(
        "upstream_errors",
        Outcome.UPSTREAM_ERROR,
        "Model's errors",
        "bad",
        "The model failed, or could not be reached.",
    ),
    Part(
        "aborted",
        Outcome.ABORTED,
        "Aborted",
        "neutral",
        "The caller hung up, or the answer took longer than the deadline.",
    ),
    Part(
        "unknown",
        Outcome.UNKNOWN,
        "Unknown",
        "4",
        "A gateway died before it could write down how the call ended.",
    ),
)
CALLS = "calls"
REJECTED = "Rejected"
COUNTS = (CALLS, *(part.column for part in PARTS))
# From events, in the order of COUNTS.
SUMS = {CALLS: "count(*)"} | {
    part.column: f"count(*) FILTER (WHERE outcome = '{part.outcome}')" for part in PARTS
}


def sums():
    """From roll-ups: aggregates of all counts, of what is billed and what it cost, and the slowest p95."""
    return {name: Sum(name) for name in (*COUNTS, "units", "cost")} | {"p95": Max("p95_us")}


def answered_percent(totals):
    """Share of the calls that were answered, 0 to 100; None without a call."""
    return 100 * totals["ok"] / totals[CALLS] if totals[CALLS] else None
