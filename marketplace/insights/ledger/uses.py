"""Counts who uses which model, once a night: pages read the counts, never a year of usage (docs/value.md)."""

from datetime import date, timedelta
from typing import Any

from django.db import connection

from consumption.models import Application
from marketplace.insights.ledger import rules

# Teams × models with answered calls on the days of a year before %(today)s.
COUNT = """
DELETE FROM insights_modeluse;
INSERT INTO insights_modeluse (team_id, model_id, subscription_id, in_production, calls, days)
SELECT d.team_id, v.model_id,
  (array_agg(s.id ORDER BY (a.environment = %(production)s) DESC, s.counterfactual = '', s.id))[1],
  bool_or(a.environment = %(production)s),
  coalesce(sum(d.ok) FILTER (WHERE a.environment = %(production)s AND d.day >= %(recent)s), 0),
  count(DISTINCT d.day) FILTER (WHERE a.environment = %(production)s AND d.day >= %(recent)s)
FROM consumption_usageday d
JOIN catalog_modelversion v ON v.id = d.version_id
JOIN consumption_subscription s ON s.id = d.subscription_id
JOIN consumption_application a ON a.id = s.application_id
WHERE d.day >= %(since)s AND d.day < %(today)s AND d.ok > 0
GROUP BY 1, 2
"""


def count(today: date) -> None:
    """Write ModelUse anew. The caller holds the ledger's lock."""
    parameters: dict[str, Any] = {
        "production": Application.Environment.PROD.value,
        "recent": today - timedelta(days=rules.WINDOW - 1),
        "since": date(today.year - 1, today.month, 1),
        "today": today,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT, parameters)
