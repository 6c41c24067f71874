"""Pages of business units: the list, one of them, add, rename, archive."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from catalog.models import RegisteredModel
from consumption.permissions import can_keep_the_books
from marketplace.accounts.models import BusinessUnit, Team
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link
from marketplace.organisation import dependents, pages
from marketplace.organisation.actions import units as verbs
from marketplace.organisation.forms import ReasonForm, UnitForm, UnitNameForm
from marketplace.organisation.permissions import ADMINISTRATORS, can_administer

MOST = 200  # units, and teams of one


def units(request: PageRequest) -> HttpResponse:
    """The business units with what belongs to them; posting adds one."""
    form = UnitForm(request.POST or None)
    done, unit = submitted(request, form, lambda **given: verbs.add_unit(request.user, **given))
    if done:
        messages.success(request, f"Added: {unit}.")
        return redirect("organisation:units")
    listed = list(
        BusinessUnit.objects.visible_to(request.user).order_by("archived_at", "name")[:MOST]
    )
    listed.sort(key=lambda unit: (unit.archived_at is not None, unit.name))
    return show(
        request,
        "organisation/units.html",
        form,
        rows=pages.unit_rows(listed, request.user),
        tabs=pages.administration(request.user, "units"),
        may_keep=can_administer(request.user),
    )


def unit(request: PageRequest, slug: str) -> HttpResponse:
    """The teams of a unit, its models that the reader may see; posting renames it."""
    shown = _unit(request, slug)
    form = UnitNameForm(request.POST or None, initial={"name": shown.name})
    done, _ = submitted(
        request, form, lambda **given: verbs.rename_unit(request.user, shown, **given)
    )
    if done:
        messages.success(request, "Renamed.")
        return redirect(shown)
    teams = list(Team.objects.for_directory().filter(business_unit=shown)[:MOST])
    published = RegisteredModel.objects.visible_to(request.user).published()
    of_unit = published.filter(owner_team__business_unit=shown).select_related("owner_team")
    return show(
        request,
        "organisation/unit.html",
        form,
        unit=shown,
        rows=pages.directory(teams, request.user),
        models=of_unit.order_by("-consumer_teams", "name")[: pages.MOST],
        count=of_unit.count(),
        may_keep=can_administer(request.user),
        keeps_the_books=can_keep_the_books(request.user),
        trail=[Link("Business units", "/units/")],
    )


def archive(request: PageRequest, slug: str) -> HttpResponse:
    """What depends on a unit; when nothing does, archive it."""
    shown = _unit(request, slug)
    require(can_administer(request.user), *ADMINISTRATORS)
    form = ReasonForm(request.POST or None)
    done, _ = submitted(
        request, form, lambda **given: verbs.archive_unit(request.user, shown, **given)
    )
    if done:
        messages.success(request, f"Archived: {shown}.")
        return redirect("organisation:units")
    return show(
        request,
        "organisation/archive_unit.html",
        form,
        unit=shown,
        dependents=dependents.of_unit(shown),
        trail=[Link("Business units", "/units/"), Link(shown.name, shown.get_absolute_url())],
    )


@require_POST
def restore(request: PageRequest, slug: str) -> HttpResponse:
    """Teams may belong to it again."""
    unit = verbs.restore_unit(request.user, _unit(request, slug))
    messages.success(request, f"{unit} is in use again.")
    return redirect(unit)


def _unit(request: PageRequest, slug: str) -> BusinessUnit:
    return get_object_or_404(BusinessUnit.objects.visible_to(request.user), slug=slug)
