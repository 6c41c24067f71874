"""Time to integrate: from the day on which a team discovers a model to the day of its hundredth production call.

Steps are days (UTC): discovered (the first look or try within 180 days before the request, else the request), access requested, key
made, first answer, hundredth answer (docs/metrics.md, "Time to integrate").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.urls import reverse

from catalog.models import ModelView
from marketplace.insights.metrics.durations import median, percentile, survival_median
from marketplace.insights.metrics.metric import (
    BASE,
    Below,
    Figure,
    Metric,
    Row,
    mean,
)
from marketplace.insights.metrics.scope import COMPANY, Scope

CALLS = 100
LOOKED_WITHIN = 180  # days before the request
LATE = 14  # days
DOTS = 200  # of one kind that a drawing holds
NAMED = 5  # of a list that has a page of its own
OPEN_SHARE = 0.2  # of all; from then on the mean alone would flatter
STEPS = (
    "Discovered",
    "Asked for access",
    "Got a key",
    "First answer",
    f"{CALLS}th answer",
)
COLUMNS = (
    "Discovered",
    "Asked",
    "Key",
    "First answer",
    f"{CALLS}th answer",
    "Days",
    "State",
    "Next",
)
PAIRS = """
WITH asked AS (
  SELECT a.team_id, s.model_id, (min(s.requested_at) AT TIME ZONE 'UTC')::date AS asked, (min(k.created_at) AT TIME ZONE 'UTC')::date AS keyed,
    bool_or(s.state IN ('pending', 'active', 'paused')) AS goes_on, bool_or(s.state <> 'pending') AS was_decided
  FROM consumption_subscription s
  JOIN consumption_application a ON a.id = s.application_id AND a.environment = 'prod'
  JOIN catalog_registeredmodel m ON m.id = s.model_id AND m.owner_team_id <> a.team_id
  LEFT JOIN consumption_apikey k ON k.subscription_id = s.id AND k.created_at < %(until)s
  WHERE s.requested_at < %(until)s GROUP BY 1, 2
), days AS (
  SELECT d.team_id, v.model_id, d.day, sum(sum(d.ok)) OVER (PARTITION BY d.team_id, v.model_id ORDER BY d.day) AS total
  FROM consumption_keyday d JOIN catalog_modelversion v ON v.id = d.version_id
  WHERE d.environment = 'prod' AND d.ok > 0 AND d.day <= %(last_day)s GROUP BY 1, 2, 3
), answered AS (
  SELECT team_id, model_id, min(day) AS first_day, min(day) FILTER (WHERE total >= %(calls)s) AS reached, max(total) AS total
  FROM days GROUP BY 1, 2
)
SELECT asked.team_id, model.slug, model.name, model.support_contact, owner.name,
  least(asked.asked,
    (SELECT min(w.day) FROM catalog_modelview w WHERE w.team_id = asked.team_id AND w.model_id = asked.model_id
       AND w.day BETWEEN asked.asked - %(within)s AND asked.asked),
    (SELECT min((c.at AT TIME ZONE 'UTC')::date) FROM consumption_sandboxcall c
       JOIN accounts_membership p ON p.user_id = c.user_id AND p.team_id = asked.team_id
         AND p.joined_at <= c.at AND (p.left_at IS NULL OR p.left_at > c.at)
       WHERE c.model_id = asked.model_id AND (c.at AT TIME ZONE 'UTC')::date BETWEEN asked.asked - %(within)s AND asked.asked)),
  asked.asked, asked.keyed, answered.first_day, answered.reached, coalesce(answered.total, 0)::bigint, asked.goes_on, asked.was_decided
FROM asked JOIN catalog_registeredmodel model ON model.id = asked.model_id JOIN accounts_team owner ON owner.id = model.owner_team_id
LEFT JOIN answered ON answered.team_id = asked.team_id AND answered.model_id = asked.model_id
WHERE (answered.reached IS NULL AND asked.goes_on OR answered.reached >= %(start)s)
  AND (%(everything)s OR model.visibility = 'enterprise' AND model.state <> 'draft')
