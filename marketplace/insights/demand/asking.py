"""Where demand shows: searches in vain, records that build for want of a model, teams that join needs (docs/demand.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q

from catalog.models import Need, NeedSupport, ReuseDecision, SearchLog, SearchRecord
from marketplace.insights.curation.findings.use import day_of

LOOKED_BACK = timedelta(days=365)
MOST_SEARCHES = 50_000  # rows: the newest
SEARCH, VOTE, REFUSAL = "search", "vote", "refusal"


@dataclass(frozen=True)
class Asked:
    """One search, vote or refusal. need: the id of the need that it names itself; None: its words decide."""

    kind: str
    text: str
    team: int | None
    day: date
    need: int | None = None


def asked(today: date) -> Iterator[Asked]:
    """All of it in a year, in a fixed number of queries."""
    yield from _searches(today)
    yield from _refusals(today)
    yield from _votes()


def _searches(today: date) -> Iterator[Asked]:
    """What found nothing, or led to no model. Nobody's name is in it."""
    rows = SearchLog.objects.filter(
        Q(results=0) | Q(was_clicked=False), day__gt=today - LOOKED_BACK, day__lte=today
    )
    for text, team, day in rows.order_by("-day", "-pk").values_list("query", "team", "day")[
        :MOST_SEARCHES
    ]:
        yield Asked(SEARCH, text, team, day)


def _refusals(today: date) -> Iterator[Asked]:
    """Records that decided to build although the catalog was searched: nothing there did."""
    built = SearchRecord.objects.filter(
        state=SearchRecord.State.DECIDED,
        decision=ReuseDecision.BUILD,
        decided_at__date__gt=today - LOOKED_BACK,
    )
    for title, team, at, need in built.values_list("title", "team", "decided_at", "demand"):
        if at is not None:
            yield Asked(REFUSAL, title, team, day_of(at), need)


def _votes() -> Iterator[Asked]:
    waiting = NeedSupport.objects.filter(left_at=None, need__state__in=Need.WAITING)
    rows = waiting.values_list("team", "joined_at", "need", "need__title")
    for team, at, need, title in rows:
        yield Asked(VOTE, title, team, day_of(at), need)
