"""Verbs of needs: say one, join, leave, link a model, commission, decline, take back (docs/search-before-build.md, "Needs")."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from catalog.models import (
    Capability,
    Need,
    NeedInterest,
    NeedSupport,
    RegisteredModel,
    SearchRecord,
)
from catalog.permissions import (
    can_commission,
    can_decide_search_record,
    can_link_need,
    can_open_need,
    can_withdraw_need,
)
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record as keep
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify

TEXT_MIN = 30  # characters
MOST_WAITING = 100  # of a team
LONGEST_BUILD = timedelta(days=5 * 365)
JOIN = "Join it with what it is worth to your team a year, so that it is built sooner."
CURATORS = Refusal("Marketplace managers decide about needs.", ask="the marketplace managers")


@transaction.atomic
def open_need(
    by: User,
    *,
    team: Team,
    title: str,
    text: str,
    capability: Capability | None = None,
    value_a_year: int | None = None,
    search_record: SearchRecord | None = None,
) -> Need:
    """Say what a team needs and no model does; the team joins at once. Returns the Need. Raises NotAllowed, Invalid, RuleError."""
    require(can_open_need(by, team), f"Only members of {team} say what it needs.", ask=str(team))
    require_fields(Need, title=title, text=text)
    if len(text.strip()) < TEXT_MIN:
        raise Invalid(f"Say in at least {TEXT_MIN} characters what you need.", field="text")
    if Need.objects.filter(team=team, state__in=Need.WAITING).count() >= MOST_WAITING:
        raise RuleError(f"{team} waits for {MOST_WAITING} needs.", remedy="Withdraw one first.")
    need = Need.objects.create(
        title=title.strip(), text=text.strip(), capability=capability, team=team, opened_by=by
    )
    keep(by, "need.open", need, team=team.slug)
    if search_record is not None:
        require(
            can_decide_search_record(by, search_record),
            "It is another team's record.",
            ask=str(search_record.team),
        )
        SearchRecord.objects.filter(pk=search_record.pk).update(demand=need)
    join_need(by, need, team=team, value_a_year=value_a_year)
    return need


@transaction.atomic
def open_for_teams(
    by: User,
    *,
    title: str,
    text: str,
    teams: Iterable[Team],
    capability: Capability | None = None,
) -> Need:
    """Say what several teams searched for in vain; the first one is named with it. They are told, and may join. Raises NotAllowed, Invalid."""
    require(can_commission(by), *CURATORS)
    require_fields(Need, title=title, text=text)
    asking = list(teams)
    if not title.strip() or not asking:
        raise Invalid("Give it a title, and name a team that asked.", field="title")
    if len(text.strip()) < TEXT_MIN:
        raise Invalid(f"Say in at least {TEXT_MIN} characters what is needed.", field="text")
    need = Need.objects.create(
        title=title.strip(),
        text=text.strip(),
        capability=capability,
        team=asking[0],
        opened_by=by,
        triaged_at=timezone.now(),
        triaged_by=by,
    )
    keep(by, "need.open", need, team=asking[0].slug, asked=len(asking))
    note_interest(need, asking)
    _tell(need, "recorded", f"What you searched for is a need now: {need.title}", JOIN)
    return need


def note_interest(need: Need, teams: Iterable[Team | int]) -> None:
    """These teams asked for it, too: they are told what becomes of it. In the caller's transaction."""
    rows = [NeedInterest(need=need, team_id=getattr(team, "pk", team)) for team in teams]
    NeedInterest.objects.bulk_create(rows, ignore_conflicts=True)


@transaction.atomic
def triage(by: User, need: Need) -> Need:
    """Say that it was looked at and is a need. Raises NotAllowed, RuleError."""
    require(can_commission(by), *CURATORS)
    need = _locked(need)
    if need.state != Need.State.OPEN or need.triaged_at:
        raise RuleError(f"{need} was looked at already.", remedy="Reload the page.")
    need.triaged_at, need.triaged_by = timezone.now(), by
    need.save(update_fields=["triaged_at", "triaged_by"])
    keep(by, "need.triage", need)
    return need


@transaction.atomic
def join_need(
    by: User, need: Need, *, team: Team, value_a_year: int | None = None, note: str = ""
) -> NeedSupport:
    """Say that a team needs it, too, and what a year of it is worth to it (USD). Again: the new estimate counts."""
    require(can_open_need(by, team), f"Only members of {team} join for it.", ask=str(team))
    need = _locked(need)
    _require_waiting(need)
    require_fields(NeedSupport, value_a_year=value_a_year, note=note)
    support, is_new = NeedSupport.objects.update_or_create(
        need=need,
        team=team,
        left_at=None,
        defaults={"by": by, "value_a_year": value_a_year, "note": note.strip()},
    )
    keep(by, "need.join" if is_new else "need.estimate", need, team=team.slug, value=value_a_year)
    if is_new and team != need.team:
        notify(
            User.objects.on_teams([need.team]),
            "need",
            f"{team} needs it, too: {need.title}",
            url=need.get_absolute_url(),
            key=f"need-joined:{support.pk}",
        )
    return support


