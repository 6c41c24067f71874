"""Pages of imports and campaigns of the inventory."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from catalog.models import RegisteredModel
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, show_page, submitted
from marketplace.core.links import Link
from marketplace.insights.inventory import campaigns, imports
from marketplace.insights.inventory.forms import CampaignForm, ImportForm, ReasonForm
from marketplace.insights.inventory.permissions import can_keep
from marketplace.insights.inventory.views import LIST, listed
from marketplace.insights.models import (
    ImportState,
    InventoryImport,
    ProductionModel,
    PublicationCampaign,
)

PAGE_SIZE = 25
SHOWN = 200  # of what an import would do
CAMPAIGNS = "insights:publication_campaigns"


def new_import(request: PageRequest) -> HttpResponse:
    """Give a file. Raises Http404 for who does not keep the inventory."""
    if not can_keep(request.user):
        raise Http404
    form = ImportForm(request.POST or None, request.FILES or None)
    done, kept = submitted(request, form, lambda **given: imports.keep(request.user, **given))
    if done:
        return redirect(kept)
    return show(
        request,
        "insights/inventory/import_form.html",
        form,
        waiting=InventoryImport.objects.filter(by=request.user, state=ImportState.PREVIEWED)[:10],
        trail=_trail(),
    )


def inventory_import(request: PageRequest, pk: int) -> HttpResponse:
    """What an import would do, or did; errors by row and column, and the text to mend."""
    kept = get_object_or_404(InventoryImport.objects.visible_to(request.user), pk=pk)
    is_waiting = kept.state == ImportState.PREVIEWED
    found = imports.preview(kept) if is_waiting else None
    form = ImportForm(
        initial={"kind": kept.kind, "text": kept.text, "business_unit": kept.business_unit}
    )
    context = {
        "kept": kept,
        "found": found,
        "additions": found.additions[:SHOWN] if found else [],
        "changes": found.changes[:SHOWN] if found else [],
        "problems": found.problems[:SHOWN] if found else [],
        "shown": SHOWN,
        "form": form,
        "may_keep": can_keep(request.user),
        "trail": _trail(),
    }
    return render(request, "insights/inventory/import.html", context)


@require_POST
def change_import(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """Import all of it, or nothing."""
    kept = get_object_or_404(InventoryImport.objects.visible_to(request.user), pk=pk)
    if verb == "apply":
        imports.apply(request.user, kept)
        messages.success(request, "Imported.")
        return redirect(kept)
    if verb != "discard":
        raise Http404
    imports.discard(request.user, kept)
    messages.success(request, "Discarded; the file stays on record.")
    return redirect(LIST)


def publication_campaigns(request: PageRequest) -> HttpResponse:
    """All campaigns, the newest first, each with how far it is."""
    rows = PublicationCampaign.objects.visible_to(request.user)
    rows = rows.with_progress(listed(request), timezone.localdate()).order_by("-pk")
    context = {
        "page_obj": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "may_keep": can_keep(request.user),
        "trail": _trail(),
    }
    return render(request, "insights/inventory/campaigns.html", context)


def new_publication_campaign(request: PageRequest) -> HttpResponse:
    """Start one. Raises Http404 for who does not keep the inventory."""
    if not can_keep(request.user):
        raise Http404
    published = RegisteredModel.objects.published()
    missing = ProductionModel.objects.missing(published, timezone.localdate()).for_list()
    unit = request.GET.get("unit", "")[:50]
    initial = [entry.pk for entry in missing if unit and entry.business_unit.slug == unit]
    form = CampaignForm(request.POST or None, missing=missing, initial={"models": initial})
    done, campaign = submitted(
        request, form, lambda **given: campaigns.start(request.user, **given)
    )
    if done:
        messages.success(request, "It runs; the owners are told.")
        return redirect(campaign)
    return show_page(
        request,
        form,
        title="Start a campaign",
        lead="The owners of the models are told now, and 14, 7 and 1 days before the end. It closes by itself.",
        act="Start",
        back=reverse(CAMPAIGNS),
        trail=[*_trail(), Link("Campaigns", reverse(CAMPAIGNS))],
    )


def publication_campaign(request: PageRequest, pk: int) -> HttpResponse:
    """One campaign: how far it is, and what is left with whom."""
    campaign = get_object_or_404(PublicationCampaign.objects.visible_to(request.user), pk=pk)
    context = {
        "campaign": campaign,
        "progress": campaigns.progress_of(campaign, listed(request), timezone.localdate()),
        "may_cancel": can_keep(request.user)
        and campaign.state == PublicationCampaign.State.RUNNING,
        "reason_form": ReasonForm(),
        "trail": [*_trail(), Link("Campaigns", reverse(CAMPAIGNS))],
    }
    return render(request, "insights/inventory/campaign.html", context)


@require_POST
def cancel_publication_campaign(request: PageRequest, pk: int) -> HttpResponse:
    """Call it off."""
    campaign = get_object_or_404(PublicationCampaign.objects.visible_to(request.user), pk=pk)
    campaigns.cancel(request.user, campaign, str(request.POST.get("reason", ""))[:4000])
    messages.success(request, "Called off; the owners are told.")
    return redirect(campaign)


def _trail() -> list[Link]:
    return [Link("Inventory", reverse(LIST))]
