"""What reuse saved at the demo company: the ledger's sweeps, week by week, and what people said about its lines.

Every line comes from the company's own calls; nothing is written but by the ledger's verbs, on the days of the story.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team
from marketplace.insights.claims import actions as claim_actions
from marketplace.insights.ledger import actions, posting, quarters, signing
from marketplace.insights.models import PublishingEffort, ReuseEvent, ValueClaim

from . import clock, usage
from .submissions import person

WEEK = 7
SIGNED_AFTER = timedelta(days=9)  # after the end of a quarter
PLAN_ENDED_DAYS_AGO = 60


@dataclass(frozen=True)
class Said:
    """What is said about the line of a team on a model. `confirmed_by` "": nobody does."""

    team: str
    slug: str
    by: str
    integration: int
    confirmed_by: str = ""
    reason: str = ""
    complexity: dict[str, str] = field(default_factory=dict)
    licence: int = 0
    plan: tuple[str, int, str] | None = None


SAID = (
    Said(
        "mortgage-origination",
        "income-verification",
        "maya",
        9_000,
        "hanna",
        "My team would have built it: three people for six months, with our own labels of seasonal income. The board had agreed.",
        {
            "sources": "some",
            "task": "text",
            "integrations": "one",
            "regulated": "eligibility",
            "labels": "made",
        },
        plan=(
            "MO-2026-07",
            200_000,
            "Income model of our own, six months. Filed with the board's minutes; given up after the search.",
        ),
    ),
    Said(
        "wealth-operations",
        "income-verification",
        "xenia",
        2_000,
        "jonas",
        "We had it on our list for the onboarding team and would have built a smaller one for account opening.",
        {
            "sources": "some",
            "task": "text",
            "integrations": "one",
            "regulated": "no",
            "labels": "there",
        },
    ),
    Said(
        "balance-sheet",
        "mortgage-prepayment",
        "bettina",
        6_000,
        "theo",
        "The offer of the vendor was on my desk; twelve months were 60,000 dollars.",
        licence=60_000,
    ),
    Said("cards-servicing", "retail-customer-churn", "zoe", 8_600),
    Said("claims-operations", "loan-document-type", "quinn", 9_000),
)
HOURS = (("income-verification", "alice", 52), ("property-valuation", "hanna", 34))


def keep_ledger() -> None:
    """Sweep each week of the past, say what people said, sign what is over. Does nothing twice."""
    if ReuseEvent.objects.exists():
        return
    for back in range(usage.PAST_DAYS // WEEK * WEEK, -1, -WEEK):
        with clock.at(clock.ago(days=back)), transaction.atomic():
            posting.sweep()
            for said in SAID:
                say(said, back)
            sign()
    log_hours()
    claim()


def say(said: Said, back: int) -> None:
    """Once, in the week in which the line appeared."""
    line = _line(said)
    if line is None or line.described_by_id or posting.is_signed(line.quarter):
        return
    plan: dict[str, Any] = {}
    if said.plan:
        number, amount, text = said.plan
        ended = timezone.now().date() - timedelta(days=PLAN_ENDED_DAYS_AGO - back)
        plan = _plan(number, amount, ended, text)
    actions.describe_line(person(said.by), line, integration=Decimal(said.integration), **plan)
    if said.confirmed_by:
        actions.confirm_line(
            person(said.confirmed_by),
            line,
            counterfactual="would_buy" if said.licence else "would_build",
            licence_price=Decimal(said.licence) if said.licence else None,
            complexity=said.complexity,
            reason=said.reason,
        )


def _plan(number: str, amount: int, ended: date, text: str) -> dict[str, Any]:
    return {
        "plan_reference": number,
        "plan_amount": Decimal(amount),
        "plan_ended_on": ended,
        "plan_text": text,
    }


def _line(said: Said) -> ReuseEvent | None:
    lines = ReuseEvent.objects.for_page().filter(kind="reuse", reversal=None)
    return lines.filter(team__slug=said.team, model__slug=said.slug).first()


def sign() -> None:
    """Finance signs a quarter some days after its end."""
    first = signing.first_unsigned()
    if first and quarters.last_day(first) + SIGNED_AFTER <= timezone.now().date():
        actions.sign_quarter(person("finn"), first)


def log_hours() -> None:
    """What publishing took, where somebody wrote it down."""
    for slug, who, hours in HOURS:
        model = RegisteredModel.objects.filter(slug=slug).first()
        if model and not PublishingEffort.objects.filter(model=model).exists():
            actions.log_effort(
                person(who),
                model,
                kind="publication",
                amount=Decimal(hours),
                note="Time sheets, card and checks",
                spent_on=timezone.now().date() - timedelta(days=100),
            )


def claim() -> None:
    """One claim that finance validated, and one that waits for it."""
    model = RegisteredModel.objects.filter(slug="income-verification").first()
    if model is None or ValueClaim.objects.exists():
        return
    with clock.at(clock.ago(days=12)), transaction.atomic():
        offers = _claimed(
            "milo",
            "mortgage-origination",
            model,
            "More offers accepted",
            "revenue",
            96_000,
            "Offers made on the day of the application against those of the weeks before, at the mean margin of a mortgage.",
            "Report OP-12 of the origination platform, sheet 4, with the margin of finance.",
        )
        claim_actions.confirm_claim(person("maya"), offers)
        reason = "The report and the margin are as stated; half of it is owed to the model."
        claim_actions.validate_claim(person("finn"), offers, reason)
    with clock.at(clock.ago(days=5)), transaction.atomic():
        advice = _claimed(
            "walt",
            "client-advice",
            model,
            "Financial plans checked before the meeting",
            "cost",
            30_000,
            "Minutes an adviser saves for each plan, times the plans of a year, at the rate of an adviser.",
            "A sample of forty plans in October, kept with client advice.",
        )
        claim_actions.confirm_claim(person("wendy"), advice)


def _claimed(
    by: str,
    team: str,
    model: RegisteredModel,
    title: str,
    kind: str,
    gross: int,
    method: str,
    evidence: str,
) -> ValueClaim:
    return claim_actions.claim_value(
        person(by),
        team=Team.objects.get(slug=team),
        model=model,
        title=title,
        kind=kind,
        quarter=quarters.quarter_of(timezone.now().date()),
        gross=Decimal(gross),
        method=method,
        evidence=evidence,
    )
