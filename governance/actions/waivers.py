"""Verbs of waivers: ask, grant, refuse; and what the clock does (docs/governance.md, "Waivers")."""

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion
from governance import gates, policies
from governance.actions.evidence import blocking_gates
from governance.actions.reviews import require_decision
from governance.matrix import JUSTIFIED
from governance.models import GateResult, TimedWaiver, Waiver, WaiverState
from governance.permissions import can_ask_waiver, reasons_against_waiver
from marketplace.accounts.models import User
from marketplace.audit.actions import record, refusal_on_record
from marketplace.core.background import enqueue
from marketplace.core.decisions import REASON_MIN, require_reason, require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import StaleState, transition
from marketplace.notices.actions import notify, resolve

REMINDER_DAYS = (14, 3)
WAIVER_VERBS: dict[str, str] = {WaiverState.GRANTED: "grant", WaiverState.REFUSED: "refuse"}


def askable(user: User, version: ModelVersion) -> list[gates.Gate]:
    """The gates that block this version and that the person may ask to be waived."""
    asked = set(
        version.waivers.filter(
            manifest_sha256=version.manifest_sha256, state=WaiverState.OPEN
        ).values_list("gate", flat=True)
    )
    blocking = [result for result in blocking_gates(version) if result.gate not in asked]
    return [
        gates.BY_NAME[result.gate]
        for result in blocking
        if _is_waivable(result) and can_ask_waiver(user, version, result.gate)
    ]


@transaction.atomic
def ask_waiver(
    by: User,
    version: ModelVersion,
    gate: str,
    reason: str,
    instead: str,
    ends_on: date,
    alternatives: str = "",
) -> Waiver:
    """Ask that a gate which blocks is opened until a day. Returns the Waiver. Raises NotAllowed, Invalid, RuleError.

    alternatives: of a justification of a failed fairness check, which less unequal ones were tried.
    """
    version = (
        ModelVersion.objects.select_for_update(of=("self",))
        .select_related("model__owner_team")
        .get(pk=version.pk)
    )
    require(
        can_ask_waiver(by, version, gate),
        *who_asks(version, gate),
    )
    declared = gates.BY_NAME.get(gate)
    if declared is None or not (declared.is_waivable or gate == JUSTIFIED):
        raise Invalid("No waiver opens this check.", field="gate")
    if declared not in askable(by, version):
        raise RuleError(
            f"{declared.label} does not block {version}, or a waiver was asked for.",
            field="gate",
            remedy="Reload the page and look again.",
        )
    require_reason(reason, "it stays on the record, and reviewers and consumers read it")
    require_prose(instead, "what is done instead", "instead")
    _require_fitting_end(version, ends_on)
    if gate == JUSTIFIED:
        what = "which less unequal alternatives were tried"
        require_prose(alternatives, what, "alternatives")
    waiver = Waiver.objects.create(
        version=version,
        gate=gate,
        manifest_sha256=version.manifest_sha256,
        reason=reason.strip(),
        instead=instead.strip(),
        alternatives=alternatives.strip(),
        ends_on=ends_on,
        proposed_by=by,
    )
    record(by, "waiver.ask", waiver, reason=waiver.reason, gate=gate, ends_on=ends_on.isoformat())
    notify(
        User.objects.holding(*waiver.roles),
        "review",
        f"To decide: {waiver}",
        body=waiver.reason,
        url=waiver.get_absolute_url(),
        key=f"waiver-open:{waiver.pk}",
        model=waiver.version.model.slug,
    )
    return waiver


def _require_fitting_end(version: ModelVersion, ends_on: date) -> None:
    longest = policies.in_force().days("waiver_days", version.risk_tier)
    if not 1 <= (ends_on - timezone.localdate()).days <= longest:
        raise Invalid(
            f"Choose a day between tomorrow and {longest} days from now.", field="ends_on"
        )


def decide_waiver(by: User, waiver: Waiver, outcome: str, reason: str, no_conflict: bool) -> Waiver:
    """Grant or refuse a waiver: outcome is a WaiverState of granted or refused. Returns the Waiver.

    Raises NotAllowed (separation of duties; the attempt is recorded), Invalid, RuleError.
    """
    with refusal_on_record(by, "waiver.decision_refused", waiver):
        return _decide(by, waiver, outcome, reason, no_conflict)


