"""Pages of keys: made, renewed, ended, found by somebody else."""

from contextlib import suppress

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from consumption import actions
from consumption.forms import KeyForm, LeakForm, NetworksForm, RotateForm
from consumption.metering import key_usage
from consumption.models import ApiKey, Subscription
from consumption.permissions import can_manage_keys, can_revoke_key
from marketplace.accounts.models import User
from marketplace.core import keys, webhooks
from marketplace.core.errors import Invalid
from marketplace.core.forms import show, show_once, submitted
from marketplace.core.problem_json import problem_response
from marketplace.core.request_bodies import takes_from_anybody

LARGEST_REPORT = 1 << 20  # bytes


@never_cache
def create_key(request, pk):
    """One click, or a form with its terms: a key, shown in this answer only."""
    subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    form = KeyForm(request.POST or None)
    done, made = submitted(
        request, form, lambda **data: actions.create_key(request.user, subscription, **data)
    )
    if not done:
        may = can_manage_keys(request.user, subscription)
        return show(
            request, "consumption/key_form.html", form, subscription=subscription, can_manage=may
        )
    return show_key(request, *made)


@never_cache
def rotate_key(request, kid):
    """How long both work, then the new key, shown in this answer only."""
    key = _open_key(request, kid)
    form = RotateForm(request.POST if request.method == "POST" else None)
    done, made = submitted(
        request, form, lambda overlap: actions.rotate_key(request.user, key, overlap)
    )
    if done:
        return show_key(request, *made)
    return show(
        request,
        "consumption/key_rotate.html",
        form,
        key=key,
        subscription=key.subscription,
        can_manage=can_manage_keys(request.user, key.subscription),
    )


def key_networks(request, kid):
    """From where a key works."""
    key = _open_key(request, kid)
    form = NetworksForm(request.POST or None, initial={"networks": "\n".join(key.networks)})
    done, _ = submitted(
        request, form, lambda networks: actions.change_networks(request.user, key, networks)
    )
    if done:
        where = f"only from {', '.join(key.networks)}" if key.networks else "from anywhere"
        messages.success(request, f"{key} works {where} now.")
        return redirect(key.subscription)
    may = can_manage_keys(request.user, key.subscription)
    return show(
        request,
        "consumption/key_networks.html",
        form,
        key=key,
        subscription=key.subscription,
        can_manage=may,
    )


def revoke_key(request, kid):
    """What calls with the key, then its end."""
    key = _open_key(request, kid)
    if request.method == "POST":
        actions.revoke_key(request.user, key, request.POST.get("reason", ""))
        messages.success(request, f"{key} no longer works.")
        return redirect(key.subscription)
    context = {
        "key": key,
        "subscription": key.subscription,
        "use": key_usage.of(key),
        "others": key.subscription.keys.live().exclude(pk=key.pk),
        "can_revoke": can_revoke_key(request.user, key),
    }
    return render(request, "consumption/key_revoke.html", context)


@require_POST
def resume_key(request, kid):
    key = _open_key(request, kid)
    actions.resume_key(request.user, key)
    messages.success(request, f"{key} works again, until {key.expires_at:%-d %B %Y}.")
    return redirect(key.subscription)


@never_cache
def leaked_key(request):
    """Whoever finds a key ends it here. The answer is the same for live keys and others."""
    form = LeakForm(request.POST or None)
    done, _ = submitted(request, form, lambda **data: actions.report_leak(request.user, **data))
    if done:
        messages.success(
            request, "Thank you. If a key in it still worked, it has ended, and its team was told."
        )
        return redirect("consumption:leaked_key")
    return show(request, "consumption/leaked_key.html", form)


@takes_from_anybody(LARGEST_REPORT)
@csrf_exempt
@login_not_required
@require_POST
def leaked_keys(request):
    """The same for scanners, which sign what they send (docs/leaked-keys/). Any text; 202 says that it came, never what was in it."""
    if int(request.headers.get("Content-Length") or 0) > LARGEST_REPORT:
        return problem_response(
            413, "request-too-large", "The report is too large", "At most 1 MiB. Send several."
        )
    if request.content_type == "multipart/form-data":  # a form's parts are not what was signed
        return problem_response(
            415, "media-type", "This media type is not understood", "Send text or JSON."
        )
    delivery = webhooks.verify(settings.LEAK_REPORT_SECRETS, request.headers, request.body)
    if delivery is None:
        return problem_response(
            401,
            "not-signed",
            "The signature is not recognised",
            "No secret that is known here signed this within the last five minutes.",
        )
    by = User.objects.system(f"scanner:{delivery.sender}")
    with suppress(Invalid):  # no key in it: nothing to say either
        actions.report_leak(by, request.body, source=delivery.sender, delivery=delivery.id)
    return JsonResponse({"status": "received"}, status=202, headers={"Cache-Control": "no-store"})


@login_not_required
def key_pattern(request):
    """How scanners recognise keys, and how they report them."""
    url = settings.PORTAL_URL + reverse("consumption:leaked_keys")
    context = {
        "pattern": keys.PATTERN,
        "checksum": render_to_string("docs/samples/is_key.py.txt"),
        "shell": render_to_string("docs/samples/report.sh.txt", {"url": url}),
    }
    return render(request, "docs/leaked_keys.html", context)


def _open_key(request, kid):
    """A key the person may know of; its verb says whether they may touch it."""
    return get_object_or_404(ApiKey.objects.visible_to(request.user).for_list(), kid=kid)


def show_key(request, key, text):
    subscription = key.subscription
    context = {
        "key": key,
        "text": text,
        "subscription": subscription,
        "next_url": subscription.get_absolute_url(),
        "snippets_url": reverse("publishing:api_tab", args=[subscription.model.slug]),
    }
    return show_once(request, "consumption/key_created.html", context)
