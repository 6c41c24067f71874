"""The way from a model to the right to call it: steps that may be left and resumed, then a key, or a request with its state."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from catalog.pages import get_visible_model_or_404
from consumption import actions, pages
from consumption.forms import AskAgainForm, DecideForm, EndForm
from consumption.keys.views import show_key
from consumption.models import Subscription, UseReview
from consumption.permissions import can_decide_use, can_manage_application
from consumption.subscribing import drafts, open_versions
from consumption.subscribing.steps import FORMS, LAST, NAMES, STEP_OF, AccessRequest
from governance import tiering
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import NotAllowed, RuleError
from marketplace.core.forms import show, submitted


@never_cache
def subscribe(request: PageRequest, slug: str) -> HttpResponse:
    """One step: shown with what was typed before; what is sent is kept at once, and leads to the next one when it is right."""
    entry = get_visible_model_or_404(request, slug)
    asked = AccessRequest(request.user, entry, drafts.of(request.user, entry), request.GET.dict())
    step = request.GET.get("step", "")
    step = step if step in FORMS else asked.next
    if request.method != "POST":
        if step == LAST and asked.next != LAST:
            return redirect(asked.url(asked.next))
        return _page(request, asked, step, _without_key(asked, asked.fresh(step)))
    form = FORMS[step][1](request.POST, user=request.user, model=entry)
    if step == LAST:
        return _send(request, asked, _without_key(asked, form))
    draft = drafts.keep(asked.draft, step, form.fields, request.POST)
    if not form.is_valid():
        asked = AccessRequest(request.user, entry, draft, {})
        return _page(request, asked, step, form, status=422)
    following = NAMES[NAMES.index(step) + 1]
    query = f"&version={request.GET['version']}" if request.GET.get("version") else ""
    return redirect(f"{asked.url(following)}{query}")


def _send(request: PageRequest, asked: AccessRequest, form: Any) -> HttpResponse:
    sent = Subscription.objects.filter(requested_by=request.user, model=asked.model).open()
    if not asked.draft.typed and (held := sent.order_by("-requested_at").first()):
        messages.info(request, "This was sent already.")
        return redirect(held)
    if asked.next != LAST:
        messages.warning(request, "Something is missing before this can be sent.")
        return redirect(asked.url(asked.next))
    if not form.is_valid():
        return _page(request, asked, LAST, form, status=422)
    try:
        subscription, made = asked.send(form.cleaned_data.get("key_now", False))
    except NotAllowed:
        raise
    except RuleError as problem:
        form.add_error(None, problem.sentences)
        wrong = STEP_OF.get(problem.field or "", "")
        return _page(request, asked, LAST, form, status=422, wrong_step=wrong)
    if made is not None:
        return show_key(request, *made)
    if subscription.state == Subscription.State.ACTIVE:
        messages.success(request, f"{subscription}: you can make a key now.")
    else:
        messages.success(request, f"{subscription}: the request is sent. You see its state here.")
    return redirect(subscription)


def _without_key(asked: AccessRequest, form: Any) -> Any:
    """The form without the offer of a key where somebody has to approve first."""
    if not asked.is_at_once:
        form.fields.pop("key_now", None)
    return form


def _page(
    request: PageRequest, asked: AccessRequest, step: str, form: Any, status: int = 200, **more: str
) -> HttpResponse:
    wrong = more.get("wrong_step", "")
    context = {
        "model": asked.model,
        "asked": asked,
        "step": step,
        "form": form,
        "steps": asked.marks(step),
        "plans": pages.plan_cards(asked.model.plans.filter(is_offered=True))
        if step == "plan"
        else [],
        "wrong_url": asked.url(wrong) if wrong else "",
        "wrong_label": FORMS[wrong][0] if wrong else "",
        "is_kept": bool(asked.draft.typed),
        "closed": open_versions.closed(asked.model.stable) if asked.model.stable else None,
        "has_team": bool(request.user.team_ids()),
    }
    return render(request, "consumption/subscribe.html", context, status=status)


@require_POST
def discard_request(request: PageRequest, slug: str) -> HttpResponse:
    """Forget what was typed."""
    entry = get_visible_model_or_404(request, slug)
    drafts.discard(request.user, entry)
    messages.success(request, f"The request for {entry} that you had begun is gone.")
    return redirect(entry)


@require_POST
def withdraw_request(request: PageRequest, pk: int) -> HttpResponse:
    subscription = _held(request, pk)
    actions.withdraw_request(request.user, subscription)
    messages.success(request, f"The request for {subscription.model} is withdrawn.")
    return redirect(subscription.application)


def ask_again(request: PageRequest, pk: int) -> HttpResponse:
    """After a no: the answer, and the purpose to be said anew."""
    subscription = _held(request, pk)
    form = AskAgainForm(request.POST or None, initial={"purpose": subscription.purpose})
    done, _ = submitted(
        request, form, lambda purpose: actions.ask_again(request.user, subscription, purpose)
    )
    if done:
        messages.success(request, f"{subscription.model.owner_team} was asked again.")
        return redirect(subscription)
    may = can_manage_application(request.user, subscription.application)
    return show(
        request, "consumption/ask_again.html", form, subscription=subscription, can_manage=may
    )


def use_review(request: PageRequest, pk: int) -> HttpResponse:
    """Governance's decision on a use above the model's tier."""
    review = get_object_or_404(UseReview.objects.visible_to(request.user).for_list(), pk=pk)
    form = DecideForm(request.POST or None)
    verbs = {"approve": actions.approve_use, "deny": actions.refuse_use}
    done, _ = submitted(
        request, form, lambda decision, reason: verbs[decision](request.user, review, reason)
    )
    if done:
        messages.success(request, f"Decided: {review}.")
        return redirect("home")
    answers = [
        (tiering.QUESTIONS_BY_ID[name].label, tiering.QUESTIONS_BY_ID[name].option(answer).label)
        for name, answer in review.answers.items()
        if name in tiering.QUESTIONS_BY_ID
    ]
    return show(
        request,
        "consumption/use_review.html",
        form,
        review=review,
        subscription=review.subscription,
        answers=answers,
        can_decide=can_decide_use(request.user, review),
    )


def confirm_use(request: PageRequest, pk: int) -> HttpResponse:
    """Still used as described? Its day of end, too."""
    subscription = _held(request, pk)
    if request.method == "POST":
        actions.confirm_use(request.user, subscription)
        messages.success(
            request, f"{subscription} is confirmed until {subscription.confirm_by:%-d %B %Y}."
        )
        return redirect(subscription)
    context = {
        "subscription": subscription,
        "reopen_days": actions.REOPEN_DAYS,
        "can_manage": can_manage_application(request.user, subscription.application),
    }
    return render(request, "consumption/confirm_use.html", context)


def change_end(request: PageRequest, pk: int) -> HttpResponse:
    """The last day of access, or none."""
    subscription = _held(request, pk)
    form = EndForm(request.POST or None, initial={"ends_on": subscription.ends_on})
    if request.method == "POST":
        form = EndForm(request.POST)
    done, _ = submitted(
        request, form, lambda ends_on: actions.change_end(request.user, subscription, ends_on)
    )
    if done:
        ends_on = subscription.ends_on
        said = f"ends on {ends_on:%-d %B %Y}" if ends_on else "has no last day"
        messages.success(request, f"{subscription} {said}.")
        return redirect(subscription)
    may = can_manage_application(request.user, subscription.application)
    return show(
        request, "consumption/change_end.html", form, subscription=subscription, can_manage=may
    )


def _held(request: PageRequest, pk: int) -> Subscription:
    found: Subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    return found
