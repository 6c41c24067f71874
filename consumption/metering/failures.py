"""Calls that were not answered: by which kind of failure, and by whom it is mended (docs/dashboards.md, "Failures").

A kind follows from how a call ended and from the status that its caller got. What a caller sent is kept nowhere, so a kind says
no more than the gateway's own answer did.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Sum

from consumption.metering.usage import Scope, Window, of_window
from consumption.models import Outcome

CALLER, MODEL, MARKETPLACE = "caller", "model", "marketplace"
BY_WHOM = {CALLER: "The caller", MODEL: "The model", MARKETPLACE: "The marketplace"}


@dataclass(frozen=True)
class Kind:
    """One kind of failure. by: a name of BY_WHOM; problem: the slug of its problem type, "" where the caller got no answer."""

    slug: str
    label: str
    by: str
    reason: str
    remedy: str
    problem: str = ""

    @property
    def by_whom(self) -> str:
        return BY_WHOM[self.by]


INPUT = Kind(
    "input",
    "Input refused",
    CALLER,
    "The model answered that the input is wrong.",
    "The answer names the input and what was expected. Compare it with the model's signature.",
    "bad-input",
)
TOO_LARGE = Kind(
    "too-large",
    "Input too large",
    CALLER,
    "The model takes fewer rows at a time.",
    "Send fewer rows in one call.",
    "request-too-large",
)
FAILED = Kind(
    "failed",
    "Model failed",
    MODEL,
    "The model gave no usable answer.",
    "It is not charged. If it happens again, tell the model's team and name the request id.",
    "model-failed",
)
BUSY = Kind(
    "busy",
    "Model busy or not running",
    MODEL,
    "No replica could take the call.",
    "Send it again after the seconds in Retry-After. If it lasts, ask the model's team for more replicas.",
    "model-busy",
)
LATE = Kind(
    "late",
    "Model late",
    MODEL,
    "The model gave no answer within its deadline.",
    "It is not charged. Send fewer rows at a time, or try again.",
    "model-late",
)
LEFT = Kind(
    "left",
    "Caller hung up",
    CALLER,
    "The connection was closed before the answer was sent.",
    "Wait longer than the model's deadline before you give up.",
)
STOPPED = Kind(
    "stopped",
    "Stopped while it ran",
    CALLER,
    "The right to call, or the version, ended while the answer was made.",
    "See whether the key, the subscription and the version are still in force.",
)
LOST = Kind(
    "lost",
    "Outcome unknown",
    MARKETPLACE,
    "A gateway died before it could write down how the call ended.",
    "It is not charged. If you got no answer, send it again.",
)
KINDS = {kind.slug: kind for kind in (INPUT, TOO_LARGE, FAILED, BUSY, LATE, LEFT, STOPPED, LOST)}
# (outcome, status) that say more than the outcome alone.
_OF_STATUS = {
    (Outcome.CLIENT_ERROR, 413): TOO_LARGE,
    (Outcome.UPSTREAM_ERROR, 503): BUSY,
    (Outcome.UPSTREAM_ERROR, 504): LATE,
    (Outcome.ABORTED, 504): LATE,
    (Outcome.ABORTED, 401): STOPPED,
    (Outcome.ABORTED, 403): STOPPED,
    (Outcome.ABORTED, 410): STOPPED,
    (Outcome.ABORTED, 503): STOPPED,
}
_OF_OUTCOME = {
    Outcome.CLIENT_ERROR: INPUT,
    Outcome.UPSTREAM_ERROR: FAILED,
    Outcome.ABORTED: LEFT,
    Outcome.UNKNOWN: LOST,
}


def kind_of(outcome: str, status: int) -> Kind:
    """The Kind of a call that ended so; `outcome` is not OK."""
    return _OF_STATUS.get((Outcome(outcome), status)) or _OF_OUTCOME[Outcome(outcome)]


@dataclass(frozen=True)
class FailureCount:
    """How many calls failed in one way; percent: their share of all calls that failed."""

    kind: Kind
    calls: int
    percent: float
    statuses: str


def counts(scope: Scope, window: Window) -> list[FailureCount]:
    """A FailureCount for each kind that happened, most first; together they are the calls that were not answered."""
    found = of_window(window.table_of_failures.objects.filter(scope.condition), window)
    grouped = found.values_list("outcome", "http_status").annotate(Sum("calls")).order_by()
    return _by_kind(list(grouped))


def _by_kind(grouped: Iterable[tuple[str, int, int]]) -> list[FailureCount]:
    calls: dict[Kind, int] = {}
    statuses: dict[Kind, set[int]] = {}
    for outcome, status, count in grouped:
        kind = kind_of(outcome, status)
        calls[kind] = calls.get(kind, 0) + count
        statuses.setdefault(kind, set()).add(status)
    total = sum(calls.values())
    rows = [
        FailureCount(
            kind,
            count,
            100 * count / total,
            ", ".join(str(status) for status in sorted(statuses[kind]) if status >= 100),
        )
        for kind, count in calls.items()
    ]
    return sorted(rows, key=lambda row: (-row.calls, row.kind.label))
