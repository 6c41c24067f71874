"""Pages of what a model offers, and of changes that take something from its consumers."""

from django.contrib import messages
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from catalog.pages import get_visible_model_or_404, model_context
from consumption.changes import actions as changes
from consumption.changes.kinds import KINDS
from consumption.forms import ChangeForm, DecideChangeForm, TermsForm, VisibilityForm
from consumption.models import ScheduledChange, Subscription
from consumption.pages import plan_cards, propose_page
from consumption.permissions import (
    can_change,
    can_confirm,
    can_see_model_usage,
    can_withdraw_change,
)
from marketplace.core.forms import show, submitted

DECISIONS = {"confirm": changes.confirm, "refuse": changes.refuse}


def plans(request, slug):
    """What the model's publisher offers."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "consumption:plans")
    context["plans"] = plan_cards(
        entry.plans.filter(
            Q(is_offered=True) | Q(subscriptions__in=_seen(request, entry))
        ).distinct()
    )
    context["changes"] = (
        ScheduledChange.objects.visible_to(request.user).filter(model=entry).for_list()
    )
    context["can_change"] = can_change(request.user, entry)
    context["held"] = (
        Subscription.objects.held_by(request.user).filter(model=entry).open().for_list()
    )
    return render(request, "consumption/plans_tab.html", context)


def change(request, pk):
    """One change that takes something from consumers: what, whom, since when proposed; the second person answers here."""
    proposal = get_object_or_404(ScheduledChange.objects.visible_to(request.user).for_list(), pk=pk)
    form = DecideChangeForm(request.POST or None)
    done, _ = submitted(
        request, form, lambda decision, reason: DECISIONS[decision](request.user, proposal, reason)
    )
    if done:
        messages.success(
            request,
            "Confirmed: consumers were told."
            if form.cleaned_data["decision"] == "confirm"
            else "Refused.",
        )
        return redirect(proposal)
    teams = set(request.user.teams().values_list("slug", flat=True))
    sees_all = can_see_model_usage(request.user, proposal.model)
    context = {
        "change": proposal,
        "differences": KINDS[proposal.kind].differences(proposal),
        "affected": [row for row in proposal.affected if sees_all or row["team"] in teams],
        "can_confirm": can_confirm(request.user, proposal),
        "can_withdraw": can_withdraw_change(request.user, proposal)
        and proposal.state in proposal.OPEN,
    }
    return show(request, "consumption/change.html", form, **context)


@require_POST
def withdraw_change(request, pk):
    proposal = get_object_or_404(ScheduledChange.objects.visible_to(request.user).for_list(), pk=pk)
    changes.withdraw(request.user, proposal)
    messages.success(request, "Taken back.")
    return redirect(proposal)


def change_terms(request, slug, plan_slug):
    """New terms of a plan."""
    model = get_visible_model_or_404(request, slug)
    plan = get_object_or_404(model.plans, slug=plan_slug)
    return propose_page(request, model, ScheduledChange.Kind.TERMS, TermsForm, plan=plan)


def withdraw_plan(request, slug, plan_slug):
    """The end of a plan."""
    model = get_visible_model_or_404(request, slug)
    plan = get_object_or_404(model.plans, slug=plan_slug)
    return propose_page(request, model, ScheduledChange.Kind.WITHDRAWAL, ChangeForm, plan=plan)


def change_visibility(request, slug):
    """Who may use a model."""
    model = get_visible_model_or_404(request, slug)
    return propose_page(request, model, ScheduledChange.Kind.VISIBILITY, VisibilityForm)


def end_subscription(request, pk):
    """The publisher ends one subscription, with notice. Its own team closes it at once (`close_subscription`)."""
    subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    return propose_page(
        request,
        subscription.model,
        ScheduledChange.Kind.SUBSCRIPTION,
        ChangeForm,
        subscription=subscription,
    )


def _seen(request, entry):
    """The open subscriptions of a model that the person may see: they keep their plan on the page when it ends."""
    return Subscription.objects.visible_to(request.user).open().filter(model=entry)
