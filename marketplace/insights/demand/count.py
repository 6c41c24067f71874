"""The nightly count of demand: texts are clustered, numbered, and follow what became a need (docs/demand.md, "The number")."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from django.db import transaction
from django.utils import timezone

from catalog.models import Need
from catalog.need_actions import note_interest
from marketplace.core.transitions import transition
from marketplace.insights.demand.asking import REFUSAL, SEARCH, VOTE, Asked, asked
from marketplace.insights.demand.clusters import Cluster, clustered, stems_of_texts
from marketplace.insights.models import DemandGap

HALF_LIFE = 90  # days
OF_TEAM, OF_SEARCH, OF_VOTE, OF_REFUSAL = 3, 1, 5, 5
WEIGHTS = {SEARCH: OF_SEARCH, VOTE: OF_VOTE, REFUSAL: OF_REFUSAL}
LEAST = 1.0  # a gap below it that nobody took up is no longer kept
QUERIES = 10
BATCH = 1_000
NUMBERS = [
    "title", "words", "queries", "team_ids", "teams", "searches", "votes", "refusals", "score",
    "first_on", "last_on", "counted_at",
]  # fmt: skip


@dataclass
class Counts:
    """What was asked of one gap."""

    numbers: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    last_of_team: dict[int, date] = field(default_factory=dict)
    days: list[date] = field(default_factory=list)
    weight: float = 0.0

    def add(self, one: Asked, today: date) -> None:
        self.numbers[one.kind] += 1
        if one.kind != VOTE:
            self.texts[one.text] += 1
        self.days.append(one.day)
        self.weight += WEIGHTS[one.kind] * decay(one.day, today)
        if one.team is not None:
            self.last_of_team[one.team] = max(one.day, self.last_of_team.get(one.team, one.day))

    def score(self, today: date) -> float:
        """3 a team by its newest day, 1 a search, 5 a vote, 5 a refusal, each halved every 90 days."""
        teams = sum(decay(day, today) for day in self.last_of_team.values())
        return round(self.weight + OF_TEAM * teams, 2)


def decay(day: date, today: date) -> float:
    return float(0.5 ** (max(0, (today - day).days) / HALF_LIFE))


@transaction.atomic
def count(now: datetime | None = None) -> int:
    """Count all demand of a year anew. Twice changes nothing. Returns how many gaps there are."""
    now = now or timezone.now()
    today = now.astimezone(UTC).date()
    _release()
    gaps = list(DemandGap.objects.select_for_update(of=("self",)).order_by("pk"))
    found = list(asked(today))
    counted = _counted(found, gaps, today)
    rows = [_numbered(gap, counts, today, now) for gap, counts in counted]
    kept = [row for row in rows if row.pk or row.score >= LEAST]
    DemandGap.objects.bulk_create([row for row in kept if not row.pk], batch_size=BATCH)
    DemandGap.objects.bulk_update([row for row in kept if row.pk], NUMBERS, batch_size=BATCH)
    empty = DemandGap.objects.filter(state=DemandGap.State.NEW, score__lt=LEAST)
    empty.delete()
    _note_interest(kept)
    return DemandGap.objects.count()


def _release() -> None:
    """A need that its team took back leaves the searches of others without one: they are gaps again."""
    taken_back = DemandGap.objects.filter(need__state=Need.State.WITHDRAWN)
    for gap in taken_back:
        transition(gap, DemandGap.State.NEW, need=None)


def _counted(
    found: list[Asked], gaps: list[DemandGap], today: date
) -> list[tuple[DemandGap, Counts]]:
    """Each gap, those that are kept first, with what was asked of it."""
    known = {gap.need_id: gap for gap in reversed(gaps) if gap.need_id}
    needs = Need.objects.filter(state__in=Need.WAITING).exclude(pk__in=list(known))
    known |= {need.pk: _gap_of(need, today) for need in needs.order_by("pk")}
    seeds = _seeds([*gaps, *(gap for gap in known.values() if not gap.pk)])
    by_text = _by_text(found)
    clusters = clustered(by_text, seeds)
    place = {text: cluster for cluster in clusters for text in cluster.texts}
    counted: dict[int, Counts] = defaultdict(Counts)
    gap_of: dict[int, DemandGap] = {}
    for cluster in clusters:
        gap_of[id(cluster)] = cluster.key or DemandGap(
            first_on=today, last_on=today, words=sorted(cluster.stems)
        )
    seed_of = {id(cluster.key): cluster for cluster in clusters if cluster.key}
    for one in found:
        named = known.get(one.need) if one.need else None
        cluster_of = seed_of[id(named)] if named else place.get(one.text)
        if cluster_of is not None:
            counted[id(cluster_of)].add(one, today)
    return [(gap_of[id(cluster)], counted[id(cluster)]) for cluster in clusters]


def _seeds(gaps: Iterable[DemandGap]) -> list[Cluster]:
    return [Cluster(frozenset(gap.words), key=gap) for gap in gaps]


def _gap_of(need: Need, today: date) -> DemandGap:
    """A need that nobody searched for before it was said."""
    stems = stems_of_texts([need.title])[need.title]
    return DemandGap(
        title=need.title,
        words=sorted(stems),
        need=need,
        state=DemandGap.State.TAKEN_UP,
        first_on=need.opened_at.date(),
        last_on=need.opened_at.date(),
    )


def _by_text(found: list[Asked]) -> dict[str, frozenset[str]]:
    """{text: stems}, the most asked first, so that a gap is named by what most people say."""
    frequency = Counter(one.text for one in found if one.need is None and one.kind != VOTE)
    stems = stems_of_texts(frequency)
    return {text: stems[text] for text, _ in sorted(frequency.items(), key=lambda p: (-p[1], p[0]))}


def _numbered(gap: DemandGap, counts: Counts, today: date, now: datetime) -> DemandGap:
    before = [getattr(gap, name) for name in NUMBERS[:-1]]
    ordered = sorted(counts.texts.items(), key=lambda pair: (-pair[1], pair[0]))
    gap.queries = [text for text, _ in ordered[:QUERIES]]
    gap.title = gap.title or (gap.queries[0] if gap.queries else "")
    gap.team_ids = sorted(counts.last_of_team)
    gap.teams, gap.searches = len(counts.last_of_team), counts.numbers[SEARCH]
    gap.votes, gap.refusals = counts.numbers[VOTE], counts.numbers[REFUSAL]
    gap.score = counts.score(today)
    if counts.days:
        gap.first_on, gap.last_on = min(counts.days), max(counts.days)
    if before != [getattr(gap, name) for name in NUMBERS[:-1]]:
        gap.counted_at = now
    return gap


def _note_interest(gaps: Iterable[DemandGap]) -> None:
    """Who searched for what is a need by now is told what becomes of it, too."""
    for gap in gaps:
        if gap.need_id and gap.team_ids and gap.need and gap.need.is_waiting:
            note_interest(gap.need, gap.team_ids)
