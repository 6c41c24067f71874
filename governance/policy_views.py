"""Pages of policies: what holds, since when and why; propose another text with its effect; decide."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from governance import actions, policies, policy_parameters
from governance.actions.policies import WHO
from governance.models import SEES_ROLES, PolicyChange, PolicyChangeState, PolicyKind, PolicyVersion
from governance.permissions import (
    can_change_policies,
    can_withdraw_policy_change,
    reasons_against_policy_change,
)
from governance.policy_forms import PolicyDecisionForm, PolicyForm
from governance.policy_parameters import Difference, Section
from governance.rules import Text
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require

MOST_SHOWN = 50  # versions of a preview, and changes of a history
ABOUT = {
    PolicyKind.TIERING: "How the answers about risk lead to a tier.",
    PolicyKind.CARD_SCHEMA: "Which questions of the card are required, and how complete it must be.",
    PolicyKind.REVIEW_MATRIX: "Which reviews a version needs, how long each may take, and what reviewers answer.",
    PolicyKind.GATES: "Which failed check blocks a version, and which only warns.",
    PolicyKind.PERIODS: "How long approvals, waivers, conditions and notices last.",
}


@dataclass(frozen=True)
class PolicyRow:
    """One kind of policy in the list."""

    kind: PolicyKind
    about: str
    semver: str
    approved: PolicyChange | None  # the change that is in force; none: the product's own text
    coming: PolicyChange | None  # approved, and not begun
    waiting: PolicyChange | None


@dataclass(frozen=True)
class Table:
    """A section of a policy with its values, or with its form fields."""

    section: Section
    rows: list[tuple[str, list[Any]]]

    @property
    def has_errors(self) -> bool:
        """Of a form: something in it could not be taken."""
        return any(cell.field and cell.field.errors for _, cells in self.rows for cell in cells)


@dataclass(frozen=True)
class Cell:
    """A form field with the words that a screen reader has for it; of a fixed parameter its value alone."""

    label: str
    field: forms.BoundField | None
    value: str


def policy_list(request: PageRequest) -> HttpResponse:
    """Every kind of policy: which version is in force since when, and what waits."""
    rules, now = policies.in_force(), timezone.now()
    changes = list(PolicyChange.objects.for_page().defer("before", "effect"))
    rows = []
    for kind in PolicyKind:
        own = [change for change in changes if change.kind == kind]
        approved = [change for change in own if change.policy]
        rows.append(
            PolicyRow(
                kind,
                ABOUT[kind],
                rules.texts[kind]["semver"],
                next((change for change in approved if change.effective_from <= now), None),
                next((change for change in approved if change.effective_from > now), None),
                next((change for change in own if change.state == PolicyChangeState.OPEN), None),
            )
        )
    return render(
        request,
        "governance/policies.html",
        {"rows": rows, "sees_controls": request.user.has_role(*SEES_ROLES)},
    )


def policy(request: PageRequest, kind: str) -> HttpResponse:
    """One policy in words, and its history: who changed what, when and why."""
    kind = _kind(kind)
    text = policies.in_force().texts[kind]
    history = PolicyChange.objects.for_page().filter(kind=kind)[:MOST_SHOWN]
    context = {
        "kind": kind,
        "about": ABOUT[kind],
        "semver": text["semver"],
        "tables": _tables(kind, text),
        "history": [(change, _differences(change)) for change in history],
        "product_texts": PolicyVersion.objects.filter(kind=kind, change=None).order_by("-pk"),
        "may_propose": can_change_policies(request.user),
        "now": timezone.now(),
    }
    return render(request, "governance/policy.html", context)


def propose_policy(request: PageRequest, kind: str) -> HttpResponse:
    """Change the policy in a form; the effect on current versions is shown before anything is saved."""
    kind = _kind(kind)
    require(can_change_policies(request.user), *WHO)
    base = policies.newest(kind)
    is_preview = "preview" in request.POST
    form = PolicyForm(request.POST or None, kind=kind, text=base, is_preview=is_preview)
    verb = _preview if is_preview else actions.propose_policy
    done, result = submitted(request, form, lambda **given: verb(request.user, kind, **given))
    context = {"kind": kind, "tables": _form_tables(kind, form), "semver": base["semver"]}
    if done and is_preview:
        after = policy_parameters.changed(kind, base, form.cleaned_data["values"])
        context |= {
            "preview": result,
            "most": MOST_SHOWN,
            "differences": policy_parameters.differences(kind, base, after),
        }
        return render(request, "governance/propose_policy.html", {"form": form, **context})
    if done:
        messages.success(request, "Proposed. A second person of governance decides.")
        return redirect(result)
    return show(request, "governance/propose_policy.html", form, **context)


def policy_change(request: PageRequest, pk: int) -> HttpResponse:
    """What was proposed, what it would mean, and the decision for who may."""
    change = get_object_or_404(PolicyChange.objects.visible_to(request.user).for_page(), pk=pk)
    form = PolicyDecisionForm(request.POST or None)
    done, _ = submitted(
        request, form, lambda **given: actions.decide_policy(request.user, change, **given)
    )
    if done:
        messages.success(request, f"Recorded: {change}.")
        return redirect(change)
    is_open = change.state == PolicyChangeState.OPEN
    sees_effect = is_open and can_change_policies(request.user)
    return show(
        request,
        "governance/policy_change.html",
        form,
        change=change,
        is_open=is_open,
        differences=_differences(change),
        preview=actions.preview_of(change.kind, change.after) if sees_effect else None,
        most=MOST_SHOWN,
        reasons_against=reasons_against_policy_change(request.user, change),
        may_withdraw=is_open and can_withdraw_policy_change(request.user, change),
    )


@require_POST
def withdraw_policy(request: PageRequest, pk: int) -> HttpResponse:
    """Take a proposal back."""
    change = get_object_or_404(PolicyChange.objects.visible_to(request.user), pk=pk)
    actions.withdraw_policy(request.user, change, request.POST.get("reason", ""))
    messages.success(request, f"Withdrawn: {change}.")
    return redirect(change)


def _preview(
    by: Any, kind: str, values: dict[str, Any], effective_from: datetime, reason: str
) -> Any:
    """The preview of what a form says; nothing is saved. Raises Invalid naming the parameter."""
    return actions.preview_of(kind, policy_parameters.changed(kind, policies.newest(kind), values))


def _kind(name: str) -> PolicyKind:
    if name not in PolicyKind:
        raise Http404
    return PolicyKind(name)


def _differences(change: PolicyChange) -> list[Difference]:
    return policy_parameters.differences(change.kind, change.before, change.after)


def _tables(kind: str, text: Text) -> list[Table]:
    return [
        Table(
            section,
            [(row.label, [cell.shown(text) for cell in row.cells]) for row in section.rows],
        )
        for section in policy_parameters.sections(kind, text)
    ]


def _form_tables(kind: str, form: PolicyForm) -> list[Table]:
    return [
        Table(
            section,
            [
                (
                    row.label,
                    [
                        Cell(
                            cell.label,
                            None if cell.is_fixed else form[cell.name],
                            cell.shown(form.text),
                        )
                        for cell in row.cells
                    ],
                )
                for row in section.rows
            ],
        )
        for section in policy_parameters.sections(kind, form.text)
    ]