ORDER BY asked.asked, asked.team_id, model.slug
"""


@dataclass(frozen=True)
class Integration:
    """A team and a model that it asked for. Days are None for steps that are not reached."""

    team: int
    slug: str
    model: str
    support: str
    owner: str
    discovered: date
    asked: date
    keyed: date | None
    first: date | None
    reached: date | None
    calls: int
    goes_on: bool
    was_decided: bool

    @property
    def steps(self) -> tuple[date | None, ...]:
        return self.discovered, self.asked, self.keyed, self.first, self.reached

    @property
    def waits_for(self) -> str:
        """What comes next, and of whom; "" when it is done."""
        if self.reached:
            return ""
        if not self.was_decided:
            return f"Waits for {self.owner} to decide: {self.support}"
        if self.keyed is None:
            return "Has no key yet"
        if self.first is None:
            return f"Has no answer yet: {self.support} helps"
        return f"{self.calls} of {CALLS} calls: {self.support} helps"


def integrations(scope: Scope) -> list[Integration]:
    """Those that were completed in the quarter, and those that go on at its end."""
    facts: dict[str, datetime | date | int | bool] = {
        "until": scope.until,
        "start": scope.quarter.start,
        "last_day": scope.last_day,
        "calls": CALLS,
        "within": LOOKED_WITHIN,
        "everything": scope.sight == COMPANY,
    }
    with connection.cursor() as cursor:
        cursor.execute(PAIRS, facts)
        return [Integration(*row) for row in cursor.fetchall()]


def rows(scope: Scope) -> list[Row]:
    return [_row(scope, one) for one in integrations(scope)]


def _row(scope: Scope, one: Integration) -> Row:
    place, is_done = scope.places[one.team], one.reached is not None
    days = ((one.reached or scope.last_day) - one.discovered).days
    facts = (
        *(f"{day:%Y-%m-%d}" if day else None for day in one.steps),
        days,
        "done" if is_done else "open",
        one.waits_for,
    )
    url = reverse("catalog:model", args=[one.slug])
    above = days if is_done else 0
    return Row(one.model, place.team, place.unit, above, int(is_done), url, facts)


def days_of(rows: Sequence[Row], state: str) -> list[int]:
    """The days of the rows that are "done" or "open"."""
    found = [row.facts[COLUMNS.index("Days")] for row in rows if row.facts[6] == state]
    return [int(days or 0) for days in found]


def summary(rows: Sequence[Row]) -> Figure:
    """Mean of those that are done; median, 90th percentile, those that go on; by Kaplan and Meier where many do."""
    figure, done, going_on = mean(rows), days_of(rows, "done"), days_of(rows, "open")
    details: dict[str, Any] = {
        "median": median(done) if len(done) >= BASE else None,
        "p90": percentile(done, 0.9) if len(done) >= BASE else None,
        "open": len(going_on),
        "late": sum(days > LATE for days in going_on),
    }
    if len(going_on) > OPEN_SHARE * (len(done) + len(going_on)):
        details["survival_median"] = survival_median(done, going_on)
    return Figure(figure.numerator, figure.denominator, figure.value, figure.reason, details)


def funnel(scope: Scope, rows: Sequence[Row]) -> dict[str, Any]:
    """{"funnel": [[step, how many got there, median days since the step before]]} of those discovered in the quarter."""
    begun = [row for row in rows if str(row.facts[0]) >= f"{scope.quarter.start}"]
    found = [[STEPS[0], _looked_only(scope) + len(begun), None]]
    for place, step in enumerate(STEPS[1:], start=1):
        there = [row for row in begun if row.facts[place]]
        passed = [_days(row.facts[place - 1], row.facts[place]) for row in there]
        known = [days for days in passed if days is not None]
        found.append([step, len(there), median(known)])
    return {"funnel": found}


def drawn(rows: Sequence[Row]) -> dict[str, Any]:
    """`done`: [days, team, model] of completed ones; `late`: [team, model, url, days, next] of those that take longest."""
    place, next_at = COLUMNS.index("Days"), COLUMNS.index("Next")
    going_on = [row for row in rows if not row.denominator and int(row.facts[place] or 0) > LATE]
    longest = sorted(going_on, key=lambda row: -int(row.facts[place] or 0))[:NAMED]
    return {
        "done": [[row.numerator, row.team, row.label] for row in rows if row.denominator][:DOTS],
        "late": [
            [row.team, row.label, row.url, row.facts[place], row.facts[next_at]] for row in longest
        ],
    }


def _days(since: Any, until: Any) -> int | None:
    if not since or not until:
        return None
    return max(0, (date.fromisoformat(until) - date.fromisoformat(since)).days)


def _looked_only(scope: Scope) -> int:
    """Teams and models that were looked at first in the quarter, and for which nobody asked until its end."""
    with connection.cursor() as cursor:
        cursor.execute(
            LOOKED_ONLY,
            {
                "start": scope.quarter.start,
                "last_day": scope.last_day,
                "until": scope.until,
                "before": scope.quarter.start - timedelta(days=LOOKED_WITHIN),
                "everything": scope.sight == COMPANY,
            },
        )
        return int(cursor.fetchone()[0])


LOOKED_ONLY = f"""
SELECT count(*) FROM (
  SELECT w.team_id, w.model_id FROM {ModelView._meta.db_table} w JOIN catalog_registeredmodel m ON m.id = w.model_id
  WHERE w.day BETWEEN %(before)s AND %(last_day)s AND (%(everything)s OR m.visibility = 'enterprise' AND m.state <> 'draft')
  GROUP BY 1, 2 HAVING min(w.day) >= %(start)s
) looked WHERE NOT EXISTS (
  SELECT FROM consumption_subscription s JOIN consumption_application a ON a.id = s.application_id
  WHERE a.team_id = looked.team_id AND s.model_id = looked.model_id AND s.requested_at < %(until)s AND a.environment = 'prod'
)
"""

TIME_TO_INTEGRATE = Metric(
    name="time-to-integrate",
    title="Time to integrate, mean",
    definition="Days from the day on which a team discovers a model (its first look or try within 180 days before it asks for access, else the request) to the day of its hundredth answered production call. Integrations that were completed in the quarter; those that go on are listed, and where they are more than a fifth the median by Kaplan and Meier counts them until now.",
    definition_version="1.0",
    numerator="Days of the completed integrations",
    denominator="Completed integrations",
    unit="days",
    target="under 14 days",
    columns=COLUMNS,
    rows=rows,
    summary=summary,
    judge=Below(LATE, "day,days"),
    details=funnel,
    drawn=drawn,
)
