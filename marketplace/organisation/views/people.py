"""Pages of people, for those who administer and audit: the list, a person, add, correct, deactivate, import."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from marketplace.accounts.models import Membership, RoleGrant, User
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import BusinessAnswer
from marketplace.core.forms import show, show_page, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link
from marketplace.organisation import following, pages
from marketplace.organisation.actions import imports, invitations
from marketplace.organisation.actions import people as verbs
from marketplace.organisation.filters import PersonPageFilter
from marketplace.organisation.forms import ImportForm, NewPersonForm, PersonForm, ReasonForm
from marketplace.organisation.permissions import ADMINISTRATORS, can_administer, can_see_people

PAGE_SIZE = 50
TRAIL = [Link("People", "/people/")]


def people(request: PageRequest) -> HttpResponse:
    """Everybody, found by words, team, role, state and when they were last here; the address holds the filters."""
    filterset = PersonPageFilter(request.GET, queryset=_people(request).prefetch_related(*_joins()))
    page = Paginator(filterset.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "form": filterset.form,
        "problems": filterset.sentences,
        "is_filtered": any(request.GET.get(name) for name in filterset.base_filters),
        "tabs": pages.administration(request.user, "people"),
        "may_keep": can_administer(request.user),
    }
    status = 400 if filterset.sentences else 200
    return render(request, "organisation/people.html", context, status=status)


def person(request: PageRequest, pk: int) -> HttpResponse:
    """What a person may do, holds and has to do, and what was changed about them."""
    shown = get_object_or_404(_people(request), pk=pk)
    context = {
        "page": pages.person_page(shown, request.user),
        "may_keep": can_administer(request.user) and not shown.is_system,
        "may_invite": invitations.has_local_passwords() and not shown.has_usable_password(),
        "trail": TRAIL,
    }
    return render(request, "organisation/person.html", context)


def new_person(request: PageRequest) -> HttpResponse:
    """Add somebody before their first sign-in, with a letter if wanted."""
    _require_administrator(request)
    form = NewPersonForm(request.POST or None)
    done, made = submitted(request, form, lambda **given: _add(request, **given))
    if done:
        messages.success(request, f"Added: {made}, who signs in as {made.username}.")
        return redirect("organisation:person", made.pk)
    return show_page(
        request,
        form,
        title="Add a person",
        lead="They have no right until they are on a team.",
        act="Add",
        back="/people/",
    )


def change_person(request: PageRequest, pk: int) -> HttpResponse:
    """Correct what is known of a person."""
    _require_administrator(request)
    changed = get_object_or_404(_people(request), pk=pk)
    form = PersonForm(
        request.POST or None, initial={name: getattr(changed, name) for name in verbs.FACTS}
    )
    done, _ = submitted(
        request, form, lambda **given: verbs.change_person(request.user, changed, **given)
    )
    if done:
        messages.success(request, "Saved.")
        return redirect("organisation:person", pk)
    return show_page(
        request,
        form,
        title=f"Facts of {changed}",
        lead=f"They sign in as {changed.username}; that stays.",
        act="Save",
        back=f"/people/{pk}/",
    )


@require_POST
def invite(request: PageRequest, pk: int) -> HttpResponse:
    """Send the letter with which somebody chooses a first password."""
    _require_administrator(request)
    invited = invitations.invite(request.user, get_object_or_404(_people(request), pk=pk))
    messages.success(request, f"A letter is on its way to {invited.email}.")
    return redirect("organisation:person", pk)


def deactivate(request: PageRequest, pk: int) -> HttpResponse:
    """What follows, then the end of what the person may do."""
    _require_administrator(request)
    leaving = get_object_or_404(_people(request), pk=pk)
    form = ReasonForm(request.POST or None)
    done, _ = submitted(
        request, form, lambda **given: verbs.deactivate(request.user, leaving, **given)
    )
    if done:
        messages.success(request, f"{leaving} is deactivated.")
        return redirect("organisation:person", pk)
    return show(
        request,
        "organisation/deactivate.html",
        form,
        person=leaving,
        consequences=following.of_deactivating(leaving, request.user),
        trail=[*TRAIL, Link(str(leaving), f"/people/{pk}/")],
    )


def reactivate(request: PageRequest, pk: int) -> HttpResponse:
    """Let a person sign in again."""
    _require_administrator(request)
    back = get_object_or_404(_people(request), pk=pk)
    form = ReasonForm(request.POST or None)
    done, _ = submitted(
        request, form, lambda **given: verbs.reactivate(request.user, back, **given)
    )
    if done:
        messages.success(request, f"{back} may sign in again.")
        return redirect("organisation:person", pk)
    return show_page(
        request,
        form,
        title=f"Reactivate {back}",
        lead="They are on the teams of before. Roles are given anew, by two people; tokens are made anew.",
        act="Reactivate",
        back=f"/people/{pk}/",
    )


def import_people(request: PageRequest) -> HttpResponse:
    """A table of people and teams: first what it would do, row by row, then all of it or nothing."""
    _require_administrator(request)
    form = ImportForm(request.POST or None)
    is_kept = request.POST.get("act") == "keep"
    done, result = submitted(
        request,
        form,
        lambda table: imports.import_people(request.user, table, is_kept=is_kept),
    )
    if done and result.is_done:
        messages.success(request, f"Imported {len(result.rows)} rows.")
        return redirect("organisation:people")
    status = 422 if request.method == "POST" and (not done or result.wrong) else 200
    context = {"form": form, "result": result, "columns": imports.COLUMNS, "trail": TRAIL}
    return render(request, "organisation/import.html", context, status=status)


def _add(request: PageRequest, *, invites: bool = False, **facts: str) -> User:
    made = verbs.add_person(request.user, **facts)
    if invites:
        try:
            invitations.invite(request.user, made)
        except BusinessAnswer as refusal:
            messages.warning(request, refusal.sentence)
    return made


def _people(request: PageRequest) -> "QuerySet[User]":
    """All but system users. 404 for who may not read about people."""
    if not can_see_people(request.user):
        raise Http404
    return User.objects.filter(is_system=False).order_by("display_name", "username")


def _joins() -> "tuple[Prefetch[str], Prefetch[str]]":
    memberships = Membership.objects.filter(left_at=None).select_related("team")
    grants = RoleGrant.objects.filter(revoked_at=None)
    return Prefetch("memberships", memberships, "current"), Prefetch("grants", grants, "held")


def _require_administrator(request: PageRequest) -> None:
    if not can_see_people(request.user):
        raise Http404
    require(can_administer(request.user), *ADMINISTRATORS)