@transaction.atomic
def _decide(by: User, waiver: Waiver, outcome: str, reason: str, no_conflict: bool) -> Waiver:
    waiver = Waiver.objects.for_page().select_for_update(of=("self",)).get(pk=waiver.pk)
    settle(by, waiver, reasons_against_waiver(by, waiver), outcome, reason, no_conflict)
    record(by, f"waiver.{outcome}", waiver, reason=reason.strip(), version=waiver.version_id)
    resolve(f"waiver-open:{waiver.pk}")
    notify(
        User.objects.on_teams([waiver.version.model.owner_team]),
        "review",
        f"{waiver}: {waiver.get_state_display().lower()}",
        body=reason.strip(),
        url=waiver.get_absolute_url(),
        key=f"waiver-{outcome}:{waiver.pk}",
        model=waiver.version.model.slug,
    )
    enqueue("governance.check", waiver.version_id)
    return waiver


def settle(
    by: User, waiver: TimedWaiver, refusal: str, outcome: str, reason: str, no_conflict: bool
) -> None:
    """Grant or refuse a locked waiver of any kind. refusal: why `by` may not, or "". Raises NotAllowed, Invalid, RuleError."""
    require(not refusal, refusal, ask="the marketplace manager")
    require_state(waiver, WaiverState.OPEN)
    require_decision(outcome, WAIVER_VERBS, reason, no_conflict)
    if outcome == WaiverState.GRANTED and waiver.ends_on < timezone.localdate():
        raise RuleError("Its last day has passed.", remedy="Refuse it.")
    transition(waiver, outcome, **waiver.decision(by, reason))


def require_prose(text: str, what: str, field: str) -> None:
    """Raises Invalid unless it says enough."""
    if len(text.strip()) < REASON_MIN:
        raise Invalid(f"Say {what}, in at least {REASON_MIN} characters.", field=field)


def end_waivers(today: date) -> int:
    """Waivers whose last day has passed end: the gate blocks again. Returns how many."""
    system, ended = User.objects.system("gates"), 0
    for waiver in _granted(ends_on__lt=today):
        try:
            with transaction.atomic():
                transition(waiver, WaiverState.ENDED)
                record(system, "waiver.end", waiver, version=waiver.version_id)
                _remind(waiver, f"{waiver} ended: the check blocks again", 0)
            ended += 1
        except StaleState:
            continue
    return ended


def remind_of_waivers(today: date) -> int:
    """Notify the owner team and who granted it 14 and 3 days before its end. Returns how many waivers."""
    until = today + timedelta(days=max(REMINDER_DAYS))
    waivers = _granted(ends_on__gte=today, ends_on__lte=until)
    for waiver in waivers:
        left = (waiver.ends_on - today).days
        stage = min(days for days in REMINDER_DAYS if left <= days)
        _remind(waiver, f"{waiver} ends on {waiver.ends_on:%-d %B %Y}", stage)
    return len(waivers)


def who_asks(version: ModelVersion, gate: str) -> tuple[str, str]:
    """The sentence for those who may not, and whom they ask."""
    team = str(version.model.owner_team)
    if gate == JUSTIFIED:
        return f"A fairness reviewer from outside {team} justifies it.", "a fairness reviewer"
    return f"Only members of {team} ask for a waiver.", team


def _is_waivable(result: GateResult) -> bool:
    """A gate that may be waived; or a fairness check that failed, not one that could not be judged."""
    failed = result.verdict == GateResult.Verdict.FAIL
    return gates.BY_NAME[result.gate].is_waivable or (result.gate == JUSTIFIED and failed)


def _granted(**ends: date) -> list[Waiver]:
    """Granted waivers that end so. The few first: joined at once, the database reads all versions to find none."""
    due = Waiver.objects.filter(state=WaiverState.GRANTED, **ends).values_list("pk", flat=True)
    return list(Waiver.objects.for_page().filter(pk__in=list(due)))


def _remind(waiver: Waiver, title: str, stage: int) -> None:
    people = User.objects.on_teams([waiver.version.model.owner_team])
    notify(
        people | User.objects.holding(*waiver.roles),
        "review",
        title,
        body=waiver.instead,
        url=waiver.get_absolute_url(),
        key=f"waiver-ends-{stage}:{waiver.pk}",
        model=waiver.version.model.slug,
    )
