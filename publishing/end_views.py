"""Pages of a version's end: the deprecation wizard, the migration guide, the migration board, waivers, the policy."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from catalog.models import ModelVersion
from catalog.pages import get_visible_version_or_404
from consumption import affected
from consumption.models import ScheduledChange, Subscription
from governance import policies
from governance.deciding import decide_page
from governance.forms import WaiverDecisionForm
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link
from marketplace.core.templatetags.formatting import listed
from publishing import actions, brownouts, campaigns, end_pages, migration_board
from publishing.end_forms import (
    DeprecateForm,
    GuideForm,
    PostponeForm,
    RetireForm,
    RetirementWaiverForm,
    SentenceForm,
)
from publishing.models import Campaign, MigrationGuide, RetirementWaiver
from publishing.permissions import (
    can_deprecate,
    can_retire,
    can_see_board,
    can_write_about_move,
    reasons_against_retirement_waiver,
)

MAY_NOT = "Its team or the marketplace manager deprecates a version."
TIERS = ("low", "medium", "high")


def deprecate(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """The deprecation wizard: what is typed stays, a preview comes first, a typed name confirms."""
    version = get_visible_version_or_404(request, slug, number)
    require(can_deprecate(request.user, version), MAY_NOT, ask=str(version.model.owner_team))
    rows = affected.by(affected.following(version))
    is_preview = "preview" in request.POST
    form = DeprecateForm(
        request.POST or None,
        version=version,
        reader=request.user,
        has_consumers=bool(rows),
        is_preview=is_preview,
    )
    if not is_preview:
        done, change = submitted(
            request,
            form,
            lambda **given: actions.deprecate(request.user, version, **form.verb_arguments()),
        )
        if done:
            return _announced(request, version, change)
    context: dict[str, Any] = {
        "version": version,
        "radius": end_pages.BlastRadius(rows),
        "trail": [Link(version.model.name, version.get_absolute_url())],
        "mapping": _mapping_of(version, form.taking_over, form.renames()),
    }
    if is_preview and form.is_valid():
        context["preview"] = end_pages.preview(
            version,
            sunset_at=form.cleaned_data["sunset_at"],
            successor=form.taking_over,
            with_brownouts=form.cleaned_data["brownouts"],
        )
        return render(request, "publishing/deprecate.html", context | {"form": form})
    return show(request, "publishing/deprecate.html", form, **context)


def migration_guide(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """How the consumers of a version move, and when it ends. Stays when it is retired."""
    version = _version(request, slug, number)
    guides = MigrationGuide.objects.visible_to(request.user).filter(version=version)
    guide = guides.select_related("written_by").first()
    held = Subscription.objects.held_by(request.user).open().filter(model=version.model).for_list()
    proposed = ScheduledChange.objects.visible_to(request.user).filter(
        version=version, kind=ScheduledChange.Kind.DEPRECATION, state=ScheduledChange.State.PROPOSED
    )
    context = {
        "version": version,
        "model": version.model,
        "guide": guide,
        "mapping": end_pages.mapping(version, guide.renames if guide else {}),
        "sentence": campaigns.successor_sentence(version),
        "successor_name": campaigns.successor_name(version),
        "moments": _moments(version),
        "held": [one for one in held if _answers(version, one)],
        "can_write": can_deprecate(request.user, version) and version.state in ModelVersion.LIVE,
        "proposed": proposed.first(),
        "trail": [Link(version.model.name, version.get_absolute_url())],
    }
    return render(request, "publishing/migration_guide.html", context)


def edit_guide(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """Write or better the guide."""
    version = _version(request, slug, number)
    require(
        can_deprecate(request.user, version),
        "Its team or the marketplace manager writes it.",
        ask=str(version.model.owner_team),
    )
    written: dict[str, Any] = dict(
        MigrationGuide.objects.filter(version=version).values().first() or {}
    )
    form = GuideForm(
        request.POST or None, version=version, successor=version.successor, initial=written
    )
    done, _ = submitted(
        request, form, lambda **given: actions.write_guide(request.user, version, form.guide())
    )
    if done:
        messages.success(request, "Saved. Consumers read it from now on.")
        return redirect(campaigns.guide_url(version))
    trail = [
        Link(version.model.name, version.get_absolute_url()),
        Link("Migration guide", campaigns.guide_url(version)),
    ]
    return show(request, "publishing/edit_guide.html", form, version=version, trail=trail)


def migration_board_page(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """How far each consumer has moved: all for the owner team and those who oversee, their own for consumers."""
    version = _version(request, slug, number)
    sees_all = can_see_board(request.user, version)
    teams = set(request.user.team_ids())
    board = [
        row
        for row in migration_board.of(version)
        if sees_all or row.subscription.application.team_id in teams
    ]
    require(
        sees_all or bool(board),
        f"{version.model.owner_team} sees the migration board, and whose applications are on it.",
        ask=str(version.model.owner_team),
    )
    daily = end_pages.daily_calls(version, board)
    rows = [
        end_pages.BoardRow(
            row,
            daily[row.subscription.pk],
            can_write=can_write_about_move(request.user, version, row.subscription, teams),
            may_move=row.subscription.application.team_id in teams,
        )
        for row in board
    ]
    is_open = version.state == ModelVersion.State.DEPRECATED
    context = {
        "version": version,
        "model": version.model,
        "successor_name": campaigns.successor_name(version),
        "rows": rows,
        "summary": end_pages.BoardSummary(board, end_pages.days_left(version)),
        "sees_all": sees_all,
        "is_open": is_open,
        "can_manage": is_open and can_deprecate(request.user, version),
        "can_retire": is_open and can_retire(request.user, version),
        "moments": _moments(version),
        "brownouts": brownouts.coming(version),
        "has_guide": MigrationGuide.objects.filter(version=version).exists(),
        "message_form": SentenceForm(auto_id=False),
        "retire_form": RetireForm(version=version),
        "trail": [Link(version.model.name, version.get_absolute_url())],
    }
    return render(request, "publishing/migration_board.html", context)


@require_POST
def write_about_move(request: PageRequest, slug: str, number: str, pk: int) -> HttpResponse:
    """A message to the other team about one subscription."""
    version = _version(request, slug, number)
    subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk, model=version.model
    )
    form = SentenceForm(request.POST)
    if not form.is_valid():
        raise Invalid("Write a message of 20 to 4,000 characters.", field="text")
    actions.write_about_move(request.user, version, subscription, **form.cleaned_data)
    messages.success(request, "Sent.")
    return redirect(campaigns.board_url(version))


def postpone(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """A later end."""
    return _change_page(
        request,
        slug,
        number,
        PostponeForm,
        actions.postpone,
        "Let it end later",
        "The end is later now; consumers were told.",
    )


def call_off_brownouts(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """No more short refusals."""

    def verb(by: Any, version: ModelVersion, text: str) -> ModelVersion:
        return actions.call_off_brownouts(by, version, text)

    return _change_page(
        request,
        slug,
        number,
        SentenceForm,
        verb,
        "Call off the brownouts",
        "Called off; consumers were told.",
    )


@require_POST
def retire(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """End the version for good."""
    version = _version(request, slug, number)
    require(can_retire(request.user, version), MAY_NOT, ask=str(version.model.owner_team))
    form = RetireForm(request.POST, version=version)
    if not form.is_valid():
        raise Invalid(f"Type {form.typed_name} to confirm that it ends for good.", field="confirm")
    actions.retire(request.user, version)
    messages.success(request, f"{version} is retired. Calls of it are answered with 410.")
    return redirect(campaigns.board_url(version))


def ask_waiver(request: PageRequest, slug: str, number: str, pk: int) -> HttpResponse:
    """Ask governance not to wait for one application."""
    version = _version(request, slug, number)
    require(
        can_deprecate(request.user, version),
        "Its team or the marketplace manager asks for it.",
        ask=str(version.model.owner_team),
    )
    subscription = get_object_or_404(
        migration_board.concerned(version).select_related("application__team", "model"), pk=pk
    )
    form = RetirementWaiverForm(request.POST or None)
    done, waiver = submitted(
        request,
        form,
        lambda **given: actions.ask_retirement_waiver(request.user, version, subscription, **given),
    )
    if done:
        messages.success(request, "Asked. You are told when it is decided.")
        return redirect(waiver)
    return show(
        request,
        "publishing/ask_retirement_waiver.html",
        form,
        version=version,
        subscription=subscription,
        trail=_board_trail(version),
    )


def retirement_waiver(request: PageRequest, pk: int) -> HttpResponse:
    """What was asked, why, until when; and the decision for who may."""
    waiver = get_object_or_404(RetirementWaiver.objects.visible_to(request.user).for_page(), pk=pk)
    return decide_page(
        request,
        waiver,
        WaiverDecisionForm(request.POST or None),
        actions.decide_retirement_waiver,
        "publishing/retirement_waiver.html",
        waiver=waiver,
        reasons_against=reasons_against_retirement_waiver(request.user, waiver),
        trail=_board_trail(waiver.version),
    )


@login_not_required
def lifecycle(request: PageRequest) -> HttpResponse:
    """What a sunset means here: where the link of every deprecated answer leads."""
    rules = policies.in_force()
    notice = [f"{rules.days('notice_days', tier)} days at {tier} risk" for tier in TIERS]
    before = [f"{minutes} minutes {days} days before" for days, minutes in brownouts.SCHEDULE]
    context = {
        "notice": listed(notice),
        "days_before": listed([str(days) for days in campaigns.DAYS_BEFORE]),
        "brownouts": listed(before),
    }
    return render(request, "docs/lifecycle.html", context)


def _version(request: PageRequest, slug: str, number: str) -> ModelVersion:
    versions = ModelVersion.objects.visible_to(request.user).filter(state__in=ModelVersion.LISTED)
    return get_object_or_404(
        versions.select_related("model__owner_team", "successor__model"),
        model__slug=slug,
        number=number,
    )


def _announced(
    request: PageRequest, version: ModelVersion, change: ScheduledChange | None
) -> HttpResponse:
    if change is None:
        messages.success(request, f"{version} is deprecated.")
        return redirect(version)
    messages.success(request, "Proposed. Somebody else confirms it.")
    return redirect(change)


def _mapping_of(
    version: ModelVersion, successor: ModelVersion | None, renames: dict[str, str]
) -> list[Any]:
    version.successor = successor  # in memory alone: the page is about what is being chosen
    return end_pages.mapping(version, renames)


def _moments(version: ModelVersion) -> list[end_pages.Moment]:
    campaign = Campaign.objects.filter(version=version).order_by("-announced_at").first()
    begun = campaign.announced_at if campaign else version.deprecated_at
    return end_pages.moments(version, begun) if begun else []


def _answers(version: ModelVersion, subscription: Subscription) -> bool:
    versions = list(version.model.versions.filter(state__in=ModelVersion.LISTED))
    return bool(affected.resolve_for(subscription, versions) == version)


def _change_page(
    request: PageRequest, slug: str, number: str, form_class: Any, verb: Any, title: str, said: str
) -> HttpResponse:
    version = _version(request, slug, number)
    require(can_deprecate(request.user, version), MAY_NOT, ask=str(version.model.owner_team))
    form = form_class(request.POST or None)
    done, _ = submitted(request, form, lambda **given: verb(request.user, version, **given))
    if done:
        messages.success(request, said)
        return redirect(campaigns.board_url(version))
    return show(
        request,
        "publishing/change_end.html",
        form,
        version=version,
        title=title,
        trail=_board_trail(version),
    )


def _board_trail(version: ModelVersion) -> list[Link]:
    return [
        Link(version.model.name, version.get_absolute_url()),
        Link("Migration board", campaigns.board_url(version)),
    ]


AT = "models/<slug:slug>/versions/<str:number>"
urlpatterns = [
    path("publish/<slug:slug>/<str:number>/deprecate/", deprecate, name="deprecate"),
    path(f"{AT}/migration/", migration_guide, name="migration_guide"),
    path(f"{AT}/migration/edit/", edit_guide, name="edit_guide"),
    path(f"{AT}/board/", migration_board_page, name="migration_board"),
    path(f"{AT}/board/<int:pk>/message/", write_about_move, name="write_about_move"),
    path(f"{AT}/board/<int:pk>/waiver/", ask_waiver, name="ask_retirement_waiver"),
    path(f"{AT}/postpone/", postpone, name="postpone"),
    path(f"{AT}/brownouts/", call_off_brownouts, name="call_off_brownouts"),
    path(f"{AT}/retire/", retire, name="retire"),
    path("retirement-waivers/<int:pk>/", retirement_waiver, name="retirement_waiver"),
    path("docs/lifecycle/", lifecycle, name="lifecycle"),
]
