"""Pages of acceptance tests and of holding automatic updates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from catalog.models import ModelVersion
from consumption import actions, affected
from consumption.acceptance.forms import AcceptForm, ExampleForm, HoldForm
from consumption.models import AcceptanceExample, AcceptanceResult, AcceptanceRun, Subscription
from consumption.moving import page
from consumption.moving.views import own_subscription
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.forms import show, submitted

RUNS_SHOWN = 5


@dataclass(frozen=True)
class ResultCard:
    """One example in a run, and the form that accepts it."""

    result: AcceptanceResult
    form: AcceptForm

    @classmethod
    def of(cls, result: AcceptanceResult) -> Self:
        return cls(result, AcceptForm(auto_id=f"accept-{result.pk}-%s"))


@dataclass(frozen=True)
class RunCard:
    """A run with its results."""

    run: AcceptanceRun
    results: list[ResultCard]


def acceptance(request: PageRequest, pk: int) -> HttpResponse:
    """The stored examples, their last runs, and the form that adds one."""
    subscription = own_subscription(request, pk)
    current = affected.answering([subscription])[subscription.pk]
    targets = page.targets_of(subscription, current)
    form = ExampleForm(request.POST or None, signature=page.union_of([current, *targets]))
    done, example = submitted(
        request, form, lambda **data: actions.add_example(request.user, subscription, **data)
    )
    if done:
        messages.success(request, f"Stored: {example}.")
        return redirect("consumption:acceptance", pk)
    context = {
        "subscription": subscription,
        "current": current,
        "targets": targets,
        "examples": subscription.examples.all(),
        "runs": [
            RunCard(run, [ResultCard.of(result) for result in run.results.all()])
            for run in subscription.acceptance_runs.for_list()[:RUNS_SHOWN]
        ],
    }
    return show(request, "consumption/acceptance.html", form, **context)


@require_POST
def run_acceptance(request: PageRequest, pk: int) -> HttpResponse:
    """Run the examples on a version now."""
    subscription = own_subscription(request, pk)
    number = request.POST.get("to", "")
    version = get_object_or_404(
        subscription.model.versions.select_related("model__owner_team"),
        number=number,
        state__in=ModelVersion.LIVE,
    )
    run = actions.run_examples(request.user, subscription, version)
    said = f"{run.failed} of {run.examples} failed" if run.failed else "all passed"
    messages.success(request, f"The examples ran on {version.number}: {said}.")
    return redirect("consumption:acceptance", pk)


@require_POST
def delete_example(request: PageRequest, pk: int) -> HttpResponse:
    example = get_object_or_404(
        AcceptanceExample.objects.visible_to(request.user).for_list(), pk=pk
    )
    subscription_id = example.subscription_id
    actions.delete_example(request.user, example)
    messages.success(request, "Deleted, with what was answered to it.")
    return redirect("consumption:acceptance", subscription_id)


@require_POST
def accept_result(request: PageRequest, pk: int) -> HttpResponse:
    """Accept an answer outside its range, with a reason."""
    own = AcceptanceExample.objects.visible_to(request.user)
    result = get_object_or_404(
        AcceptanceResult.objects.filter(example__in=own).select_related(
            "example", "run__subscription"
        ),
        pk=pk,
    )
    form = AcceptForm(request.POST)
    if not form.is_valid():
        raise Invalid("Give your reason.", field="reason")
    run = actions.accept_result(request.user, result, form.cleaned_data["reason"])
    messages.success(request, f"Accepted: {result.example} on {run.version.number}.")
    return redirect("consumption:acceptance", run.subscription_id)


@require_POST
def hold_updates(request: PageRequest, pk: int) -> HttpResponse:
    form = HoldForm(request.POST)
    if not form.is_valid():
        raise Invalid("Hold for 1 to 90 days.", field="days")
    days = form.cleaned_data["days"]
    return _followed(request, pk, lambda by, held: actions.hold_updates(by, held, days))


@require_POST
def release_updates(request: PageRequest, pk: int) -> HttpResponse:
    return _followed(request, pk, actions.release_updates)


@require_POST
def roll_back(request: PageRequest, pk: int) -> HttpResponse:
    return _followed(request, pk, actions.roll_back)


def _followed(
    request: PageRequest, pk: int, verb: Callable[[Any, Subscription], Subscription]
) -> HttpResponse:
    """Run a verb of automatic updates; what it answers is shown on the application's page."""
    subscription = own_subscription(request, pk)
    try:
        held = verb(request.user, subscription)
    except RuleError as refusal:
        messages.error(request, refusal.sentence)
        return redirect(subscription)
    held_at = f": stays on {held.held_version.number}" if held.held_version else ""
    messages.success(request, f"{subscription}: {held.get_hold_display().lower()}{held_at}.")
    return redirect(subscription)
