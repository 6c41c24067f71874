"""Verbs of cases of models for one purpose: find, decide, look again (docs/governance.md, "Models for one purpose")."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalog.models import RegisteredModel, SearchDocument
from governance import same_purpose
from governance.models import SamePurposeCase
from governance.models.same_purpose import CANDIDATE, DECISIONS
from governance.permissions import can_decide_case
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify

AT_ONCE = 200  # models
LOOK_AGAIN = timedelta(days=180)  # unless the curator says otherwise
LATEST = timedelta(days=730)
State = SamePurposeCase.State


def find_cases_of(model: RegisteredModel) -> None:
    """Compare a model that was registered or published with those that are there."""
    for pair in same_purpose.pairs_of(model):
        _keep(pair)


def find_cases() -> None:
    """Compare the published models whose entry or neighbourhood changed; open cases of pairs that are no longer alike end."""
    due = SearchDocument.objects.filter(is_case_due=True, is_neighbourhood_due=False)
    while ids := list(due.order_by("model").values_list("model", flat=True)[:AT_ONCE]):
        _compare(ids)
    _reopen_due(timezone.localdate())


@transaction.atomic
def _compare(ids: list[int]) -> None:
    SearchDocument.objects.filter(pk__in=ids).update(is_case_due=False)
    begun = timezone.now()
    for pair in same_purpose.pairs_among_neighbours(ids):
        _keep(pair)
    _end_stale(ids, begun)


@transaction.atomic
def decide_case(
    by: User,
    case: SamePurposeCase,
    *,
    state: str,
    rationale: str,
    primary: RegisteredModel | None = None,
    review_on: date | None = None,
) -> SamePurposeCase:
    """Say what becomes of two models for one purpose. Raises NotAllowed, Invalid, RuleError.

    primary    of the two, when one is recommended; shown as "Recommended for" its capability.
    review_on  when the marketplace asks again; by default in LOOK_AGAIN.
    """
    case = SamePurposeCase.objects.select_for_update(of=("self",)).get(pk=case.pk)
    require(
        can_decide_case(by, case),
        "Marketplace managers of neither team decide this.",
        ask="another marketplace manager",
    )
    if state not in DECISIONS:
        raise Invalid("Recommend one, segment, merge, or let both stay.", field="state")
    if (state == State.PRIMARY_CHOSEN) != (primary is not None):
        raise Invalid("Name a model when, and only when, one is recommended.", field="primary")
    if primary is not None and primary.pk not in (case.first_id, case.second_id):
        raise Invalid("It is one of the two.", field="primary")
    require_reason(rationale, "both teams and all users read it")
    day = review_on or timezone.localdate() + LOOK_AGAIN
    if not timezone.localdate() < day <= timezone.localdate() + LATEST:
        raise Invalid(f"Choose a day within the next {LATEST.days} days.", field="review_on")
    transition(
        case,
        state,
        primary=primary,
        review_on=day,
        evidence=same_purpose.sentences(case),
        **SamePurposeCase.decision(by, rationale),
    )
    record(by, "case.decide", case, reason=rationale.strip(), state=state)
    _write_recommendations(case)
    _tell(case)
    return case


@transaction.atomic
def _keep(pair: same_purpose.Pair) -> None:
    now = timezone.now()
    facts = {"likeness": pair.likeness, "parts": pair.parts, "compared_at": now}
    case, is_new = SamePurposeCase.objects.get_or_create(
        first_id=pair.first, second_id=pair.second, defaults=facts
    )
    if not is_new:
        SamePurposeCase.objects.filter(pk=case.pk).update(**facts)
    if case.state == State.GONE:
        transition(case, State.OPEN)
        is_new = True
    if is_new:
        record(
            User.objects.system("curation"), "case.find", case, percent=round(100 * pair.likeness)
        )
        _ask_curators(case, "found")


def _end_stale(ids: list[int], begun: datetime) -> None:
    """Open cases of these models with published ones that were not found alike any more; a draft's wait until it is published."""
    listed = RegisteredModel.State.PUBLISHED
    stale = SamePurposeCase.objects.filter(
        Q(first__in=ids) | Q(second__in=ids),
        state=State.OPEN,
        compared_at__lt=begun,
        first__state=listed,
        second__state=listed,
    )
    for case in stale:
        transition(case, State.GONE)
        record(User.objects.system("curation"), "case.end", case, below=str(CANDIDATE))


def _reopen_due(today: date) -> None:
    due = SamePurposeCase.objects.filter(state__in=DECISIONS, review_on__lte=today)
    for case in due:
        transition(case, State.OPEN, primary=None, review_on=None)
        record(User.objects.system("curation"), "case.reopen", case)
        _write_recommendations(case)
        _ask_curators(case, f"again-{today}")


def _write_recommendations(case: SamePurposeCase) -> None:
    """Onto both models' rows, for lists: what each is recommended for, by any of its cases."""
    for model in RegisteredModel.objects.filter(pk__in=[case.first_id, case.second_id]):
        chosen = SamePurposeCase.objects.filter(state=State.PRIMARY_CHOSEN, primary=model)
        text = str(model.capability) if chosen.exists() else ""
        if model.recommended_for != text:
            RegisteredModel.objects.filter(pk=model.pk).update(recommended_for=text)


def _ask_curators(case: SamePurposeCase, occasion: str) -> None:
    notify(
        User.objects.holding("curator"),
        "curation",
        f"One purpose? {case}",
        body=f"Their likeness is {case.likeness:.2f}.",
        url=case.get_absolute_url(),
        key=f"case-{occasion}:{case.pk}",
    )


def _tell(case: SamePurposeCase) -> None:
    models: Iterable[RegisteredModel] = (case.first, case.second)
    for model in models:
        other = case.second if model == case.first else case.first
        people = [
            person
            for person in User.objects.on_teams([model.owner_team])
            if RegisteredModel.objects.visible_to(person).filter(pk=other.pk).exists()
        ]
        notify(
            people,
            "curation",
            f"{case}: {case.get_state_display().lower()}",
            body=case.decision_reason,
            url=case.get_absolute_url(),
            key=f"case-decided:{case.pk}:{case.decided_at:%Y%m%d%H%M%S}",
        )
