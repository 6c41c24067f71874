"""Verbs of retirement waivers: ask, grant, refuse, end (docs/governance.md, "Retirement"). The same four eyes as for a gate."""

from collections.abc import Iterable
from datetime import date

from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models import Subscription
from governance import policies
from governance.actions.waivers import require_prose, settle
from marketplace.accounts.models import User
from marketplace.audit.actions import record, refusal_on_record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import StaleState, transition
from marketplace.notices.actions import notify, resolve
from publishing import campaigns, migration_board
from publishing.models import RetirementWaiver
from publishing.permissions import can_deprecate, reasons_against_retirement_waiver

State = RetirementWaiver.State


@transaction.atomic
def ask_retirement_waiver(
    by: User,
    version: ModelVersion,
    subscription: Subscription,
    reason: str,
    instead: str,
    ends_on: date,
) -> RetirementWaiver:
    """Ask that a version may retire though one subscription has not moved. Its team is told. Returns the RetirementWaiver.

    Raises NotAllowed, Invalid, RuleError.
    """
    version = (
        ModelVersion.objects.select_for_update(of=("self",))
        .select_related("model__owner_team")
        .get(pk=version.pk)
    )
    owner_team = version.model.owner_team
    require(
        can_deprecate(by, version),
        f"{owner_team} or the marketplace manager asks for it.",
        ask=str(owner_team),
    )
    if version.state != ModelVersion.State.DEPRECATED:
        raise RuleError(
            f"{version} is {version.get_state_display().lower()}: no end is to come.",
            remedy="Reload the page and look again.",
        )
    row = next(
        (row for row in migration_board.of(version) if row.subscription.pk == subscription.pk), None
    )
    if row is None or not row.is_blocking:
        raise RuleError(
            f"{version} need not wait for {subscription.application}.",
            field="subscription",
            remedy="Choose an application that still calls it.",
        )
    if row.waiver is not None:
        raise RuleError(
            "A waiver was asked for.", field="subscription", remedy="Wait until it is decided."
        )
    require_reason(reason, "governance decides by it, and the consumer's team reads it")
    require_prose(instead, "what the consumer does without it", "instead")
    _require_fitting_end(version, ends_on)
    waiver = RetirementWaiver.objects.create(
        version=version,
        subscription=subscription,
        reason=reason.strip(),
        instead=instead.strip(),
        ends_on=ends_on,
        proposed_by=by,
    )
    record(by, "retirement_waiver.ask", waiver, reason=waiver.reason, ends_on=ends_on.isoformat())
    team = User.objects.on_teams([subscription.application.team])
    _tell(waiver, User.objects.holding(*waiver.roles), "To decide: ", "open")
    _tell(waiver, team, f"{owner_team} asks not to wait for you: ", "asked")
    return waiver


def decide_retirement_waiver(
    by: User, waiver: RetirementWaiver, outcome: str, reason: str, no_conflict: bool
) -> RetirementWaiver:
    """Grant or refuse: outcome is "granted" or "refused". Returns the RetirementWaiver.

    Raises NotAllowed (separation of duties; the attempt is recorded), Invalid, RuleError.
    """
    with refusal_on_record(by, "retirement_waiver.decision_refused", waiver):
        return _decide(by, waiver, outcome, reason, no_conflict)


def end_retirement_waivers(today: date) -> int:
    """Those whose last day has passed end: the version has to wait again. Returns how many."""
    system, ended = User.objects.system("publisher"), 0
    due = RetirementWaiver.objects.filter(state=State.GRANTED, ends_on__lt=today)
    # The few first: joined at once, the database reads all versions to find none.
    pks = list(due.values_list("pk", flat=True))
    for waiver in list(RetirementWaiver.objects.for_page().filter(pk__in=pks)):
        try:
            with transaction.atomic():
                transition(waiver, State.ENDED)
                record(system, "retirement_waiver.end", waiver, version=waiver.version_id)
            ended += 1
        except StaleState:
            continue
        if waiver.version.state == ModelVersion.State.DEPRECATED:
            owners = User.objects.on_teams([waiver.version.model.owner_team])
            _tell(waiver, owners, "Ended, the version has to wait again: ", "ended")
    return ended


@transaction.atomic
def _decide(
    by: User, waiver: RetirementWaiver, outcome: str, reason: str, no_conflict: bool
) -> RetirementWaiver:
    waiver = RetirementWaiver.objects.for_page().select_for_update(of=("self",)).get(pk=waiver.pk)
    refusal = reasons_against_retirement_waiver(by, waiver)
    settle(by, waiver, refusal, outcome, reason, no_conflict)
    record(
        by, f"retirement_waiver.{outcome}", waiver, reason=reason.strip(), version=waiver.version_id
    )
    resolve(_key(waiver, "open"))
    teams = [waiver.version.model.owner_team, waiver.subscription.application.team]
    _tell(waiver, User.objects.on_teams(teams), f"{waiver.get_state_display()}: ", outcome)
    return waiver


def _require_fitting_end(version: ModelVersion, ends_on: date) -> None:
    """It holds at the sunset, or it would be of no use, and not longer than a waiver may."""
    longest = policies.in_force().days("waiver_days", version.risk_tier or "low")
    sunset = version.sunset_at.date() if version.sunset_at else timezone.localdate()
    first = max(sunset, timezone.localdate())
    if not 0 <= (ends_on - first).days <= longest:
        raise Invalid(
            f"Choose a day between {first:%-d %B %Y}, when the version may end, and {longest} days later.",
            field="ends_on",
        )


def _tell(waiver: RetirementWaiver, people: Iterable[User], start: str, occasion: str) -> None:
    notify(
        people,
        "review" if occasion == "open" else campaigns.KIND,
        f"{start}{waiver}",
        body=waiver.reason,
        url=waiver.get_absolute_url(),
        key=_key(waiver, occasion),
        model=waiver.version.model.slug,
        application=waiver.subscription.application.slug,
    )


def _key(waiver: RetirementWaiver, occasion: str) -> str:
    return f"retirement-waiver-{occasion}:{waiver.pk}"
