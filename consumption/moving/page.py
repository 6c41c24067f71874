"""What the page of a move shows: the difference in the caller's words, the same rows on both versions, what to know before it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import ExtractHour
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import affected
from consumption.acceptance.actions import why_examples_block
from consumption.models import (
    AcceptanceResult,
    AcceptanceRun,
    Move,
    Outcome,
    SandboxCall,
    Subscription,
    UsageDay,
    UsageHour,
)
from consumption.moving import actions as verbs
from consumption.moving import differences
from consumption.moving.differences import CallDifference
from consumption.moving.replay import Answered, Case
from consumption.playground import answers, rows
from consumption.playground.fields import Mistyped
from marketplace.accounts.models import User
from marketplace.core.templatetags.formatting import figure, ms, quantity

DAYS = 30
WEEKS = timedelta(days=28)
SHOWN_MOVES = 5


@dataclass(frozen=True)
class Line:
    """One line of an example call; mark: "del", "add" or ""."""

    text: str
    mark: str = ""


@dataclass(frozen=True)
class Check:
    """One thing to know before the move; ok: None where it is not known."""

    label: str
    ok: bool | None
    detail: str


@dataclass(frozen=True)
class Compared:
    """One row on both versions, as people read it. place: where the new answer lies on the drawn line, percent; None where
    there is no number."""

    name: str
    old: str
    new: str
    difference: str
    why_not: str
    place: float | None


@dataclass(frozen=True)
class Judged:
    """One stored example in a run: how far the answers are apart, and where the new one lies on the drawn line, percent."""

    result: AcceptanceResult
    difference: str
    place: float | None

    @property
    def old(self) -> str:
        return answers.shown(self.result.before)

    @property
    def new(self) -> str:
        return answers.shown(self.result.answer)


@dataclass(frozen=True)
class MovePage:
    """Everything of the page. `target` is None where there is nothing to move to."""

    subscription: Subscription
    current: ModelVersion
    target: ModelVersion | None
    targets: list[ModelVersion]
    differences: list[CallDifference]
    before: list[Line]
    after: list[Line]
    checks: list[Check]
    scheduled: Move | None
    last: Move | None
    no_undo: str
    quiet_hour: int | None
    run: AcceptanceRun | None
    has_examples: bool
    blocked: str

    @property
    def sentence(self) -> str:
        return differences.sentence(self.differences)

    @property
    def results(self) -> list["Judged"]:
        """The stored examples on both versions, from the newest run."""
        results = list(self.run.results.all()) if self.run else []
        return [Judged(result, *_apart(result.before, result.answer)) for result in results]

    @property
    def can_undo(self) -> bool:
        return self.last is not None and not self.no_undo

    @property
    def undo_until(self) -> datetime:
        """Until when a move that is made now could be undone."""
        until = timezone.now() + verbs.UNDO
        return min(until, self.current.sunset_at) if self.current.sunset_at else until


def build(subscription: Subscription, number: str) -> MovePage:
    """The MovePage of a subscription (for_list) to the version `number`; without one, to where its version says, or the newest."""
    current = affected.answering([subscription])[subscription.pk]
    targets = targets_of(subscription, current)
    target = _chosen(targets, number, current)
    rows_of_difference: list[CallDifference] = []
    before: list[Line] = []
    after: list[Line] = []
    if target is not None:
        rows_of_difference = differences.between(
            current.signature, target.signature, current.sla, target.sla
        )
        before, after = example_calls(current, target)
    moves = list(subscription.moves.filter(to_plan=None).for_list()[:SHOWN_MOVES])
    last = next((move for move in moves if move.state == Move.State.DONE), None)
    return MovePage(
        subscription=subscription,
        current=current,
        target=target,
        targets=targets,
        differences=rows_of_difference,
        before=before,
        after=after,
        checks=checks(subscription, current, target) if target else [],
        scheduled=next((move for move in moves if move.state in Move.OPEN), None),
        last=last,
        no_undo=verbs.why_no_undo(last, subscription) if last else "",
        quiet_hour=quiet_hour(subscription),
        run=subscription.acceptance_runs.filter(version=target).for_list().first()
        if target
        else None,
        has_examples=subscription.examples.exists(),
        blocked=why_examples_block(subscription, target) if target else "",
    )


def targets_of(subscription: Subscription, current: ModelVersion) -> list[ModelVersion]:
    """Where it may go: published versions that answer, newest first."""
    published = subscription.model.versions.filter(
        state=ModelVersion.State.PUBLISHED, suspended_at=None
    )
    versions = published.select_related("model__owner_team").exclude(pk=current.pk)
    return sorted(versions, key=lambda version: version.precedence, reverse=True)


def union_of(versions: Sequence[ModelVersion]) -> dict[str, list[dict[str, Any]]]:
    """The inputs and outputs of several versions together, as one signature: what an example may hold."""
    union: dict[str, dict[str, dict[str, Any]]] = {"inputs": {}, "outputs": {}}
    for version in versions:
        for side, known in union.items():
            for spec in version.signature.get(side) or []:
                known.setdefault(spec["name"], spec)
    return {side: list(known.values()) for side, known in union.items()}


def _chosen(
    targets: Sequence[ModelVersion], number: str, current: ModelVersion
) -> ModelVersion | None:
    by_number = {version.number: version for version in targets}
    is_same = current.successor is not None and current.successor.model_id == current.model_id
    successor = current.successor.number if current.successor and is_same else ""
    newest = [version for version in targets if version.precedence > current.precedence]
    return by_number.get(number) or by_number.get(successor) or next(iter(newest), None)


def example_calls(old: ModelVersion, new: ModelVersion) -> tuple[list[Line], list[Line]]:
    """The owner's example as plain fields: the call of today, and the same one afterwards."""
    before, after = (_fields(version) for version in (old, new))
    after = {name: before.get(name, value) for name, value in after.items()}
    return (
        [
            Line(f"{json.dumps(name)}: {value}", "" if name in after else "del")
            for name, value in before.items()
        ],
        [
            Line(f"{json.dumps(name)}: {value}", "" if name in before else "add")
            for name, value in after.items()
        ],
    )


