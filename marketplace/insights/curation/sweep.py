"""The nightly sweep: what is so becomes an item, what is no longer so ends (docs/curation.md, "The sweep").

Each kind is searched for in a few queries for any number of models, and only what changed is written, in batches. A second run
at the same time finds nothing to do. A night proposes so many new items as managers can read, the worst first.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import Membership, User
from marketplace.insights.curation import health, telling
from marketplace.insights.curation.fact import Fact
from marketplace.insights.curation.kinds import DECLARED, Declared
from marketplace.insights.models import CurationItem, CurationRun, FindingKind

log = logging.getLogger(__name__)
BATCH = 1_000  # rows of one statement
FACTS = ["step", "since", "evidence", "due_on"]
REOPENED = [*FACTS, "state", "closed_at", "look_again_on", "asked_at", "asked_by", "told_step"]
ANSWER = ["answer", "answer_reason", "answered_by", "answered_at", "promised_on"]
State = CurationItem.State
ORDER = {kind: place for place, kind in enumerate(DECLARED)}


@dataclass
class Changes:
    """What a run does to the items of one kind."""

    new: list[CurationItem] = field(default_factory=list)
    changed: list[CurationItem] = field(default_factory=list)
    again: list[CurationItem] = field(default_factory=list)
    gone: list[CurationItem] = field(default_factory=list)


def sweep(now: datetime | None = None) -> CurationRun:
    """Find, end, hand out and tell. Returns the run; raises what broke it, after noting it in the run."""
    now = now or timezone.now()
    run = CurationRun.objects.create(started_at=now)
    try:
        _find(run, now)
    except Exception as error:
        CurationRun.objects.filter(pk=run.pk).update(problem=str(error)[:200] or "It broke off.")
        raise
    run.ended_at = timezone.now()
    run.save()
    return run


def _find(run: CurationRun, now: datetime) -> None:
    today = now.astimezone(UTC).date()
    health.write(today)
    candidates: list[CurationItem] = []
    try:
        for declared in DECLARED.values():
            with transaction.atomic():  # short: whoever decides about an item waits for it
                changes = _changes(declared, now, today)
                _write(changes)
            candidates += changes.new
            run.found += len(changes.again)
            run.closed += sum(item.closed_at == now for item in changes.gone)
    finally:  # what the searches before a broken one found is kept
        _propose(run, candidates, today)
    hand_out()
    telling.tell_publishers(today)
    telling.tell_curators(run)


def _changes(declared: Declared, now: datetime, today: date) -> Changes:
    standing = {
        (item.model_id, item.subject): item
        for item in CurationItem.objects.select_for_update()
        .filter(kind=declared.kind)
        .exclude(state=State.GONE)
    }
    changes = Changes()
    for fact in declared.search(today):
        item = standing.pop((fact.model, fact.subject), None)
        if item is None:
            changes.new.append(_new(declared, fact, now, today))
        elif not item.is_open and item.look_again_on and item.look_again_on <= today:
            changes.again.append(_again(declared, item, fact, today))
        elif _is_news(item, fact):
            changes.changed.append(_changed(declared, item, fact, today))
    for item in standing.values():
        item.closed_at = item.closed_at or now
        item.state, item.look_again_on = State.GONE, None
        changes.gone.append(item)
    return changes


def _new(declared: Declared, fact: Fact, now: datetime, today: date) -> CurationItem:
    return CurationItem(
        kind=declared.kind,
        model_id=fact.model,
        subject=fact.subject,
        step=fact.step,
        since=fact.since,
        evidence=fact.evidence,
        found_at=now,
        due_on=today + timedelta(days=declared.days_to_act(fact.step)),
    )


def _is_news(item: CurationItem, fact: Fact) -> bool:
    return (item.step, item.since, item.evidence) != (fact.step, fact.since, fact.evidence)


def _changed(declared: Declared, item: CurationItem, fact: Fact, today: date) -> CurationItem:
    """An open item that goes a step further gets the time of that step."""
    if item.is_open and fact.step > item.step:
        item.due_on = today + timedelta(days=declared.days_to_act(fact.step))
    item.step, item.since, item.evidence = fact.step, fact.since, fact.evidence
    return item


def _again(declared: Declared, item: CurationItem, fact: Fact, today: date) -> CurationItem:
    """What was put off until a day, and is still so on it. Who decided before, and why, stays."""
    item.state, item.closed_at, item.look_again_on = State.OPEN, None, None
    item.asked_at = item.asked_by = item.answered_by = item.answered_at = item.promised_on = None
    item.answer = item.answer_reason = ""
    item.told_step = None
    item.step, item.since, item.evidence = fact.step, fact.since, fact.evidence
    item.due_on = today + timedelta(days=declared.days_to_act(fact.step))
    return item


def _write(changes: Changes) -> None:
    rows = CurationItem.objects
    rows.bulk_update(changes.changed, FACTS, batch_size=BATCH)
    rows.bulk_update(changes.again, [*REOPENED, *ANSWER], batch_size=BATCH)
    rows.bulk_update(changes.gone, ["state", "closed_at", "look_again_on"], batch_size=BATCH)


def _propose(run: CurationRun, candidates: list[CurationItem], today: date) -> None:
    """Make items of the worst, as many as this night has room for; the run says how many wait for a next one."""
    midnight = datetime.combine(today, time(), UTC)
    tonight = CurationItem.objects.filter(
        found_at__gte=midnight, found_at__lt=midnight + timedelta(days=1)
    )
    room = max(0, settings.CURATION_NEW_A_NIGHT - tonight.count())
    new = sorted(candidates, key=_worst_first)[:room]
    CurationItem.objects.bulk_create(new, batch_size=BATCH)
    run.found += len(new)
    run.waiting = len(candidates) - len(new)


def _worst_first(item: CurationItem) -> tuple[bool, int, date]:
    """What looks serious, then in the order of the kinds, then the oldest."""
    kind = FindingKind(item.kind)
    return item.step < DECLARED[kind].bad, ORDER[kind], item.since


# ── Who looks at it ───────────────────────────────────────────────────────


@transaction.atomic
def hand_out() -> int:
    """Give every open item whose owner may not act on it to a marketplace manager of another team. Returns how many moved.

    Those with the fewest items get the next one. Where nobody may act, the item stays without an owner.
    """
    curators = {person.pk for person in User.objects.holding("curator")}
    teams: dict[int, set[int]] = {pk: set() for pk in curators}
    joined = Membership.objects.filter(user__in=curators, left_at=None)
    for user, team in joined.values_list("user", "team"):
        teams[user].add(team)
    items = list(
        CurationItem.objects.open()
        .select_for_update(of=("self",))
        .select_related("model")
        .only("owner", "evidence", "model__owner_team")
        .order_by("due_on", "pk")
    )
    load = dict.fromkeys(sorted(curators), 0)
    unowned = []
    for item in items:
        owner = item.owner_id
        if owner is not None and owner in load and not _is_own(item, teams[owner]):
            load[owner] += 1
        else:
            unowned.append(item)
    moved = list(_given(unowned, teams, load))
    CurationItem.objects.bulk_update(moved, ["owner"], batch_size=BATCH)
    return len(moved)


def _given(
    items: Iterable[CurationItem], teams: dict[int, set[int]], load: dict[int, int]
) -> Iterable[CurationItem]:
    for item in items:
        able = [pk for pk in load if not _is_own(item, teams[pk])]
        owner = min(able, key=lambda pk: load[pk]) if able else None
        if owner is not None:
            load[owner] += 1
        if owner != item.owner_id:
            item.owner_id = owner
            yield item


def _is_own(item: CurationItem, teams: set[int]) -> bool:
    """Is it about a model of these teams? Of two models for one purpose, about either."""
    return bool(teams & {item.model.owner_team_id, item.evidence.get("other_team")})
