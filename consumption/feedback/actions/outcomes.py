"""The verb of outcomes: report what turned out to be true of calls (docs/feedback.md, "Outcomes")."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from consumption.feedback import calls
from consumption.models import OutcomeReport, Subscription, UsageEvent
from consumption.models.outcomes import LABEL_MAX
from consumption.permissions import can_manage_application
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid
from marketplace.core.json_reader import text_problem

MOST_OUTCOMES = 1_000  # of one report

Value = float | int | str | bool


@dataclass(frozen=True)
class Outcome:
    """What turned out: a number, or a label. `predicted` is what the model had answered, when the consumer sends it along."""

    request_id: UUID
    actual: Value
    predicted: Value | None = None
    row: int = 0
    output: str = ""


@dataclass(frozen=True)
class Refused:
    """An outcome that was not taken, and why."""

    request_id: UUID
    reason: str


@transaction.atomic
def report_outcomes(
    by: User, outcomes: Iterable[Outcome], subscription: Subscription | None = None
) -> list[Refused]:
    """Keep outcomes of calls of the person's teams, or of the one subscription that a key belongs to. Returns those refused.

    A row of a call that was reported before is corrected. Raises Invalid when there are none, or too many.
    """
    given = list(outcomes)
    if not 1 <= len(given) <= MOST_OUTCOMES:
        raise Invalid(f"Send 1 to {MOST_OUTCOMES} outcomes.", field="outcomes")
    events = {event.event_id: event for event in calls.events_of(one.request_id for one in given)}
    own = _own(by, events.values(), subscription)
    rows: dict[tuple[UUID, int, str], OutcomeReport] = {}
    refused = []
    for one in given:
        event = events.get(one.request_id)
        if event is None or event.subscription_id not in own:
            refused.append(Refused(one.request_id, "No call of yours has this request id."))
        elif problem := _problem(one):
            refused.append(Refused(one.request_id, problem))
        else:
            rows[one.request_id, one.row, one.output] = _row(one, event)
    _keep(rows.values())
    for pk in {row.subscription_id for row in rows.values()}:
        count = sum(row.subscription_id == pk for row in rows.values())
        record(by, "outcome.report", own[pk], outcomes=count)
    return refused


def _own(
    by: User, events: Iterable[UsageEvent], subscription: Subscription | None
) -> dict[int, Subscription]:
    """{id: Subscription} of those that `by` reports for."""
    if subscription is not None:
        return {subscription.pk: subscription}
    ids = {event.subscription_id for event in events}
    found = Subscription.objects.filter(pk__in=ids).select_related("application__team", "model")
    return {one.pk: one for one in found if can_manage_application(by, one.application)}


def _problem(one: Outcome) -> str:
    values = [value for value in (one.actual, one.predicted) if value is not None]
    if len({_is_number(value) for value in values}) > 1:
        return "Actual and predicted are two numbers, or two labels."
    for value in values:
        if isinstance(value, float) and not math.isfinite(value):
            return "A number is finite."
        if isinstance(value, str) and (not 1 <= len(value) <= LABEL_MAX or text_problem(value)):
            return f"A label has 1 to {LABEL_MAX} characters that can be kept."
    return ""


def _row(one: Outcome, event: UsageEvent) -> OutcomeReport:
    kind = "number" if _is_number(one.actual) else "label"
    told: dict[str, Any] = {f"actual_{kind}": _kept(one.actual)}
    if one.predicted is not None:
        told[f"predicted_{kind}"] = _kept(one.predicted)
    return OutcomeReport(
        request_id=one.request_id,
        row=one.row,
        output=one.output,
        subscription_id=event.subscription_id,
        version_id=event.version_id,
        called_at=event.at,
        reported_at=timezone.now(),
        **told,
    )


def _keep(rows: Iterable[OutcomeReport]) -> None:
    OutcomeReport.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["request_id", "row", "output"],
        update_fields=[
            "reported_at",
            "actual_number",
            "predicted_number",
            "actual_label",
            "predicted_label",
        ],
    )


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kept(value: Value) -> float | str:
    return float(value) if _is_number(value) else _label(value)


def _label(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
