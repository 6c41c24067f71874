"""Verbs of search before build: search, say why what was found does not do, decide, take back (docs/search-before-build.md)."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from catalog import candidates, search_records
from catalog.models import (
    ReasonCode,
    RegisteredModel,
    ReuseDecision,
    SearchCandidate,
    SearchRecord,
)
from catalog.models.search_records import SEARCHED_WITHIN, VALID
from catalog.permissions import can_decide_search_record, can_open_search_record
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record as keep
from marketplace.core.decisions import REASON_MIN, require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify

NEED_MIN = 30  # characters: less than a sentence finds nothing
MOST_OPEN = 50  # of a team
DECIDED = SearchRecord.State.DECIDED


@dataclass(frozen=True)
class Reason:
    """Why the candidate at a position does not do."""

    position: int
    code: str
    text: str


@transaction.atomic
def open_search_record(by: User, *, team: Team, title: str, need: str) -> SearchRecord:
    """Search for what a team needs, and freeze what is found. Returns the SearchRecord. Raises NotAllowed, Invalid, RuleError."""
    require(
        can_open_search_record(by, team), f"Only members of {team} search for it.", ask=str(team)
    )
    require_fields(SearchRecord, title=title, need=need)
    if len(need.strip()) < NEED_MIN:
        raise Invalid(
            f"Say in at least {NEED_MIN} characters what you need.",
            field="need",
            remedy="Write what goes in, what should come out, and for whom.",
        )
    if SearchRecord.objects.filter(team=team, state=SearchRecord.State.OPEN).count() >= MOST_OPEN:
        raise RuleError(
            f"{team} has {MOST_OPEN} open records.", remedy="Decide or withdraw one first."
        )
    found = candidates.find(by, f"{title} {need}")
    record = SearchRecord.objects.create(
        title=title.strip(),
        need=need.strip(),
        team=team,
        opened_by=by,
        engine=found.engine,
        badge_key=secrets.token_urlsafe(16),
    )
    _freeze(record, found.candidates)
    count = len(found.candidates)
    keep(by, "search_record.open", record, team=team.slug, engine=record.engine, found=count)
    return record


def _freeze(record: SearchRecord, found: list[candidates.Candidate]) -> None:
    """Keep what the search says now, as it says it."""
    SearchCandidate.objects.bulk_create(
        SearchCandidate(
            record=record,
            position=position,
            model=candidate.model,
            name=candidate.model.name,
            summary=candidate.model.summary,
            version=candidate.model.stable.number if candidate.model.stable else "",
            score=Decimal(f"{candidate.score:.4f}"),
            is_strong=candidate.is_strong,
            findings=candidate.findings,
        )
        for position, candidate in enumerate(found, 1)
    )


@transaction.atomic
def give_reasons(by: User, record: SearchRecord, reasons: Iterable[Reason]) -> SearchRecord:
    """Say why candidates do not do; an empty reason takes one back. Raises NotAllowed, Invalid, RuleError."""
    record = _locked(record)
    _require_member(by, record)
    require_state(record, SearchRecord.State.OPEN)
    known = {candidate.position: candidate for candidate in record.candidates.all()}
    for reason in reasons:
        if reason.position not in known:
            raise Invalid(f"There is no candidate {reason.position}.", field="position")
        _give_reason(by, known[reason.position], reason)
    return record


def _give_reason(by: User, candidate: SearchCandidate, reason: Reason) -> None:
    text = reason.text.strip()
    if (candidate.reason_code, candidate.reason) == (reason.code, text):
        return
    field = f"reason_{candidate.position}"
    if bool(reason.code) != bool(text):
        raise Invalid("A reason is a kind and a sentence.", field=field)
    if reason.code and reason.code not in ReasonCode.values:
        raise Invalid(f"Choose one of: {', '.join(ReasonCode.values)}.", field=field)
    if text and len(text) < REASON_MIN:
        raise Invalid(f"Write at least {REASON_MIN} characters.", field=field)
    candidate.reason_code, candidate.reason = reason.code, text
    candidate.reasoned_by, candidate.reasoned_at = (by, timezone.now()) if text else (None, None)
    candidate.save(update_fields=["reason_code", "reason", "reasoned_by", "reasoned_at"])
    keep(
        by,
        "search_record.reason",
        candidate.record,
        reason=text,
        position=candidate.position,
        code=reason.code,
    )


@transaction.atomic
def decide_search_record(
    by: User,
    record: SearchRecord,
    *,
    decision: str,
    sponsor: str,
    reason: str,
    position: int | None = None,
    reasons: Iterable[Reason] = (),
) -> SearchRecord:
    """Decide to reuse or extend the candidate at `position`, or to build, and sign the record. `reasons`: to be kept first.

    Raises NotAllowed; Invalid, also when a strong candidate has no reason and something is to be built; RuleError.
    """
    record = give_reasons(by, record, reasons)
    chosen = _chosen(by, record, decision, position)
    require_fields(SearchRecord, sponsor=sponsor, decision_reason=reason)
    if len(reason.strip()) < REASON_MIN:
        raise Invalid(f"Say why in at least {REASON_MIN} characters.", field="reason")
    if not sponsor.strip():
        raise Invalid("Name who answers for the project and its cost.", field="sponsor")
    if record.opened_at < timezone.now() - SEARCHED_WITHIN:
        raise RuleError(
            f"The search is older than {SEARCHED_WITHIN.days} days: new models may be there.",
            remedy="Search again: open another record.",
        )
    now = timezone.now()
    made = {
        "decision": decision,
        "chosen": chosen,
        "sponsor": sponsor.strip(),
        "decision_reason": reason.strip(),
        "decided_by": by,
        "decided_at": now,
        "expires_at": now + VALID,
    }
    for name, value in made.items():
        setattr(record, name, value)
    transition(record, DECIDED, **made, signature=search_records.sign(record))
    keep(by, "search_record.decide", record, reason=reason.strip(), decision=decision)
    if chosen and not by.is_on(chosen.owner_team):
        _tell_owners(record, chosen)
    return record


@transaction.atomic
def withdraw_search_record(by: User, record: SearchRecord, reason: str) -> SearchRecord:
    """Take a record back: it holds no longer, and stays to be read. Raises NotAllowed, Invalid, RuleError."""
    record = _locked(record)
    _require_member(by, record)
    if len(reason.strip()) < REASON_MIN:
        raise Invalid(f"Say why in at least {REASON_MIN} characters.", field="reason")
    transition(record, SearchRecord.State.WITHDRAWN)
    keep(by, "search_record.withdraw", record, reason=reason.strip())
    return record


def _chosen(
    by: User, record: SearchRecord, decision: str, position: int | None
) -> RegisteredModel | None:
    """The model that a decision is about; None when something is built. Raises Invalid."""
    if decision not in ReuseDecision.values:
        raise Invalid("Decide: reuse, extend or build.", field="decision")
    found = search_records.shown_to(by, record)
    if decision == ReuseDecision.BUILD:
        _require_reasons(found)
        return None
    model = next((one.model for one in found if one.candidate.position == position), None)
    if model is None:
        raise Invalid("Choose one of the models that were found.", field="position")
    if model.state != RegisteredModel.State.PUBLISHED:
        raise Invalid(f"{model} is not in the catalog any more.", field="position")
    return model


def _require_reasons(found: list[search_records.Shown]) -> None:
    """What `by` may not see any more needs no reason: nobody of the team can judge it."""
    missing = [
        one.name
        for one in found
        if one.model and one.candidate.is_strong and not one.candidate.reason
    ]
    if missing:
        raise Invalid(
            f"Strong candidates without a reason: {', '.join(missing)}.",
            field="decision",
            remedy="Say of each why it does not do, or reuse it.",
        )


def _tell_owners(record: SearchRecord, chosen: RegisteredModel) -> None:
    """The owners of a model learn who counts on it."""
    wish = "use" if record.decision == ReuseDecision.REUSE else "have extended"
    notify(
        User.objects.on_teams([chosen.owner_team]),
        "reuse",
        f"{record.team} wants to {wish} {chosen}",
        body=f"{record.title}. {record.decision_reason}",
        url=chosen.get_absolute_url(),
        key=f"search-record:{record.pk}",
        model=chosen.slug,
        teams=[chosen.owner_team],
    )


def _require_member(by: User, record: SearchRecord) -> None:
    require(
        can_decide_search_record(by, record),
        f"Only members of {record.team} decide here.",
        ask=str(record.team),
    )


def _locked(record: SearchRecord) -> SearchRecord:
    return SearchRecord.objects.for_page().select_for_update(of=("self",)).get(pk=record.pk)
