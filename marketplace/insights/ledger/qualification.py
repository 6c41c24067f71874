"""Which teams' use of a model qualifies as reuse, from the days of usage (docs/value.md, "When use qualifies")."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection

from consumption.models import Application, Subscription
from marketplace.insights.ledger import rules

LOOK_BACK = timedelta(days=400)  # of the sweep: longer than it is ever behind

# The first day on which a team's calls of a model suffice, of pairs whose team has no line for the model's capability yet. Days are
# whole ones (UTC), before %(today)s; calls are answered ones of production systems, of a model that another team owns.
QUALIFIED = """
WITH daily AS (
  SELECT d.team_id, v.model_id, m.capability_id, d.day, sum(d.ok) AS ok
  FROM consumption_usageday d
  JOIN catalog_modelversion v ON v.id = d.version_id
  JOIN catalog_registeredmodel m ON m.id = v.model_id
  JOIN consumption_subscription s ON s.id = d.subscription_id
  JOIN consumption_application a ON a.id = s.application_id
  WHERE d.day >= %(since)s AND d.day < %(today)s AND d.ok > 0
    AND a.environment = %(production)s AND m.owner_team_id <> d.team_id
    AND s.state = ANY(%(approved)s) AND s.counterfactual = ANY(%(counted)s)
    AND NOT EXISTS (
      SELECT FROM insights_reuseevent e
      WHERE e.team_id = d.team_id AND e.capability_id = m.capability_id AND e.kind = 'reuse'
    )
  GROUP BY 1, 2, 3, 4
), windowed AS (
  SELECT *, sum(ok) OVER recent AS calls, count(*) OVER recent AS days
  FROM daily
  WINDOW recent AS (
    PARTITION BY team_id, model_id ORDER BY day RANGE BETWEEN '89 days' PRECEDING AND CURRENT ROW
  )
), first_day AS (
  SELECT DISTINCT ON (team_id, model_id) team_id, model_id, capability_id, day, calls, days
  FROM windowed WHERE calls >= %(calls)s AND days >= %(days)s
  ORDER BY team_id, model_id, day
)
SELECT DISTINCT ON (team_id, capability_id) team_id, model_id, capability_id, day, calls::bigint, days
FROM first_day ORDER BY team_id, capability_id, day, calls DESC, model_id
"""
# The first day on which the calls of each team of a business unit sufficed for a capability, whatever it would have done without.
FIRST_OF_UNIT = """
WITH daily AS (
  SELECT d.team_id, v.model_id, d.day, sum(d.ok) AS ok
  FROM consumption_usageday d
  JOIN catalog_modelversion v ON v.id = d.version_id
  JOIN catalog_registeredmodel m ON m.id = v.model_id AND m.capability_id = %(capability)s AND m.owner_team_id <> d.team_id
  JOIN consumption_subscription s ON s.id = d.subscription_id
  JOIN consumption_application a ON a.id = s.application_id AND a.environment = %(production)s
  WHERE d.business_unit_id = %(unit)s AND d.day <= %(until)s AND d.ok > 0
  GROUP BY 1, 2, 3
), windowed AS (
  SELECT *, sum(ok) OVER recent AS calls, count(*) OVER recent AS days
  FROM daily
  WINDOW recent AS (
    PARTITION BY team_id, model_id ORDER BY day RANGE BETWEEN '89 days' PRECEDING AND CURRENT ROW
  )
)
SELECT team_id FROM windowed WHERE calls >= %(calls)s AND days >= %(days)s
GROUP BY 1 ORDER BY min(day), team_id LIMIT 1
"""
# A team's answered production calls of models of a capability: the last day with some.
LAST_CALL = """
SELECT e.id, max(d.day)
FROM insights_reuseevent e
JOIN catalog_registeredmodel m ON m.capability_id = e.capability_id
JOIN catalog_modelversion v ON v.model_id = m.id
JOIN consumption_usageday d ON d.version_id = v.id AND d.team_id = e.team_id AND d.ok > 0 AND d.day < %(today)s
WHERE e.id = ANY(%(lines)s)
GROUP BY 1
"""
APPROVED = [Subscription.State.ACTIVE, Subscription.State.PAUSED, Subscription.State.CLOSED]
COUNTED = ["would_build", "would_buy"]


@dataclass(frozen=True)
class Qualified:
    """A team's use of a model that suffices: since which day, and how much it was until then."""

    team_id: int
    model_id: int
    capability_id: int
    day: date
    calls: int
    days: int

    @property
    def window_from(self) -> date:
        return self.day - timedelta(days=rules.WINDOW - 1)


def qualified(today: date) -> list[Qualified]:
    """What qualifies and has no line yet, in the order of the days."""
    parameters: dict[str, Any] = {
        "today": today,
        "since": today - LOOK_BACK,
        "production": Application.Environment.PROD.value,
        "approved": [state.value for state in APPROVED],
        "counted": COUNTED,
        "calls": rules.CALLS,
        "days": rules.DAYS,
    }
    with connection.cursor() as cursor:
        cursor.execute(QUALIFIED, parameters)
        found = [Qualified(*row) for row in cursor.fetchall()]
    return sorted(found, key=lambda one: (one.day, one.team_id, one.capability_id))


def first_team(unit: int, capability: int, until: date) -> int | None:
    """The team of a business unit whose calls sufficed for the capability first, until a day."""
    parameters: dict[str, Any] = {
        "unit": unit,
        "capability": capability,
        "until": until,
        "production": Application.Environment.PROD.value,
        "calls": rules.CALLS,
        "days": rules.DAYS,
    }
    with connection.cursor() as cursor:
        cursor.execute(FIRST_OF_UNIT, parameters)
        row = cursor.fetchone()
    return row[0] if row else None


def last_calls(lines: list[int], today: date) -> dict[int, date]:
    """{line: the last day before today on which its team was answered by a model of its capability}."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_CALL, {"lines": lines, "today": today})
        return dict(cursor.fetchall())
