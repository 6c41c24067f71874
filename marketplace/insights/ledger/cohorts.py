"""Time to value: projects that reused a model against projects that built one (docs/value.md, "Reuse and build").

Both begin with the search record. A reuse is in production on the day of its hundredth answered production call; a build, when the
first version of the model is published. Below LEAST projects a cohort has no median and supports no claim.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import median

from django.db import connection
from django.db.models import Min

from catalog.models import RegisteredModel, ReuseDecision, SearchRecord

LEAST = 5
MOST_WEEKS = 26
CALLS = 100
# The day of a team's hundredth answered production call of the model that its record chose, counted from the record on.
REUSES = """
WITH daily AS (
  SELECT r.id, r.opened_at::date AS opened, d.day, sum(sum(d.ok)) OVER (PARTITION BY r.id ORDER BY d.day) AS calls
  FROM catalog_searchrecord r
  JOIN catalog_modelversion v ON v.model_id = r.chosen_id
  JOIN consumption_usageday d ON d.version_id = v.id AND d.team_id = r.team_id AND d.day >= r.opened_at::date
  JOIN consumption_subscription s ON s.id = d.subscription_id
  JOIN consumption_application a ON a.id = s.application_id AND a.environment = 'prod'
  WHERE r.state = 'decided' AND r.decision = 'reuse' AND r.opened_at >= %(since)s
  GROUP BY r.id, r.opened_at, d.day
)
SELECT min(day) - min(opened) FROM daily WHERE calls >= %(calls)s GROUP BY id ORDER BY 1 LIMIT 1000
"""


@dataclass(frozen=True)
class Cohort:
    """Days from start to production of each project, the shortest first."""

    days: list[int]

    @property
    def median(self) -> float | None:
        """None below LEAST projects: no claim."""
        return float(median(self.days)) if len(self.days) >= LEAST else None


def reuse(since: date) -> Cohort:
    """Projects that began on or after a day and reused a model."""
    with connection.cursor() as cursor:
        cursor.execute(REUSES, {"since": since, "calls": CALLS})
        return Cohort([days for (days,) in cursor.fetchall()])


def build(since: date) -> Cohort:
    """Projects that began on or after a day and built a model."""
    built = RegisteredModel.objects.filter(
        search_record__decision=ReuseDecision.BUILD,
        search_record__state=SearchRecord.State.DECIDED,
        search_record__opened_at__date__gte=since,
    ).annotate(live=Min("versions__published_at"))
    rows = built.filter(live__isnull=False).values_list("search_record__opened_at", "live")[:1000]
    return Cohort(sorted((live - opened).days for opened, live in rows))


def weeks_saved(built: Cohort, actual_days: int) -> Decimal:
    """The median build less what a reuse took, in weeks: at least 0, at most MOST_WEEKS; 0 while the cohort supports no claim."""
    if built.median is None:
        return Decimal()
    weeks = Decimal(str(built.median - actual_days)) / 7
    return max(Decimal(), min(weeks, Decimal(MOST_WEEKS))).quantize(Decimal("0.01"))


def days_of(record: SearchRecord) -> int | None:
    """Days that the project of one record took until production; None before it is there."""
    query = REUSES.replace("r.opened_at >= %(since)s", "r.id = %(record)s")
    with connection.cursor() as cursor:
        cursor.execute(query, {"record": record.pk, "calls": CALLS})
        row = cursor.fetchone()
    return row[0] if row else None
