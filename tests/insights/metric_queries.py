"""Each metric once more, in SQL of its own: (numerator, denominator or NULL, value or NULL where the base is too small).

Parameters: start, end (dates, end exclusive), begins, until (moments), last_day, everything (bool), and those of the quarter before.
"""

SIGHT = """
seen AS (SELECT * FROM catalog_registeredmodel WHERE %(everything)s OR (visibility = 'enterprise' AND state <> 'draft')),
live AS (
  SELECT v.* FROM catalog_modelversion v JOIN seen ON seen.id = v.model_id
  WHERE v.published_at + interval '1 day' <= %(until)s AND coalesce(v.retired_at, 'infinity') > %(until)s
),
ever AS (
  SELECT d.*, seen.id AS model, owner.id AS owner, owner.business_unit_id AS owner_unit
  FROM consumption_keyday d JOIN catalog_modelversion v ON v.id = d.version_id JOIN seen ON seen.id = v.model_id
  JOIN accounts_team owner ON owner.id = seen.owner_team_id
  WHERE d.ok > 0 AND d.environment = 'prod' AND d.team_id <> owner.id AND d.day < %(end)s AND d.day <= %(last_day)s
),
called AS (SELECT * FROM ever WHERE day >= %(start)s),
active AS (SELECT team_id FROM called GROUP BY team_id HAVING count(DISTINCT day) > 2),
active_before AS (
  SELECT team_id FROM ever WHERE day >= %(start_before)s AND day < %(start)s GROUP BY team_id HAVING count(DISTINCT day) > 2
)
"""
SHARE = "CASE WHEN below >= 3 THEN 100.0 * above / below END"

