"""Pages of moves: a live subscription to another version or plan."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from catalog.models import ModelVersion
from consumption import actions
from consumption.forms import DecideForm
from consumption.models import Move, Plan, Subscription
from consumption.moving import page, plans, replay
from consumption.moving.forms import MoveForm, PlanMoveForm
from consumption.moving.page import MovePage
from consumption.permissions import can_decide_move, can_manage_application
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.query import whole_number

REPLAY = "replay"


def move(request: PageRequest, pk: int) -> HttpResponse:
    """What changes, the same rows on both versions, and the switch; every button posts to this page."""
    subscription = own_subscription(request, pk)
    number = request.POST.get("to") or request.GET.get("to", "")
    shown = page.build(subscription, number)
    if request.method == "POST" and shown.target is not None and shown.target.number != number:
        raise Invalid(f"{subscription.model} has no version {number[:40]} to move to.", field="to")
    if request.POST.get("do") == REPLAY:
        return _replayed(request, shown)
    form = MoveForm(request.POST or None, initial={"version_policy": subscription.version_policy})
    target = shown.target
    if target is None:
        return show(request, "consumption/move.html", form, page=shown)
    done, made = submitted(
        request,
        form,
        lambda **data: actions.move_version(request.user, subscription, target, **data),
    )
    if done:
        messages.success(request, _said(made))
        return redirect(made)
    return show(request, "consumption/move.html", form, page=shown)


def _replayed(request: PageRequest, shown: MovePage) -> HttpResponse:
    """The page with answers of both versions; nothing that was sent or answered is kept."""
    current, target = shown.current, shown.target
    if target is not None and shown.has_examples:
        return _run(request, shown.subscription, target)
    form = MoveForm(initial={"version_policy": shown.subscription.version_policy})
    context = {"page": shown, "form": form}
    if target is None:
        return render(request, "consumption/move.html", context)
    slug = shown.subscription.model.slug
    cases = replay.recent(request.session.session_key, slug) or replay.of_owner(current, target)
    try:
        answered = replay.ask(request.user, [current, target], cases)
    except RuleError as refusal:
        context["problem"] = refusal.sentence
    else:
        context["compared"] = page.compared(cases, answered[current.pk], answered[target.pk])
    return render(request, "consumption/move.html", context)


def _run(request: PageRequest, subscription: Subscription, target: ModelVersion) -> HttpResponse:
    """The stored examples on the new version; what came out is kept with them."""
    try:
        actions.run_examples(request.user, subscription, target)
    except RuleError as refusal:
        messages.error(request, refusal.sentence)
    address = reverse("consumption:move", args=[subscription.pk])
    return redirect(f"{address}?to={target.number}#examples")


def change_plan(request: PageRequest, pk: int) -> HttpResponse:
    """Another plan of the model: what it changes, price first; then the change, or the request for it."""
    subscription = own_subscription(request, pk)
    chosen = whole_number(request.POST.get("plan") or request.GET.get("plan", ""))
    shown = plans.build(subscription, chosen)
    option = shown.chosen
    form = PlanMoveForm(
        request.POST or None, needs_approval=option is not None and option.needs_approval
    )
    if request.method == "POST":
        plan = get_object_or_404(Plan, model=subscription.model_id, pk=chosen)
        done, made = submitted(
            request, form, lambda **data: _change(request, subscription, plan, **data)
        )
        if done:
            messages.success(request, made)
            return redirect(subscription)
    return show(request, "consumption/change_plan.html", form, page=shown)


def _change(request: PageRequest, subscription: Subscription, plan: Plan, **facts: object) -> str:
    """A request that waits has no calls yet: its plan is simply another one."""
    if subscription.state == Subscription.State.PENDING:
        actions.change_plan(request.user, subscription, plan)
        return f"{subscription} asks for the {plan} plan now."
    return _said(actions.move_plan(request.user, subscription, plan, **facts))  # type: ignore[arg-type]


def decide_move(request: PageRequest, pk: int) -> HttpResponse:
    """The owner's answer to a request for a plan."""
    asked = get_object_or_404(Move.objects.visible_to(request.user).for_list(), pk=pk)
    form = DecideForm(request.POST or None)
    verbs = {"approve": actions.approve_move, "deny": actions.deny_move}
    done, _ = submitted(
        request, form, lambda decision, reason: verbs[decision](request.user, asked, reason)
    )
    if done:
        messages.success(request, f"Answered: {asked}.")
        return redirect("consumption:access")
    may = can_decide_move(request.user, asked)
    return show(request, "consumption/decide_move.html", form, move=asked, can_decide=may)


@require_POST
def cancel_move(request: PageRequest, pk: int) -> HttpResponse:
    move = get_object_or_404(Move.objects.visible_to(request.user).for_list(), pk=pk)
    actions.cancel_move(request.user, move)
    messages.success(request, f"Cancelled: {move}.")
    return redirect(move)


@require_POST
def undo_move(request: PageRequest, pk: int) -> HttpResponse:
    move = get_object_or_404(Move.objects.visible_to(request.user).for_list(), pk=pk)
    actions.undo_move(request.user, move)
    messages.success(request, f"{move.subscription} is back on {move.origin}; its keys stay.")
    return redirect(move)


def own_subscription(request: PageRequest, pk: int) -> Subscription:
    """A subscription that the person sees; the page is for the members of its team."""
    subscription: Subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    team = subscription.application.team
    require(
        can_manage_application(request.user, subscription.application),
        f"Only members of {team} move its subscriptions.",
        ask=str(team),
    )
    return subscription


def _said(move: Move) -> str:
    if move.state == Move.State.DONE:
        return f"{move.subscription} is on {move.target} now; its keys stay."
    if move.state == Move.State.REQUESTED:
        return f"{move.subscription.model.owner_team} was asked for {move.target}."
    return f"Scheduled: {move} on {move.effective_at:%-d %B %Y, %H:%M} UTC."
