"""The demand board: gaps and needs in the order of their number, in the columns that they have reached (docs/demand.md)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Prefetch

from catalog.models import Need, NeedStage, RegisteredModel
from marketplace.accounts.models import User
from marketplace.core.templatetags.formatting import number, quantity
from marketplace.insights.models import DemandGap

MOST = 200  # needs and gaps that a board shows, the largest
ENDED = (NeedStage.PUBLISHED, NeedStage.DECLINED)


@dataclass(frozen=True)
class Entry:
    """One card. need is None for a gap that nobody took up; gap is None for a need before its first count.

    queries  what was searched for; empty for who may not read it.
    model    what is to meet it, if the reader may see it.
    """

    title: str
    url: str
    score: float
    teams: int
    searches: int
    votes: int
    refusals: int
    value: int
    queries: list[str] = field(default_factory=list)
    need: Need | None = None
    gap: DemandGap | None = None
    model: RegisteredModel | None = None

    @property
    def numbers(self) -> str:
        parts = [
            quantity(self.teams, "team,teams"),
            quantity(self.searches, "search,searches"),
            quantity(self.votes, "vote,votes"),
            quantity(self.refusals, "refusal,refusals"),
        ]
        return " · ".join(parts)

    @property
    def said(self) -> str:
        """What was searched for, the most frequent first."""
        return ", ".join(f"“{query[:60]}”" for query in self.queries[:3])

    @property
    def commission(self) -> str:
        """Who builds it, for how much, by when; "" before it is commissioned."""
        need = self.need
        if need is None or need.commissioned_team is None:
            return ""
        parts = [str(need.commissioned_team)]
        if need.budget is not None:
            parts.append(f"{number(need.budget)} USD")
        if need.ready_by is not None:
            parts.append(f"due {need.ready_by:%-d %b %Y}")
        return ", ".join(parts)

    @property
    def worth(self) -> str:
        return f"{number(self.value)} USD a year, as those who joined say" if self.value else ""


@dataclass(frozen=True)
class Column:
    stage: NeedStage
    entries: list[Entry]


def board(user: User) -> list[Column]:
    """All columns, the largest number first in each. A fixed number of queries."""
    columns: dict[NeedStage, list[Entry]] = defaultdict(list)
    gaps = DemandGap.objects.visible_to(user)
    for gap in gaps.filter(state=DemandGap.State.NEW).for_list()[:MOST]:
        columns[NeedStage.NEW].append(_of_gap(gap))
    for entry in of_needs(user, may_read=bool(columns) or gaps.exists()):
        if entry.need is not None:
            columns[entry.need.stage].append(entry)
    return [
        Column(stage, sorted(columns[stage], key=lambda one: (-one.score, one.title)))
        for stage in NeedStage
    ]


def of_needs(user: User, *, may_read: bool) -> list[Entry]:
    """The needs that a person may see, those that were taken back left out, the newest MOST."""
    needs = Need.objects.visible_to(user).exclude(state=Need.State.WITHDRAWN).for_list()
    counted = Prefetch("demand_gaps", DemandGap.objects.order_by("pk"))
    rows = list(needs.order_by("-pk").prefetch_related(counted)[:MOST])
    seen = RegisteredModel.objects.visible_to(user).in_bulk(
        [need.model_id for need in rows if need.model_id]
    )
    return [_of_need(need, seen.get(need.model_id or 0), may_read) for need in rows]


def _of_gap(gap: DemandGap) -> Entry:
    return Entry(
        gap.title[:1].upper() + gap.title[1:],
        gap.get_absolute_url(),
        gap.score,
        gap.teams,
        gap.searches,
        gap.votes,
        gap.refusals,
        0,
        gap.queries,
        gap=gap,
    )


def _of_need(need: Need, model: RegisteredModel | None, may_read: bool) -> Entry:
    gaps = list(need.demand_gaps.all())
    asking = {team for gap in gaps for team in gap.team_ids}
    return Entry(
        need.title,
        need.get_absolute_url(),
        round(sum(gap.score for gap in gaps), 2),
        len(asking) or need.teams,  # type: ignore[attr-defined]
        sum(gap.searches for gap in gaps),
        sum(gap.votes for gap in gaps) or need.teams,  # type: ignore[attr-defined]
        sum(gap.refusals for gap in gaps),
        need.value,  # type: ignore[attr-defined]
        _queries(gaps) if may_read else [],
        need=need,
        gap=gaps[0] if gaps else None,
        model=model,
    )


def _queries(gaps: Iterable[DemandGap]) -> list[str]:
    return [text for gap in gaps for text in gap.queries]
