"""The lines of a month as SQL: read from roll-ups and fees while it is open, from what was charged when it is closed.

Both give the same columns, so that pages, CSV, API and FOCUS export are one. Rules: docs/statements.md.
"""

from datetime import date
from typing import Any

from consumption.models import ChargeKind

# A line's identity names it in its month; COUNTS are whole numbers, `cost` is exact, `amount` is rounded as it is charged.
IDENTITY = "business_unit_id, team_id, subscription_id, version_id, terms_id"
COUNTS = "calls, ok, client_errors, upstream_errors, aborted, unknown, units"
COLUMNS = f"key, kind, cost_centre, {IDENTITY}, about, {COUNTS}, currency, cost, amount, description, is_charged"
_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in COUNTS.split(", "))
_NO_COUNTS = ", ".join(f"0::bigint AS {name}" for name in COUNTS.split(", "))
_BOUND = "day >= {since} AND day < {until}"
# Calls and fees of whole months, by identity; `billed` is what they are charged as.
_BILLED = f"""
SELECT '{ChargeKind.USAGE.value}' AS kind, date_trunc('month', day)::date AS month, {IDENTITY}, {_SUMS}, sum(cost) AS cost
FROM consumption_usageday WHERE {_BOUND} {{of_teams}} GROUP BY month, {IDENTITY}
UNION ALL
SELECT '{ChargeKind.FEE.value}', date_trunc('month', day)::date, {IDENTITY}, {_NO_COUNTS}, sum(cost)
FROM consumption_feeday WHERE {_BOUND} {{of_teams}} GROUP BY 2, {IDENTITY}
"""
_BILLED_NOW = _BILLED.replace("{since}", "%(since)s").replace("{until}", "%(until)s")
# The same of each closed month that changed since, less all that was charged for it.
_BILLED_LATE = f"""
SELECT billed.* FROM consumption_latemonth late CROSS JOIN LATERAL (
  {_BILLED.replace("{since}", "late.month").replace("{until}", "(late.month + interval '1 month')::date")}
) billed
"""
_CORRECTED = f"""
SELECT month, {IDENTITY}, {_SUMS}, sum(cost) AS cost, sum(now_cost) AS now_cost, sum(charged) AS charged FROM (
  SELECT month, {IDENTITY}, {COUNTS}, cost, cost AS now_cost, 0 AS charged FROM ({_BILLED_LATE}) now
  WHERE kind = '{ChargeKind.USAGE.value}'
  UNION ALL
  SELECT late.month, {IDENTITY}, {", ".join(f"-{name}" for name in COUNTS.split(", "))}, -cost, 0, amount
  FROM consumption_latemonth late JOIN consumption_chargeline line ON coalesce(line.about, line.month) = late.month
  WHERE kind IN ('{ChargeKind.USAGE.value}', '{ChargeKind.CORRECTION.value}') {{of_teams}}
) both_ways GROUP BY month, {IDENTITY} HAVING sum(cost) <> 0 OR sum(calls) <> 0
"""
# What a line costs is in its plan's currency and goes to its application's cost centre.
_PRICED = """
JOIN (
  SELECT terms.id AS terms_id, currency FROM consumption_planterms terms JOIN consumption_plan plan ON plan.id = terms.plan_id
) priced USING (terms_id)
"""
_HELD = """
JOIN (
  SELECT subscription.id AS subscription_id, cost_centre
  FROM consumption_subscription subscription JOIN consumption_application application ON application.id = subscription.application_id
) held USING (subscription_id)
"""
OPEN = f"""
SELECT left(md5(concat_ws('|', kind, {", ".join(f"coalesce({name}, 0)" for name in IDENTITY.split(", "))}, about, cost_centre, ref)), 16) AS key,
  kind, cost_centre, {IDENTITY}, about, {COUNTS}, currency, cost, amount, description,
  coalesce((
    SELECT is_charged FROM consumption_unitcharging charging
    WHERE charging.unit_id = lines.business_unit_id AND charging.from_month <= %(since)s ORDER BY from_month DESC LIMIT 1
  ), false) AS is_charged
FROM (
  SELECT kind, cost_centre, {IDENTITY}, NULL::date AS about, {COUNTS}, currency, cost, consumption_rounded(cost, currency) AS amount,
    '' AS description, 0::bigint AS ref
  FROM ({_BILLED_NOW}) billed {_PRICED} {_HELD}
  UNION ALL
  SELECT '{ChargeKind.CORRECTION.value}', cost_centre, {IDENTITY}, month, {COUNTS}, currency, cost,
    consumption_rounded(now_cost, currency) - charged, 'Calls that were counted after the month was closed', 0
  FROM ({_CORRECTED}) corrected {_PRICED} {_HELD}
  UNION ALL
  SELECT '{ChargeKind.ADJUSTMENT.value}', cost_centre, business_unit_id, team_id, NULL, NULL, NULL, about, {_NO_COUNTS}, currency, amount,
    amount, description, id
  FROM consumption_adjustment WHERE month = %(since)s {{of_teams}}
  UNION ALL
  SELECT '{ChargeKind.PLATFORM.value}', cost_centre, business_unit_id, team_id, NULL, NULL, NULL, NULL, {_NO_COUNTS}, currency, amount,
    amount, description, ref
  FROM jsonb_to_recordset(%(platform)s::jsonb) AS platform (
    cost_centre text, business_unit_id bigint, team_id bigint, currency text, amount numeric, description text, ref bigint
  ) WHERE true {{of_teams}}
) lines
"""
CLOSED = f"SELECT {COLUMNS} FROM consumption_chargeline WHERE month = %(since)s {{of_teams}}"
# Who weighs how much in the split of a shared cost: billed calls and subscriptions in use.
WEIGHTS = f"""
SELECT business_unit_id, unit.slug, team_id, cost_centre, sum(units)::bigint, count(DISTINCT subscription_id)
FROM ({_BILLED_NOW.replace("{of_teams}", "")}) billed {_HELD} JOIN accounts_businessunit unit ON unit.id = business_unit_id
GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 4
"""
NAMED = """
SELECT line.*, unit.slug, unit.name, team.slug, team.name, application.slug, application.name, model.slug, model.name, version.number,
  plan.slug, plan.name, terms.price_kind, terms.price_micros_per_1000, terms.monthly_fee_micros, terms.included_calls, terms.price_steps,
  terms.unit_cost_micros_per_1000, terms.markup_basis_points
FROM ({lines}) line
JOIN accounts_businessunit unit ON unit.id = line.business_unit_id JOIN accounts_team team ON team.id = line.team_id
LEFT JOIN consumption_subscription subscription ON subscription.id = line.subscription_id
LEFT JOIN consumption_application application ON application.id = subscription.application_id
LEFT JOIN catalog_modelversion version ON version.id = line.version_id LEFT JOIN catalog_registeredmodel model ON model.id = version.model_id
LEFT JOIN consumption_planterms terms ON terms.id = line.terms_id LEFT JOIN consumption_plan plan ON plan.id = terms.plan_id
"""


def of_month(is_closed: bool, teams: list[int] | None) -> str:
    """The SQL of a month's lines. It takes %(since)s, %(until)s, %(platform)s, and %(teams)s unless `teams` is None (all)."""
    text = CLOSED if is_closed else OPEN
    return text.replace("{of_teams}", "" if teams is None else "AND team_id = ANY(%(teams)s)")


def parameters(month: date, until: date, teams: list[int] | None, platform: str) -> dict[str, Any]:
    """What `of_month` takes; `platform` is JSON text of the shared costs' lines."""
    return {"since": month, "until": until, "teams": teams, "platform": platform}