def _fields(version: ModelVersion) -> dict[str, str]:
    """{input: value as JSON} of the first row of the owner's example."""
    texts = rows.of_example(version.signature, version.example)[0]
    read = {}
    for one in rows.fields_of(version.signature):
        try:
            value = one.value_of(texts.get(one.name, ""))
        except Mistyped:
            value = texts.get(one.name, "")
        shown = json.dumps(value, ensure_ascii=False)
        read[one.name] = shown if len(shown) <= 60 else f"{shown[:57]}…"
    return read


def checks(subscription: Subscription, current: ModelVersion, target: ModelVersion) -> list[Check]:
    """What is known before the move: whether it was tried, what its approval says, how fast both answered."""
    return [
        _tested(subscription, target),
        Check(
            "Approved for this use",
            True,
            f"The approval moves with the subscription. Risk tier: {target.risk_tier or 'low'}.",
        ),
        _latency(subscription, current, target),
        Check(
            "Price",
            True,
            f"The {subscription.plan} plan and its price stay as they are.",
        ),
    ]


def _tested(subscription: Subscription, target: ModelVersion) -> Check:
    since = timezone.now() - timedelta(days=DAYS)
    people = User.objects.on_teams([subscription.application.team]).values("pk")
    tried = SandboxCall.objects.filter(
        model_id=target.model_id, version_id=target.pk, user_id__in=people, at__gte=since
    ).aggregate(n=Count("pk"), refused=Count("pk", Q(outcome=Outcome.CLIENT_ERROR)))
    own = UsageDay.objects.filter(
        subscription=subscription, version=target, day__gt=since.date()
    ).aggregate(n=Sum("calls"), refused=Sum("client_errors"))
    calls = tried["n"] + (own["n"] or 0)
    refused = tried["refused"] + (own["refused"] or 0)
    if not calls:
        said = f"Nobody of your team called {target.number} in the last {DAYS} days."
        return Check("Your calls tried on it", None, said)
    said = f"{quantity(calls, 'call,calls')} on {target.number} in {DAYS} days, {refused} refused as wrong."
    return Check("Your calls tried on it", not refused, said)


