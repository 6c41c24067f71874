"""What a call cost, and who paid, when it was made: the one piece of SQL that roll-ups and reconciliation share.

A call is worth `units` × the price of the terms in force at its own time, on the plan that its subscription was on then; it
belongs to the team that made it and to the business unit that the team was in then. All are rows that keep their start
(PlanTerms, SubscriptionPlan, TeamUnit), so a figure about the past never changes, whatever is changed later (docs/money.md).
"""

# Common table expressions: [begins, ends) of each price of a subscription, and of each business unit of a team. Only of what was
# called from %(since)s until %(until)s; through arrays, so that indexes find their rows where nested loops are off.
PERIODS = """
called AS MATERIALIZED (
  SELECT DISTINCT subscription_id, team_id, version_id FROM consumption_usageevent WHERE at >= %(since)s AND at < %(until)s
), known_version AS MATERIALIZED (
  SELECT id, CASE WHEN jsonb_typeof(sla -> 'p95_ms') = 'number' THEN (sla ->> 'p95_ms')::numeric * 1000 END AS promised_us
  FROM catalog_modelversion WHERE id = ANY(ARRAY(SELECT version_id FROM called))
), plan_period AS MATERIALIZED (
  SELECT subscription_id, plan_id, since AS begins, coalesce(lead(since) OVER of_subscription, 'infinity') AS ends
  FROM consumption_subscriptionplan WHERE subscription_id = ANY(ARRAY(SELECT subscription_id FROM called))
  WINDOW of_subscription AS (PARTITION BY subscription_id ORDER BY since)
), terms_period AS (
  SELECT id, plan_id, price_micros_per_1000, price_kind IN ('graduated', 'included') AS is_stepped,
    CASE WHEN row_number() OVER of_plan = 1 THEN '-infinity' ELSE effective_from END AS begins,
    coalesce(lead(effective_from) OVER of_plan, 'infinity') AS ends
  FROM consumption_planterms WHERE plan_id = ANY(ARRAY(SELECT plan_id FROM plan_period))
  WINDOW of_plan AS (PARTITION BY plan_id ORDER BY effective_from)
), price_period AS MATERIALIZED (
  SELECT subscription_id, terms_period.id AS terms_id, price_micros_per_1000, is_stepped,
    greatest(plan_period.begins, terms_period.begins) AS begins, least(plan_period.ends, terms_period.ends) AS ends
  FROM plan_period JOIN terms_period USING (plan_id)
  WHERE greatest(plan_period.begins, terms_period.begins) < least(plan_period.ends, terms_period.ends)
), unit_period AS MATERIALIZED (
  SELECT team_id, business_unit_id, since AS begins, coalesce(lead(since) OVER of_team, 'infinity') AS ends
  FROM accounts_teamunit WHERE team_id = ANY(ARRAY(SELECT team_id FROM called)) WINDOW of_team AS (PARTITION BY team_id ORDER BY since)
)
"""
# Each event `e` once, with its price and its unit. Inner joins: one that names nothing known has no price, and the balance shows it.
JOINS = """
JOIN price_period price ON price.subscription_id = e.subscription_id AND e.at >= price.begins AND e.at < price.ends
JOIN unit_period unit ON unit.team_id = e.team_id AND e.at >= unit.begins AND e.at < unit.ends
"""
# Exact, in currency units: a billionth is what one unit costs at one micro-unit for 1 000 calls. It is consumption.plans.pricing for prices
# that do not depend on a call's number; those of steps are written by consumption.metering.stepped in the same transaction.
COST = "sum(e.units) * price.price_micros_per_1000 * 0.000000001"
# Before a statement with these joins: without statistics of fresh events the planner takes a nested loop over the periods, which
# grows with calls × subscriptions. Hash joins grow with their sum.
NO_NESTED_LOOPS = "SET LOCAL enable_nestloop = off"
