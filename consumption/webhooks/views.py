"""Pages of a team's webhooks: register, prove, rotate, what was delivered, and once more."""

from datetime import timedelta

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from consumption.webhooks.forms import (
    CodeForm,
    DeliveryFilter,
    RotateForm,
    WebhookEditForm,
    WebhookForm,
)
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, show_once, submitted
from marketplace.core.templatetags.formatting import quantity
from marketplace.notices import payloads, webhooks
from marketplace.notices.models import Webhook, WebhookDelivery
from marketplace.notices.permissions import can_disable_webhook, can_manage_webhooks

PAGE_SIZE = 30


@never_cache
def webhook_list(request: PageRequest) -> HttpResponse:
    """The webhooks of one's teams; posting registers one, whose secret is in that answer only."""
    form = WebhookForm(
        request.POST or None, user=request.user, initial={"team": request.GET.get("team")}
    )
    done, made = submitted(request, form, lambda **data: webhooks.register(request.user, **data))
    if done:
        webhook, secret = made
        context = {"webhook": webhook, "secret": secret, "is_new": True}
        return show_once(request, "consumption/webhook_secret.html", context)
    listed = Webhook.objects.visible_to(request.user).for_list()
    page = Paginator(listed, PAGE_SIZE).get_page(request.GET.get("page"))
    return show(request, "consumption/webhooks.html", form, page_obj=page)


def webhook(request: PageRequest, pk: int) -> HttpResponse:
    """One webhook: its state and proof, what it gets, its deliveries. Posting changes its name and kinds."""
    found = _visible(request, pk)
    initial = {"name": found.name, "kinds": found.kinds}
    form = WebhookEditForm(request.POST or None, initial=initial)
    done, _ = submitted(request, form, lambda **data: webhooks.edit(request.user, found, **data))
    if done:
        messages.success(request, "Saved.")
        return redirect(found)
    filterset = DeliveryFilter(request.GET, queryset=found.deliveries.for_list())
    page = Paginator(filterset.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "webhook": found,
        "page_obj": page,
        "filters": filterset.form,
        "problems": filterset.sentences,
        "can_manage": can_manage_webhooks(request.user, found.team),
        "can_disable": can_disable_webhook(request.user, found),
        "code_form": CodeForm(),
        "rotate_form": RotateForm(),
    }
    return show(request, "consumption/webhook.html", form, **context)


@require_POST
def change_webhook(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """challenge, confirm, disable, remove, or replay everything that was given up."""
    found, by = _visible(request, pk), request.user
    if verb == "challenge":
        webhooks.challenge(by, found)
        messages.info(request, "The challenge is on its way. Reload this page in a moment.")
    elif verb == "confirm":
        webhooks.confirm(by, found, request.POST.get("code", ""))
        messages.success(request, f"{found} is active.")
    elif verb == "disable":
        webhooks.disable(by, found, request.POST.get("reason", ""))
        messages.success(request, f"{found} is switched off.")
    elif verb == "remove":
        webhooks.remove(by, found)
        messages.success(request, f"{found} is removed.")
        return redirect("consumption:webhooks")
    elif verb == "replay":
        count = webhooks.replay_failed(by, found)
        messages.success(request, f"{quantity(count, 'delivery,deliveries')} go out once more.")
    else:
        raise Http404
    return redirect(found)


@never_cache
@require_POST
def rotate_webhook(request: PageRequest, pk: int) -> HttpResponse:
    """A new secret, in this answer only; the old one signs too for the hours that were chosen."""
    found, form = _visible(request, pk), RotateForm(request.POST)
    done, made = submitted(
        request,
        form,
        lambda hours: webhooks.rotate(request.user, found, timedelta(hours=hours)),
    )
    if not done:
        messages.error(request, "Choose how long both secrets sign.")
        return redirect(found)
    context = {"webhook": made[0], "secret": made[1], "is_new": False}
    return show_once(request, "consumption/webhook_secret.html", context)


def webhook_delivery(request: PageRequest, pk: int) -> HttpResponse:
    """One delivery: what is sent, and what came back each time. Posting sends it once more."""
    deliveries = WebhookDelivery.objects.visible_to(request.user)
    delivery = get_object_or_404(deliveries.select_related("event__team", "webhook__team"), pk=pk)
    if request.method == "POST":
        webhooks.replay(request.user, delivery)
        messages.info(request, "It goes out once more. Reload this page in a moment.")
        return redirect(delivery)
    body = payloads.body_of(delivery.event, delivery.webhook.format)
    context = {
        "delivery": delivery,
        "log": delivery.log.all()[:PAGE_SIZE],
        "body": body.decode(),
        "can_manage": can_manage_webhooks(request.user, delivery.webhook.team),
    }
    return render(request, "consumption/webhook_delivery.html", context)


def _visible(request: PageRequest, pk: int) -> Webhook:
    return get_object_or_404(Webhook.objects.visible_to(request.user).for_list(), pk=pk)
