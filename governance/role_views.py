"""Pages of marketplace roles: who holds which, who gave it; propose, decide, end."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from governance import actions
from governance.deciding import decide_page
from governance.models import GIVEN_BY_ONE, SEES_ROLES, RoleChange
from governance.permissions import can_give_roles, reasons_against_role_change
from marketplace.accounts.models import RoleGrant, User
from marketplace.accounts.requests import PageRequest
from marketplace.core.field_limits import REASON
from marketplace.core.forms import show, submitted

PAGE_SIZE = 50


def _reason() -> forms.CharField:
    return forms.CharField(
        max_length=REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="At least 20 characters. It stays on the record, and auditors read it.",
    )


class RoleForm(forms.Form):
    user = forms.ModelChoiceField(
        User.objects.filter(is_active=True, is_system=False),
        to_field_name="username",
        label="Person",
        widget=forms.TextInput,
        help_text="The name with which they sign in",
    )
    role = forms.ChoiceField(choices=RoleGrant.Role.choices)
    reason = _reason()


class RoleDecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label="Decision",
        widget=forms.RadioSelect,
        choices=[("granted", "Grant"), ("refused", "Refuse")],
    )
    reason = _reason()


def roles(request: PageRequest) -> HttpResponse:
    """Who holds which role since when and by whom; what waits for a second person."""
    if not request.user.has_role(*SEES_ROLES):
        raise Http404
    form = RoleForm(request.POST or None)
    done, change = submitted(
        request, form, lambda **given: actions.propose_role(request.user, **given)
    )
    if done:
        messages.success(request, f"{change}: {change.get_state_display().lower()}.")
        return redirect("governance:roles")
    held = (
        RoleGrant.objects.filter(revoked_at=None)
        .select_related("user", "granted_by", "change__decided_by")
        .order_by("role", "user__username")
    )
    context: dict[str, Any] = {
        "page_obj": Paginator(held, PAGE_SIZE).get_page(request.GET.get("page")),
        "waiting": RoleChange.objects.open().for_page()[:PAGE_SIZE],
        "may_give": can_give_roles(request.user),
        "given_by_one": [role.label.lower() for role in GIVEN_BY_ONE],
    }
    return show(request, "governance/roles.html", form, **context)


def role_change(request: PageRequest, pk: int) -> HttpResponse:
    """What was proposed, by whom and why; and the decision for who may."""
    change = get_object_or_404(RoleChange.objects.visible_to(request.user).for_page(), pk=pk)
    return decide_page(
        request,
        change,
        RoleDecisionForm(request.POST or None),
        actions.decide_role,
        "governance/role_change.html",
        change=change,
        reasons_against=reasons_against_role_change(request.user, change),
    )


@require_POST
def end_role(request: PageRequest, pk: int) -> HttpResponse:
    """Take a role away."""
    if not request.user.has_role(*SEES_ROLES):
        raise Http404
    grant = get_object_or_404(RoleGrant.objects.select_related("user"), pk=pk)
    actions.end_role(request.user, grant, request.POST.get("reason", ""))
    messages.success(request, f"Ended: {grant}.")
    return redirect("governance:roles")
