"""Writes down which models teams search for and look at, so that time to integrate and search success are counted from what happened.

One small statement for each page, which changes nothing when the day's row is there (docs/metrics.md, "What is recorded").
"""

from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

from django.db import connection
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelView, RegisteredModel, SearchLog
from marketplace.accounts.models import User

MOST_A_DAY = 1_000  # searches of one team that are kept
KEPT = timedelta(days=730)
KEEP = """
INSERT INTO catalog_searchlog AS kept (day, team_id, query, results, was_clicked)
SELECT %(day)s, %(team)s, %(query)s, %(results)s, false
WHERE (SELECT count(*) FROM catalog_searchlog WHERE day = %(day)s AND team_id IS NOT DISTINCT FROM %(team)s) < %(most)s
ON CONFLICT (day, team_id, query) DO UPDATE SET results = excluded.results WHERE kept.results < excluded.results
"""


def keep_search(by: User, text: str, results: int) -> None:
    """Somebody searched for `text` and found so many models. Of a person on several teams it counts for the first."""
    query = _normal(text)
    if not query:
        return
    facts: dict[str, str | int | date | None] = {
        "query": query,
        "results": results,
        "day": _today(),
        "team": min(by.team_ids(), default=None),
        "most": MOST_A_DAY,
    }
    with connection.cursor() as cursor:
        cursor.execute(KEEP, facts)


def keep_view(by: User, model: RegisteredModel, came_from: str = "") -> None:
    """Somebody looked at a model; `came_from` is the address of the page before, which may be a search."""
    teams = by.team_ids()
    if model.owner_team_id in teams:
        return
    ModelView.objects.bulk_create(
        [ModelView(day=_today(), team_id=team, model=model) for team in sorted(teams)],
        ignore_conflicts=True,
    )
    if query := _searched_for(came_from):
        _keep_click(min(teams, default=None), query)


def forget_old(today: date) -> None:
    """Delete what is older than two years."""
    for kind in (SearchLog, ModelView):
        kind.objects.filter(day__lt=today - KEPT).delete()


def _keep_click(team: int | None, query: str) -> None:
    """The search of today, or of yesterday when midnight lay between, led to a model."""
    of_team = Q(team=None) if team is None else Q(team=team)
    since = _today() - timedelta(days=1)
    searches = SearchLog.objects.filter(of_team, query=query, day__gte=since, was_clicked=False)
    searches.update(was_clicked=True)


def _searched_for(address: str) -> str:
    """What the search page at this address searched for; "" when it is another page."""
    try:
        parts = urlsplit(address)
        if parts.path != reverse("catalog:models"):
            return ""
        asked = parse_qs(parts.query, max_num_fields=100)
    except ValueError:
        return ""
    return _normal(asked.get("q", [""])[-1])


def _normal(text: str) -> str:
    return " ".join(text.replace("\0", "").lower().split())[: SearchLog.QUERY_MAX]


def _today() -> date:
    return timezone.now().date()
