"""Verbs of amendments: propose, withdraw, decide, apply."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog import actions as catalog
from catalog.models import ModelVersion, RegisteredModel
from catalog.permissions import can_edit
from catalog.term_actions import require_current_terms
from catalog.watches import watchers
from governance import amendments, tiering
from governance.actions.reviews import require_decision
from governance.calendar import business_days_after
from governance.matrix import roles_for
from governance.models import Amendment, AmendmentDecision
from governance.permissions import kind_to_decide, reasons_against_amendment, undecided_kinds
from marketplace.accounts.models import User
from marketplace.audit.actions import record, refusal_on_record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

AMENDMENT_VERBS: dict[str, str] = {
    Amendment.State.APPROVED: "approve",
    Amendment.State.REFUSED: "refuse",
}


@transaction.atomic
def propose_amendment(
    by: User, model: RegisteredModel, facts: dict[str, Any], reason: str, weight: str = "facts"
) -> Amendment:
    """Ask for a change of facts that reviewers relied on (field → new value). Returns the Amendment.

    `weight` "spelling" needs one curator and is refused when more than spelling differs. Raises NotAllowed, Invalid, RuleError.
    """
    require(
        can_edit(by, model),
        f"Only members of {model.owner_team} propose amendments.",
        ask=str(model.owner_team),
    )
    model = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    require_current_terms(facts, model)
    changes = _changes_of_facts(model, catalog.checked_names(by, model, facts))
    _check_proposal(model, changes, reason, weight)
    tier = _tier_of(model)
    amendment = Amendment.objects.create(
        model=model,
        changes=changes,
        weight=weight,
        reason=reason.strip(),
        tier=tier,
        proposed_by=by,
        due_at=business_days_after(timezone.now(), amendments.business_days(weight, tier)),
    )
    record(by, "amendment.propose", amendment, reason=reason, changes=changes, weight=weight)
    for kind in undecided_kinds(amendment):
        deciders = User.objects.holding(*roles_for(kind, tier))
        notify(
            deciders,
            "review",
            f"To decide: {amendment}",
            url=amendment.get_absolute_url(),
            key=f"amendment-open:{amendment.pk}",
            model=amendment.model.slug,
        )
    return amendment


@transaction.atomic
def withdraw_amendment(by: User, amendment: Amendment) -> Amendment:
    """Take an amendment back before it is decided."""
    require(
        can_edit(by, amendment.model),
        f"Only members of {amendment.model.owner_team} withdraw it.",
        ask=str(amendment.model.owner_team),
    )
    transition(amendment, Amendment.State.WITHDRAWN, decided_at=timezone.now())
    resolve(f"amendment-open:{amendment.pk}")
    record(by, "amendment.withdraw", amendment)
    return amendment


def decide_amendment(
    by: User, amendment: Amendment, outcome: str, reason: str, no_conflict: bool
) -> AmendmentDecision:
    """Approve or refuse an amendment. The last yes that it needs changes the entry; one no ends it. Returns the decision.

    Raises NotAllowed (separation of duties; the attempt is recorded), Invalid, RuleError, StaleState.
    """
    with refusal_on_record(by, "amendment.decision_refused", amendment):
        return _decide_amendment(by, amendment, outcome, reason.strip(), no_conflict)


def _changes_of_facts(model: RegisteredModel, facts: dict[str, Any]) -> dict[str, dict[str, str]]:
    unknown = sorted(set(facts) - set(catalog.REVIEWED_FIELDS))
    if unknown:
        raise Invalid(
            f"{unknown[0]} is not changed by an amendment.",
            field=unknown[0],
            remedy="Edit the entry itself.",
        )
    changed = catalog.changed_fields(model, facts)
    return {
        name: {"before": _as_text(getattr(model, name)), "after": _as_text(facts[name])}
        for name in changed
    }


def _as_text(value: Any) -> str:
    """A fact as the amendment keeps it: text as it is, a term of a vocabulary by its slug."""
    return value if isinstance(value, str) else value.slug


def _check_proposal(
    model: RegisteredModel, changes: dict[str, dict[str, str]], reason: str, weight: str
) -> None:
    if not changes:
        raise Invalid(
            "Nothing differs from what the entry says.",
            field="facts",
            remedy="Change a field first.",
        )
    if not model.was_submitted():
        raise RuleError(
            f"Nobody has judged {model} yet.",
            remedy="Edit the entry itself: it needs no amendment.",
        )
    require_reason(reason, "reviewers and consumers read it")
    for other in model.amendments.filter(state=Amendment.State.OPEN):
        if both := sorted(set(other.changes) & set(changes)):
            raise RuleError(
                f"A change of its {both[0].replace('_', ' ')} is being reviewed.",
                field=both[0],
                remedy="Withdraw that one first.",
            )
    if weight == Amendment.Weight.SPELLING:
        _check_spelling(changes)


def _check_spelling(changes: dict[str, dict[str, str]]) -> None:
    for name, change in changes.items():
        is_term = name in ("domain", "capability", "model_type")
        if is_term or not amendments.is_spelling(change["before"], change["after"]):
            raise Invalid(
                f"The new {name.replace('_', ' ')} differs in more than spelling: words or numbers changed.",
                field="weight",
                remedy="Propose it as a change of facts.",
            )


def _tier_of(model: RegisteredModel) -> str:
    """The highest tier among the versions that somebody relies on."""
    tiers = model.versions.exclude(state__in=ModelVersion.NOT_RELIED_ON).values_list(
        "risk_tier", flat=True
    )
    return tiering.highest(filter(None, tiers))


@transaction.atomic
def _decide_amendment(
    by: User, amendment: Amendment, outcome: str, reason: str, no_conflict: bool
) -> AmendmentDecision:
    amendment = (
        Amendment.objects.select_for_update(of=("self",))
        .select_related("model__owner_team")
        .get(pk=amendment.pk)
    )
    require_state(amendment, Amendment.State.OPEN)
    refusal = reasons_against_amendment(by, amendment)
    require(not refusal, refusal, ask="the marketplace manager")
    require_decision(outcome, AMENDMENT_VERBS, reason, no_conflict)
    decision = AmendmentDecision.objects.create(
        amendment=amendment,
        kind=kind_to_decide(by, amendment),
        by=by,
        outcome=outcome,
        reason=reason,
    )
    record(by, f"amendment.{outcome}", amendment, reason=reason, kind=decision.kind)
    if outcome == Amendment.State.REFUSED:
        _close_amendment(amendment, Amendment.State.REFUSED, reason)
    elif not undecided_kinds(Amendment.objects.get(pk=amendment.pk)):
        _apply_amendment(by, amendment)
    return decision


def _apply_amendment(by: User, amendment: Amendment) -> None:
    model = RegisteredModel.objects.select_for_update().get(pk=amendment.model_id)
    for name, change in amendment.changes.items():
        if _as_text(getattr(model, name)) != change["before"]:
            raise RuleError(
                f"The {name.replace('_', ' ')} changed since this was proposed.",
                remedy="Refuse it, so that it is proposed anew.",
            )
    facts = {name: _as_value(name, change["after"]) for name, change in amendment.changes.items()}
    catalog.amend(by, model, **facts)
    _close_amendment(amendment, Amendment.State.APPROVED, amendment.reason)
    if amendment.weight == Amendment.Weight.FACTS:
        names = ", ".join(fact.label.lower() for fact in amendment.changed_facts())
        using = model.subscriptions.granted()
        users = User.objects.on_teams(using.values("application__team"))
        notify(
            {*users, *watchers(model)},
            "model.amended",
            f"{model} says something else about its {names}",
            body=amendment.reason,
            url=amendment.get_absolute_url(),
            key=f"amended:{amendment.pk}",
            teams=[pk for (pk,) in using.values_list("application__team")],
            model=model.slug,
        )


def _as_value(name: str, text: str) -> Any:
    field: Any = RegisteredModel._meta.get_field(name)
    return field.related_model.objects.get(slug=text) if field.is_relation else text


def _close_amendment(amendment: Amendment, to: str, reason: str) -> None:
    transition(amendment, to, decided_at=timezone.now())
    resolve(f"amendment-open:{amendment.pk}")
    team = User.objects.on_teams([amendment.model.owner_team])
    title = f"{amendment}: {amendment.get_state_display().lower()}"
    notify(
        team,
        "review",
        title,
        body=reason,
        url=amendment.get_absolute_url(),
        key=f"amendment-{to}:{amendment.pk}",
        model=amendment.model.slug,
    )