QUERIES = {
    "published-models": "SELECT count(DISTINCT model_id), NULL, count(DISTINCT model_id) FROM live",
    "publisher-adoption": f"""
      SELECT above, below, {SHARE} FROM (
        SELECT count(*) FILTER (WHERE id IN (SELECT seen.owner_team_id FROM live JOIN seen ON seen.id = live.model_id)) AS above,
          count(*) AS below
        FROM accounts_team WHERE is_ai_team) counted""",
    "freshness": f"""
      SELECT above, below, {SHARE} FROM (
        SELECT count(*) FILTER (WHERE newest >= %(until)s - interval '182 days') AS above, count(*) AS below FROM (
          SELECT max(published_at) AS newest FROM live WHERE deprecated_at IS NULL OR deprecated_at > %(until)s GROUP BY model_id) m
      ) counted""",
    "active-consumers": "SELECT count(*), NULL, count(*) FROM active",
    "consumer-growth": f"""
      SELECT above, below, {SHARE} FROM (
        SELECT (SELECT count(*) FROM active) - (SELECT count(*) FROM active_before) AS above,
          (SELECT count(*) FROM active_before) AS below) counted""",
    "consumption-volume": "SELECT coalesce(sum(ok), 0), NULL, coalesce(sum(ok), 0) FROM called",
    "cross-unit-models": """
      SELECT count(*) FILTER (WHERE is_used), count(*), count(*) FILTER (WHERE is_used) FROM (
        SELECT DISTINCT model_id, EXISTS (
          SELECT FROM called WHERE model = model_id AND business_unit_id <> owner_unit GROUP BY team_id HAVING count(DISTINCT day) >= 3
        ) AS is_used FROM live) m""",
    "cross-unit-calls": f"""
      SELECT above, below, {SHARE} FROM (
        SELECT coalesce(sum(ok) FILTER (WHERE business_unit_id <> owner_unit), 0) AS above, coalesce(sum(ok), 0) AS below
        FROM called) counted""",
    "units-with-ai": """
      SELECT count(*) FILTER (WHERE has), count(*), count(*) FILTER (WHERE has) FROM (
        SELECT u.id IN (SELECT business_unit_id FROM called) OR u.id IN (
          SELECT t.business_unit_id FROM live JOIN seen ON seen.id = live.model_id JOIN accounts_team t ON t.id = seen.owner_team_id
        ) AS has FROM accounts_businessunit u
        WHERE u.archived_at IS NULL OR u.archived_at > %(until)s) units""",
    "search-success": f"""
      SELECT above, below, {SHARE} FROM (
        SELECT count(*) FILTER (WHERE was_clicked) AS above, count(*) AS below FROM catalog_searchlog
        WHERE day >= %(start)s AND day < %(end)s AND day <= %(last_day)s) counted""",
    "zero-results": f"""
      SELECT above, below, {SHARE} FROM (
        SELECT count(*) FILTER (WHERE results = 0) AS above, count(*) AS below FROM catalog_searchlog
        WHERE day >= %(start)s AND day < %(end)s AND day <= %(last_day)s) counted""",
    "search-before-build": f"""
      SELECT above, below, {SHARE} FROM (
        SELECT count(*) FILTER (WHERE r.decided_at <= at) AS above, count(*) AS below FROM (
          SELECT seen.search_record_id, min(v.submitted_at) AS at FROM seen JOIN catalog_modelversion v ON v.model_id = seen.id
          GROUP BY seen.id, seen.search_record_id) m
        LEFT JOIN catalog_searchrecord r ON r.id = m.search_record_id
        WHERE at >= %(begins)s AND at < %(until)s) counted""",
    "time-to-integrate": """
      SELECT coalesce(sum(days), 0), count(*), CASE WHEN count(*) >= 3 THEN avg(days) END FROM (
        SELECT reached - least(asked, looked, tried) AS days FROM (
          SELECT team_id, model, min(day) FILTER (WHERE total >= 100) AS reached FROM (
            SELECT a.team_id, a.model, a.day, (SELECT sum(ok) FROM ever b WHERE (b.team_id, b.model) = (a.team_id, a.model) AND b.day <= a.day)
              AS total FROM ever a) cumulated GROUP BY team_id, model) done
        JOIN LATERAL (
          SELECT date(min(s.requested_at) AT TIME ZONE 'UTC') AS asked FROM consumption_subscription s
          JOIN consumption_application p ON p.id = s.application_id
          WHERE p.team_id = done.team_id AND s.model_id = done.model AND p.environment = 'prod' AND s.requested_at < %(until)s) first ON true
        LEFT JOIN LATERAL (
          SELECT min(day) AS looked FROM catalog_modelview w
          WHERE w.team_id = done.team_id AND w.model_id = done.model AND w.day >= asked - 180 AND w.day <= asked) looks ON true
        LEFT JOIN LATERAL (
          SELECT min(date(c.at AT TIME ZONE 'UTC')) AS tried FROM consumption_sandboxcall c
          WHERE c.model_id = done.model AND date(c.at AT TIME ZONE 'UTC') BETWEEN asked - 180 AND asked
            AND c.user_id IN (SELECT user_id FROM accounts_membership WHERE team_id = done.team_id)) tries ON true
        WHERE reached >= %(start)s AND asked IS NOT NULL) integrated""",
    "time-to-value": """
      SELECT coalesce(sum(days), 0), count(*),
        CASE WHEN count(*) FILTER (WHERE decision = 'reuse') >= 5
          THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FILTER (WHERE decision = 'reuse') END
      FROM (
        SELECT decision, greatest(0, done - date(opened_at AT TIME ZONE 'UTC')) AS days FROM (
          SELECT r.*, CASE decision
            WHEN 'reuse' THEN (SELECT min(day) FROM ever WHERE team_id = r.team_id AND model = r.chosen_id
                               AND day >= date(r.opened_at AT TIME ZONE 'UTC'))
            ELSE (SELECT date(min(published_at) AT TIME ZONE 'UTC') FROM catalog_modelversion v JOIN seen ON seen.id = v.model_id
                  WHERE seen.search_record_id = r.id AND published_at < %(until)s) END AS done
          FROM catalog_searchrecord r
          WHERE state = 'decided' AND decided_at < %(until)s AND (chosen_id IS NULL OR chosen_id IN (SELECT id FROM seen))) projects
        WHERE done >= %(year)s AND done <= %(last_day)s) finished""",
    "review-cycle": """
      SELECT coalesce(sum(days), 0), count(*), CASE WHEN count(*) >= 3 THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY days) END FROM rounds""",
    "rework": f"""
      SELECT above, below, {SHARE} FROM (SELECT count(*) FILTER (WHERE round <> 1) AS above, count(*) AS below FROM rounds) counted""",
    "reviews-in-time": f"""
      SELECT above, below, {SHARE} FROM (
        SELECT count(*) FILTER (WHERE r.due_at >= d.at) AS above, count(*) AS below
        FROM governance_decision d JOIN governance_review r ON r.id = d.review_id JOIN catalog_modelversion v ON v.id = r.version_id
        JOIN seen ON seen.id = v.model_id WHERE d.at >= %(begins)s AND d.at < %(until)s) counted""",
    "incidents": """
      SELECT count(*), NULL, count(*) FROM hosting_incident i JOIN catalog_modelversion v ON v.id = i.version_id
      JOIN seen ON seen.id = v.model_id WHERE i.opened_at >= %(begins)s AND i.opened_at < %(until)s""",
    "suspended-minutes": """
      SELECT coalesce(sum(minutes), 0), NULL, coalesce(sum(minutes), 0) FROM (
        SELECT floor(extract(epoch FROM least(ended, %(until)s) - greatest(at, %(begins)s)) / 60) AS minutes FROM (
          SELECT at, action, lead(at) OVER (PARTITION BY object_id ORDER BY at, audit_auditevent.id) AS next_at,
            coalesce(lead(at) OVER (PARTITION BY object_id ORDER BY at, audit_auditevent.id), %(until)s) AS ended
          FROM audit_auditevent JOIN catalog_modelversion v ON v.id::text = object_id JOIN seen ON seen.id = v.model_id
          WHERE action IN ('version.suspend', 'version.resume')) acts
        WHERE action = 'version.suspend' AND at < %(until)s AND ended > %(begins)s) spans""",
    "high-tier-reviewed": f"""
      SELECT above, below, {SHARE} FROM (
        SELECT count(*) FILTER (WHERE coalesce(approved_until, 'infinity') > %(until)s) AS above, count(*) AS below
        FROM live WHERE risk_tier = 'high') counted""",
}
ROUNDS = """,
rounds AS (
  SELECT r.version_id, r.round, date(max(d.at) AT TIME ZONE 'UTC') - date(min(r.opened_at) AT TIME ZONE 'UTC') AS days
  FROM governance_review r LEFT JOIN governance_decision d ON d.review_id = r.id JOIN catalog_modelversion v ON v.id = r.version_id
  JOIN seen ON seen.id = v.model_id
  GROUP BY 1, 2 HAVING bool_and(r.state <> 'open') AND max(d.at) >= %(begins)s AND max(d.at) < %(until)s
)
"""


def query(name):
    return f"WITH {SIGHT}{ROUNDS} {QUERIES[name]}"
