"""Verbs of claims: write one, confirm it as the owner of the value, validate or reject it as finance (docs/value.md, "Claims")."""

from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.insights.ledger import cohorts, posting, quarters, rules
from marketplace.insights.ledger.permissions import (
    can_claim,
    can_confirm_claim,
    can_reject_claim,
    can_validate_claim,
)
from marketplace.insights.models import ClaimKind, ReuseEvent, ValueClaim
from marketplace.notices.actions import notify, resolve

WEEKS_A_YEAR = 52


@transaction.atomic
def claim_value(
    by: User,
    *,
    team: Team,
    model: RegisteredModel,
    title: str,
    kind: str,
    quarter: date,
    gross: Decimal,
    method: str,
    evidence: str,
    attribution_percent: int = rules.ATTRIBUTION_MOST,
    attribution_reason: str = "",
) -> ValueClaim:
    """Claim what a model brings in a year, USD. Raises NotAllowed, Invalid."""
    require(can_claim(by, team), f"Only members of {team} claim its value.", ask=str(team))
    _check_claim(kind, quarter, gross, attribution_percent, attribution_reason)
    require_fields(ValueClaim, title=title, method=method, evidence=evidence)
    for field, text in (("method", method), ("evidence", evidence)):
        if len(text.strip()) < 20:
            raise Invalid("Write at least 20 characters: finance checks it.", field=field)
    claim = ValueClaim.objects.create(
        team=team,
        business_unit_id=team.business_unit_id,
        model=model,
        title=title.strip(),
        kind=kind,
        quarter=quarter,
        gross=gross,
        method=method.strip(),
        evidence=evidence.strip(),
        attribution_percent=attribution_percent,
        attribution_reason=attribution_reason.strip(),
        claimed_by=by,
    )
    record(by, "claim.open", claim, value=f"{claim.value:f}", quarter=claim.quarter_name)
    leads = [
        user
        for user in posting.leads_of_unit(team.business_unit_id)
        if can_confirm_claim(user, claim)
    ]
    _tell(leads, claim, f"{team} claims value: {claim}", f"claim-open:{claim.pk}")
    return claim


def _check_claim(kind: str, quarter: date, gross: Decimal, percent: int, reason: str) -> None:
    if kind not in ClaimKind.values:
        raise Invalid(f"Choose one of: {', '.join(ClaimKind.values)}.", field="kind")
    if quarter != quarters.quarter_of(quarter) or quarter > timezone.now().date():
        raise Invalid("Choose a quarter that has begun.", field="quarter")
    if not 1 <= gross <= rules.MOST:
        raise Invalid(f"Give an amount from 1 to {rules.MOST:,} USD.", field="gross")
    if not 1 <= percent <= 100:
        raise Invalid("Give a whole number from 1 to 100.", field="attribution_percent")
    if percent > rules.ATTRIBUTION_MOST and len(reason.strip()) < 20:
        raise Invalid(
            f"Say in at least 20 characters why more than {rules.ATTRIBUTION_MOST} % of it is owed to the model.",
            field="attribution_reason",
        )


@transaction.atomic
def confirm_claim(by: User, claim: ValueClaim) -> ValueClaim:
    """The owner of the value stands for it. Raises NotAllowed, RuleError."""
    require(
        can_confirm_claim(by, claim),
        f"Somebody who leads a team of {claim.business_unit} confirms it, and did not write it.",
        ask=f"a lead in {claim.business_unit}",
    )
    transition(
        claim,
        ValueClaim.State.OWNER_CONFIRMED,
        owner_confirmed_by=by,
        owner_confirmed_at=timezone.now(),
    )
    record(by, "claim.confirm", claim)
    resolve(f"claim-open:{claim.pk}")
    finance = [user for user in User.objects.holding("finance") if can_validate_claim(user, claim)]
    _tell(finance, claim, f"To be validated: {claim}", f"claim-confirmed:{claim.pk}")
    return claim


@transaction.atomic
def validate_claim(
    by: User, claim: ValueClaim, reason: str, *, is_independent: bool = False
) -> ValueClaim:
    """Count a claim from this quarter on. `is_independent`: what came earlier is no part of an avoided cost. Raises NotAllowed, RuleError."""
    require(
        can_validate_claim(by, claim),
        f"Finance validates: nobody who wrote or confirmed it, or is on {claim.team}.",
        ask="Finance",
    )
    require_reason(reason, "auditors read it")
    require_state(claim, ValueClaim.State.OWNER_CONFIRMED)
    posting.lock()
    weeks = cohorts.weeks_saved(claim.team, claim.model)
    may_count = is_independent or not _is_avoided_too(claim)
    acceleration = (
        (claim.value * weeks / WEEKS_A_YEAR).quantize(rules.CENT) if may_count else Decimal()
    )
    transition(
        claim,
        ValueClaim.State.VALIDATED,
        posted_quarter=quarters.quarter_of(timezone.now().date()),
        is_independent=is_independent,
        weeks_saved=weeks,
        acceleration=acceleration,
        **claim.decision(by, reason),
    )
    record(
        by,
        "claim.validate",
        claim,
        reason=reason,
        value=f"{claim.counts:f}",
        independent=is_independent,
    )
    resolve(f"claim-confirmed:{claim.pk}")
    _tell([claim.claimed_by], claim, f"Validated: {claim}", f"claim-decided:{claim.pk}")
    return claim


def _is_avoided_too(claim: ValueClaim) -> bool:
    lines = ReuseEvent.objects.standing().filter(
        team=claim.team, capability=claim.model.capability, high__gt=0
    )
    return bool(lines.exists())


@transaction.atomic
def reject_claim(by: User, claim: ValueClaim, reason: str) -> ValueClaim:
    """Say no to a claim. Raises NotAllowed, Invalid, RuleError."""
    require(
        can_reject_claim(by, claim),
        "Whoever would confirm or validate the claim rejects it.",
        ask="Finance",
    )
    require_reason(reason, f"{claim.team} reads it")
    transition(claim, ValueClaim.State.REJECTED, **claim.decision(by, reason))
    record(by, "claim.reject", claim, reason=reason)
    for key in ("claim-open", "claim-confirmed"):
        resolve(f"{key}:{claim.pk}")
    _tell([claim.claimed_by], claim, f"Not counted: {claim}", f"claim-decided:{claim.pk}", reason)
    return claim


def _tell(people: list[User], claim: ValueClaim, title: str, key: str, body: str = "") -> None:
    notify(
        people,
        "value",
        title,
        body=body,
        url=claim.get_absolute_url(),
        key=key,
        model=claim.model.slug,
    )
