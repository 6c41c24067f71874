"""Pages of getting access: applications, subscriptions, and who depends on a model."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from catalog.pages import get_visible_model_or_404, model_context
from consumption import actions, deadlines, pages
from consumption.forms import ApplicationForm, DecideForm
from consumption.models import Application, Rollout, Subscription, with_last_run
from consumption.permissions import (
    can_change,
    can_decide_subscription,
    can_manage_application,
    can_see_model_usage,
)
from consumption.subscribing import drafts, holdings
from marketplace.core.forms import show, submitted


def access(request):
    """What needs the person, and all subscriptions and applications of their teams."""
    held = list(Subscription.objects.held_by(request.user).for_list())
    due = deadlines.for_person(request.user, held)
    rows = holdings.holdings(held, due)
    going_on = [row for row in rows if not row.is_ended]
    context = {
        "applications": Application.objects.filter(team__in=request.user.teams()).for_list(),
        "deadlines": due,
        "holdings": going_on,
        "costs": holdings.total(going_on),
        "ended": [row.subscription for row in rows if row.is_ended],
        "begun": drafts.begun_by(request.user),
    }
    return render(request, "consumption/access.html", context)


def new_application(request):
    form = ApplicationForm(request.POST or None, user=request.user)
    done, application = submitted(
        request, form, lambda **data: actions.create_application(request.user, **data)
    )
    if done:
        messages.success(request, f"{application} is entered. Now find it a model.")
        return redirect(application)
    return show(request, "consumption/application_form.html", form)


def application(request, slug):
    """One application: its subscriptions, their keys, what it used."""
    owned = get_object_or_404(
        Application.objects.visible_to(request.user).select_related("team"), slug=slug
    )
    context = {
        "application": owned,
        "cards": pages.subscription_cards(owned.subscriptions.for_list()),
        "can_manage": can_manage_application(request.user, owned),
    }
    return render(request, "consumption/application.html", context)


def decide(request, pk):
    """The publisher's answer to a request."""
    subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    form = DecideForm(request.POST or None)
    verbs = {"approve": actions.approve_subscription, "deny": actions.deny_subscription}
    done, _ = submitted(
        request, form, lambda decision, reason: verbs[decision](request.user, subscription, reason)
    )
    if done:
        messages.success(request, f"Answered: {subscription}.")
        return redirect("consumption:access")
    return show(
        request,
        "consumption/decide.html",
        form,
        subscription=subscription,
        open_review=subscription.use_reviews.open().first(),
        can_decide=can_decide_subscription(request.user, subscription),
    )


@require_POST
def close_subscription(request, pk):
    subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    actions.close_subscription(request.user, subscription)
    messages.success(request, f"{subscription} is closed; its keys no longer work.")
    return redirect(subscription.application)


def consumers(request, slug):
    """Who depends on the model: for its owners and those who oversee."""
    entry = get_visible_model_or_404(request, slug)
    if not can_see_model_usage(request.user, entry):
        raise Http404
    context = model_context(request, entry, "consumption:model_usage")
    context["subscriptions"] = with_last_run(Subscription.objects.filter(model=entry).for_list())
    context["can_end"] = can_change(request.user, entry)
    context["rollouts"] = Rollout.objects.filter(version__model=entry).for_list()[:3]
    return render(request, "consumption/consumers.html", context)
