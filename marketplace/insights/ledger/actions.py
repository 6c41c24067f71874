"""Verbs of the ledger: describe, confirm and reject a line, sign a quarter, log what publishing took (docs/value.md)."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import Subscription
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.insights.ledger import estimate, posting, quarters, rules, signing, sizing
from marketplace.insights.ledger.permissions import (
    can_confirm_line,
    can_describe_line,
    can_log_effort,
    can_reject_line,
    can_sign_quarters,
    can_state_counterfactual,
)
from marketplace.insights.models import (
    EffortKind,
    PublishingEffort,
    ReuseEvent,
    SignedQuarter,
    ValueClaim,
)
from marketplace.notices.actions import notify, resolve

PLAN = ("plan_reference", "plan_amount", "plan_ended_on", "plan_text")


@transaction.atomic
def state_counterfactual(by: User, subscription: Subscription, counterfactual: str) -> Subscription:
    """Say what the team would have done without the model, where nobody said it at the subscription.

    Raises NotAllowed, Invalid, RuleError where it was said: what was said is not changed afterwards.
    """
    team = subscription.application.team
    require(
        can_state_counterfactual(by, subscription), f"Only members of {team} say it.", ask=str(team)
    )
    if counterfactual not in dict(Subscription.COUNTERFACTUALS):
        raise Invalid("Say what the team would have done.", field="counterfactual")
    unsaid = Subscription.objects.filter(pk=subscription.pk, counterfactual="")
    if not unsaid.update(counterfactual=counterfactual):
        raise RuleError("It was said already, and stays as it was said.", ask="Finance")
    subscription.counterfactual = counterfactual
    record(by, "subscription.counterfactual", subscription, counterfactual=counterfactual)
    return subscription


@transaction.atomic
def describe_line(
    by: User,
    line: ReuseEvent,
    *,
    integration: Decimal | None = None,
    plan_reference: str = "",
    plan_amount: Decimal | None = None,
    plan_ended_on: date | None = None,
    plan_text: str = "",
) -> ReuseEvent:
    """Say what integrating took, and document the plan that was given up. Raises NotAllowed, Invalid, RuleError."""
    require(
        can_describe_line(by, line), f"Only members of {line.team} say this.", ask=str(line.team)
    )
    line = _locked(line)
    plan = dict(
        zip(
            PLAN,
            (plan_reference.strip(), plan_amount, plan_ended_on, plan_text.strip()),
            strict=True,
        )
    )
    _require_whole_plan(plan)
    _require_amount("integration", integration)
    for name, value in plan.items():
        setattr(line, name, value)
    line.integration_logged, line.described_by = integration, by
    line.search_record = line.search_record or estimate.record_of(line.team, line.model)
    if line.confirmed_by_id:
        line.confirmed_by = line.confirmed_at = (
            None  # what was confirmed is not what stands there now
        )
    return _kept(
        by, line, "reuse.describe", integration="" if integration is None else f"{integration:f}"
    )


def _require_whole_plan(plan: Mapping[str, Any]) -> None:
    missing = [name for name in PLAN if not plan[name]]
    if missing and len(missing) < len(PLAN):
        raise Invalid(
            "A plan that was given up has a number, an amount, the day on which it ended, and what it was.",
            field=missing[0],
        )
    _require_amount("plan_amount", plan["plan_amount"])
    if plan["plan_ended_on"] and plan["plan_ended_on"] > timezone.now().date():
        raise Invalid("The plan has ended: choose a day that is over.", field="plan_ended_on")


def _require_amount(field: str, amount: Decimal | None) -> None:
    if amount is not None and not 0 <= amount <= rules.MOST:
        raise Invalid(f"Give an amount from 0 to {rules.MOST:,} USD.", field=field)


@transaction.atomic
def confirm_line(
    by: User,
    line: ReuseEvent,
    *,
    counterfactual: str,
    reason: str,
    complexity: Mapping[str, str] | None = None,
    licence_price: Decimal | None = None,
) -> ReuseEvent:
    """Attest what the team would have done without the model, and how large that would have been.

    complexity     answers of sizing.QUESTIONS; those that are missing stay as they are.
    licence_price  twelve months, USD, where the team would have bought.
    Raises NotAllowed, Invalid, RuleError.
    """
    require(
        can_confirm_line(by, line),
        f"Somebody who leads a team of {line.business_unit} confirms it, and neither asked for the access nor described the line.",
        ask=f"a lead in {line.business_unit}",
    )
    require_reason(reason, "finance relies on it")
    line = _locked(line)
    if counterfactual not in dict(Subscription.COUNTERFACTUALS):
        raise Invalid("Say what the team would have done.", field="counterfactual")
    if (counterfactual == "would_buy") != (licence_price is not None):
        raise Invalid(
            "Give the price of twelve months where the team would have bought, and only there.",
            field="licence_price",
        )
    _require_amount("licence_price", licence_price)
    line.complexity = {**line.complexity, **_answers(complexity or {})}
    line.counterfactual, line.licence_price = counterfactual, licence_price
    line.confirmed_by, line.confirmed_at, line.confirmation = by, timezone.now(), reason.strip()
    resolve(f"reuse-qualified:{line.pk}")
    return _kept(by, line, "reuse.confirm", reason=reason.strip(), counterfactual=counterfactual)


def _answers(complexity: Mapping[str, str]) -> dict[str, str]:
    for name, value in complexity.items():
        if name not in sizing.POINTS or value not in sizing.POINTS[name]:
            known = ", ".join(sizing.POINTS.get(name, sizing.POINTS))
            raise Invalid(
                f"Choose one of: {known}.", field=name if name in sizing.POINTS else "complexity"
            )
    return dict(complexity)


@transaction.atomic
def reject_line(by: User, line: ReuseEvent, reason: str) -> ReuseEvent:
    """Take a line back because its evidence does not hold; returns the reversal. Raises NotAllowed, Invalid, RuleError."""
    require(
        can_reject_line(by, line),
        f"Finance does this: nobody who described or confirmed the line, or is on {line.team}.",
        ask="Finance",
    )
    require_reason(reason, f"{line.team} and auditors read it")
    posting.lock()
    _require_standing(line)
    if not line.high:
        raise RuleError(
            "The line counts nothing; there is nothing to take back.",
            remedy="Reload the page and look again.",
        )
    return posting.reverse_line(by, line, reason)


@transaction.atomic
def sign_quarter(by: User, quarter: date) -> SignedQuarter:
    """Sign a quarter that is over: its sums and the fingerprint of its lines go to the record, and nothing in it changes any more.

    Raises NotAllowed, RuleError.
    """
    require(can_sign_quarters(by), "Finance signs the quarters.", ask="Finance")
    posting.sweep()
    _require_signable(by, quarter)
    sums = signing.sums_of(quarter)
    made = SignedQuarter(
        quarter=quarter, signed_by=by, sha256=signing.fingerprint(quarter), **vars(sums)
    )
    amounts = {name: f"{getattr(sums, name):f}" for name in ("low", "mid", "high", "claims")}
    event = record(by, "value.sign", made, sha256=made.sha256, lines=sums.line_count, **amounts)
    made.audit_event_id = event.pk
    made.save(force_insert=True)
    notify(
        User.objects.holding("executive", "auditor"),
        "value",
        f"The value of {made.name} is signed",
        body=f"Avoided, conservative: {made.low:,.2f} {rules.CURRENCY}.",
        url=made.get_absolute_url(),
        key=f"quarter-signed:{made.name}",
    )
    return made


def _require_signable(by: User, quarter: date) -> None:
    if posting.is_signed(quarter):
        raise RuleError(
            f"{quarters.name_of(quarter)} is signed already.",
            remedy="Reload the page and look again.",
        )
    if quarters.last_day(quarter) >= timezone.now().date():
        raise RuleError(
            f"{quarters.name_of(quarter)} ends on {quarters.last_day(quarter):%-d %B %Y}.",
            remedy="Sign it when it has ended.",
        )
    first = signing.first_unsigned()
    if first is not None and first < quarter:
        raise RuleError(
            f"{quarters.name_of(first)} comes first.", remedy="Quarters are signed in their order."
        )
    if first != quarter:
        raise RuleError(
            f"Nothing is posted in {quarters.name_of(quarter)}.", remedy="Choose another quarter."
        )
    require(
        not _had_part(by, quarter),
        "Whoever had a part in a line or a claim of the quarter does not sign it.",
        ask="Finance",
    )


def _had_part(by: User, quarter: date) -> bool:
    lines = ReuseEvent.objects.filter(quarter=quarter)
    claims = ValueClaim.objects.counted().filter(posted_quarter=quarter)
    return (
        lines.filter(confirmed_by=by).exists()
        or lines.filter(described_by=by).exists()
        or claims.filter(claimed_by=by).exists()
        or claims.filter(owner_confirmed_by=by).exists()
    )


@transaction.atomic
def log_effort(
    by: User, model: RegisteredModel, *, kind: str, amount: Decimal, note: str, spent_on: date
) -> PublishingEffort:
    """Log what building a model cost (USD) or what publishing it took (hours). Lines that are posted do not change by it."""
    require(
        can_log_effort(by, model), f"Only {model.owner_team} logs this.", ask=str(model.owner_team)
    )
    if kind not in EffortKind.values:
        raise Invalid(f"Choose one of: {', '.join(EffortKind.values)}.", field="kind")
    if not 0 < amount <= rules.MOST:
        raise Invalid(f"Give more than nothing, at most {rules.MOST:,}.", field="amount")
    if spent_on > timezone.now().date():
        raise Invalid("Choose a day that is over.", field="spent_on")
    effort = PublishingEffort.objects.create(
        model=model, kind=kind, amount=amount, note=note.strip(), spent_on=spent_on, logged_by=by
    )
    record(by, "effort.log", model, kind=kind, amount=f"{amount:f}", note=note.strip())
    return effort


def _locked(line: ReuseEvent) -> ReuseEvent:
    """The line as it is now, while nobody else writes the ledger. Raises RuleError where it does not change any more."""
    posting.lock()
    line = ReuseEvent.objects.for_page().get(pk=line.pk)
    _require_standing(line)
    if posting.is_signed(line.quarter):
        raise RuleError(
            f"{line.quarter_name} is signed: its lines do not change.",
            remedy="Finance takes a line back by a reversal where it is wrong.",
        )
    return line


def _require_standing(line: ReuseEvent) -> None:
    if line.is_reversal or ReuseEvent.objects.filter(reverses=line).exists():
        raise RuleError("The line was taken back.", remedy="Reload the page.")


def _kept(by: User, line: ReuseEvent, action: str, reason: str = "", **detail: str) -> ReuseEvent:
    """Work out the amounts anew, keep the line, and put the act on the record."""
    posting.weigh(line)
    line.save()
    record(by, action, line, reason=reason, low=f"{line.low:f}", grade=line.grade, **detail)
    return line