def _latency(subscription: Subscription, current: ModelVersion, target: ModelVersion) -> Check:
    """The slowest daily p95 that callers of each saw."""
    days = UsageDay.objects.filter(
        version__in=[current, target], day__gt=(timezone.now() - timedelta(days=DAYS)).date()
    )
    seen = dict(days.order_by().values_list("version").annotate(Max("p95_us")))
    old, new = seen.get(current.pk), seen.get(target.pk)
    if new is None:
        return Check("Response time", None, f"{target.number} has no calls yet to measure.")
    was = f", {ms(old / 1000)} on {current.number}" if old else ""
    said = f"p95 at most {ms(new / 1000)} a day on {target.number}{was}, {DAYS} days."
    return Check("Response time", True, said)


def quiet_hour(subscription: Subscription) -> int | None:
    """The hour of the day (UTC) with the fewest calls in four weeks; None without calls."""
    since = timezone.now() - WEEKS
    sums = dict(
        UsageHour.objects.filter(subscription=subscription, hour__gte=since)
        .order_by()
        .annotate(of_day=ExtractHour("hour", tzinfo=UTC))
        .values_list("of_day")
        .annotate(Sum("calls"))
    )
    return min(range(24), key=lambda hour: sums.get(hour, 0)) if sums else None


def compared(
    cases: Sequence[Case], old: Sequence[Answered], new: Sequence[Answered]
) -> list[Compared]:
    """The rows beside each other, in the output that the older version shows first."""
    output = next((one.main for one in old if one.main), next((one.main for one in new), ""))
    pairs = [(one.value(output), other.value(output)) for one, other in zip(old, new, strict=True)]
    widest = max((abs(_relative(*pair) or 0.0) for pair in pairs), default=0.0) or 1.0
    return [
        Compared(
            case.name,
            _shown(before, one),
            _shown(after, other),
            _difference(before, after, one, other),
            one.why_not or other.why_not,
            None if (share := _relative(before, after)) is None else 50 + 40 * share / widest,
        )
        for case, one, other, (before, after) in zip(cases, old, new, pairs, strict=True)
    ]


def _shown(value: Any, answered: Answered) -> str:
    return "no answer" if answered.why_not else answers.shown(value)


def _relative(before: Any, after: Any) -> float | None:
    """The difference as a share of the older answer; None where they are not two numbers, or it is 0."""
    if not (answers.is_number(before) and answers.is_number(after)) or not before:
        return None
    return float((after - before) / abs(before))


def _apart(before: Any, after: Any) -> tuple[str, float | None]:
    """How far two answers are apart in words, and on a line that ends at a tenth more and a tenth less."""
    share = _relative(before, after)
    if before is None or after is None or share is None:
        return "the same" if before == after and before is not None else "", None
    return f"{100 * share:+.1f} %".replace("-", "−"), 50 + 40 * max(-1.0, min(1.0, 10 * share))


def _difference(before: Any, after: Any, one: Answered, other: Answered) -> str:
    if one.why_not or other.why_not:
        return ""
    if before == after:
        return "the same"
    share = _relative(before, after)
    if share is not None:
        return f"{100 * share:+.1f} %".replace("-", "−")
    if answers.is_number(before) and answers.is_number(after):
        return f"{'+' if after > before else '−'}{figure(abs(after - before))}"
    return "another answer"
