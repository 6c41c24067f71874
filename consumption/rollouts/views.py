"""The page of an automatic minor update, and what people may do to it."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from consumption import actions
from consumption.models import Rollout, Subscription
from consumption.rollouts import page
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid
from marketplace.core.field_limits import REASON


class StopForm(forms.Form):
    """Why an update is stopped."""

    reason = forms.CharField(
        label="Reason", max_length=REASON, widget=forms.Textarea(attrs={"rows": 3})
    )


def rollout(request: PageRequest, pk: int) -> HttpResponse:
    """How far an update is, whom it concerns, and what its guard counted."""
    shown = page.build(request.user, _seen(request, pk))
    context = {"page": shown, "rollout": shown.rollout, "stop_form": StopForm()}
    return render(request, "consumption/rollout.html", context)


@require_POST
def stop_rollout(request: PageRequest, pk: int) -> HttpResponse:
    """Who has it goes back, and nobody gets it by itself."""
    form = StopForm(request.POST)
    if not form.is_valid():
        raise Invalid("Give your reason.", field="reason")
    found = actions.stop_rollout(request.user, _seen(request, pk), form.cleaned_data["reason"])
    messages.success(request, f"Stopped: {found}.")
    return redirect(found)


@require_POST
def restart_rollout(request: PageRequest, pk: int) -> HttpResponse:
    """Begin again with the first share."""
    again = actions.restart_rollout(request.user, _seen(request, pk))
    messages.success(request, "It begins again with the first applications.")
    return redirect(again)


@require_POST
def agree_to_update(request: PageRequest, pk: int) -> HttpResponse:
    """A team's yes for one of its subscriptions."""
    shown = _seen(request, pk)
    number = request.POST.get("subscription", "")
    seen = Subscription.objects.visible_to(request.user)
    found = seen.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 18 else None
    if found is None:
        raise Invalid("Name one of your subscriptions.", field="subscription")
    actions.agree_to_update(request.user, shown, found)
    messages.success(request, f"{found.application} agreed: {shown}.")
    return redirect(shown)


def _seen(request: PageRequest, pk: int) -> Rollout:
    return get_object_or_404(Rollout.objects.visible_to(request.user).for_list(), pk=pk)