@transaction.atomic
def leave_need(by: User, need: Need, *, team: Team) -> None:
    """The team needs it no longer. Raises NotAllowed, RuleError."""
    require(can_open_need(by, team), f"Only members of {team} speak for it.", ask=str(team))
    left = NeedSupport.objects.filter(need=need, team=team, left_at=None).update(
        left_at=timezone.now()
    )
    if not left:
        raise RuleError(f"{team} has not joined.", remedy="Reload the page.")
    keep(by, "need.leave", need, team=team.slug)


@transaction.atomic
def link_model(by: User, need: Need, model: RegisteredModel) -> Need:
    """Name the model that is to meet the need: it is met at once, or when the model is published. Raises NotAllowed, RuleError."""
    require(
        can_link_need(by, model),
        f"Marketplace managers and {model.owner_team} link its models.",
        ask=str(model.owner_team),
    )
    need = _locked(need)
    _require_waiting(need)
    need.model = model
    need.save(update_fields=["model"])
    keep(by, "need.link", need, model=model.slug)
    if model.state == RegisteredModel.State.PUBLISHED:
        _meet(by, need, model)
    return need


def meet_needs(by: User, model: RegisteredModel) -> None:
    """A model was published: the needs that it is linked to are met. In the caller's transaction."""
    linked = Need.objects.select_for_update().filter(model=model, state__in=Need.WAITING)
    for need in linked:
        _meet(by, need, model)


@transaction.atomic
def commission(
    by: User,
    need: Need,
    *,
    team: Team,
    reason: str,
    budget: int | None = None,
    ready_by: date | None = None,
) -> Need:
    """Have a team build it, for a budget (USD) and by a day, where these are known. Raises NotAllowed, Invalid, RuleError."""
    require(can_commission(by), *CURATORS)
    require_reason(reason, "those who joined read it")
    require_fields(Need, budget=budget)
    today = timezone.localdate()
    if ready_by is not None and not today < ready_by <= today + LONGEST_BUILD:
        raise Invalid("Choose a day within the next five years.", field="ready_by")
    need = _locked(need)
    transition(
        need,
        Need.State.COMMISSIONED,
        commissioned_team=team,
        budget=budget,
        ready_by=ready_by,
        **Need.decision(by, reason),
    )
    day = ready_by.isoformat() if ready_by else None
    keep(
        by,
        "need.commission",
        need,
        reason=reason.strip(),
        team=team.slug,
        budget=budget,
        ready_by=day,
    )
    _tell(need, "commissioned", f"{team} builds it: {need.title}", reason, also=[team])
    return need


@transaction.atomic
def decline_need(by: User, need: Need, reason: str) -> Need:
    """Say that nobody will build it. Raises NotAllowed, Invalid, RuleError."""
    require(can_commission(by), *CURATORS)
    require_reason(reason, "those who joined read it")
    need = transition(_locked(need), Need.State.DECLINED, **Need.decision(by, reason))
    keep(by, "need.decline", need, reason=reason.strip())
    _tell(need, "declined", f"Nobody will build it for now: {need.title}", reason)
    return need


@transaction.atomic
def withdraw_need(by: User, need: Need) -> Need:
    """Take a need back while no other team has joined. Raises NotAllowed, RuleError."""
    require(can_withdraw_need(by, need), f"{need.team} said it.", ask=str(need.team))
    need = _locked(need)
    if need.supports.filter(left_at=None).exclude(team=need.team).exists():
        raise RuleError("Other teams need it, too.", remedy="Leave it instead.")
    transition(need, Need.State.WITHDRAWN)
    keep(by, "need.withdraw", need)
    return need


def _meet(by: User, need: Need, model: RegisteredModel) -> None:
    transition(need, Need.State.MATCHED)
    keep(by, "need.match", need, model=model.slug)
    people = _joined(need)
    able = [person for person in people if _sees(person, model)]
    notify(
        able,
        "need",
        f"{model} is there: {need.title}",
        body=model.summary,
        url=model.get_absolute_url(),
        key=f"need-matched:{need.pk}",
        model=model.slug,
    )


def _sees(person: User, model: RegisteredModel) -> bool:
    return RegisteredModel.objects.visible_to(person).filter(pk=model.pk).exists()


def _tell(need: Need, what: str, title: str, body: str, also: list[Team] | None = None) -> None:
    notify(
        _joined(need, also),
        "need",
        title,
        body=body,
        url=need.get_absolute_url(),
        key=f"need-{what}:{need.pk}",
    )


def _joined(need: Need, also: list[Team] | None = None) -> set[User]:
    """The people of the teams that have joined, or that asked for it before it was a need."""
    teams = list(need.supports.filter(left_at=None).values_list("team", flat=True))
    teams += need.interests.values_list("team", flat=True)
    return set(User.objects.on_teams(teams + [team.pk for team in also or []]))


def _require_waiting(need: Need) -> None:
    if not need.is_waiting:
        raise RuleError(f"{need} is {need.get_state_display().lower()}.", remedy="Reload the page.")


def _locked(need: Need) -> Need:
    return Need.objects.select_for_update(of=("self",)).select_related("team").get(pk=need.pk)
