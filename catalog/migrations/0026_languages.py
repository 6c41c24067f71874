"""The languages that a card declares for its texts, in the search document that the database writes."""

from django.db import migrations, models

FORWARD = r"""
CREATE OR REPLACE FUNCTION catalog_write_documents(models bigint[])
 RETURNS void
 LANGUAGE sql
AS $$
  WITH entry AS MATERIALIZED (
    SELECT model.id, model.name, model.summary, model.tags, model.description, model.limitations, model.support_contact,
      capability.name AS capability, domain.name AS domain, type.name AS type, team.name AS team, unit.name AS unit,
      concat_ws(' ', owner.display_name, owner.username) AS owner, stable.*,
      (SELECT string_agg(number, ' ') FROM catalog_modelversion
       WHERE model_id = model.id AND state IN ('published', 'deprecated', 'retired')) AS numbers
    FROM catalog_registeredmodel model
    JOIN catalog_capability capability ON capability.id = model.capability_id
    JOIN catalog_domain domain ON domain.id = model.domain_id
    JOIN catalog_modeltype type ON type.id = model.model_type_id
    JOIN accounts_team team ON team.id = model.owner_team_id
    JOIN accounts_businessunit unit ON unit.id = team.business_unit_id
    JOIN accounts_user owner ON owner.id = model.owner_id
    LEFT JOIN LATERAL (
      SELECT version.state AS version_state, version.kind AS version_kind, version.sla, version.signature, card.data AS card
      FROM catalog_alias alias JOIN catalog_modelversion version ON version.id = alias.version_id
      LEFT JOIN catalog_modelcard card ON card.version_id = version.id
      WHERE alias.model_id = model.id AND alias.name = 'stable'
    ) AS stable ON true
    WHERE model.id = ANY(models)
  ), token AS (
    SELECT id, found.lexeme, found.amount
    FROM entry, LATERAL (VALUES
      (name, 8),
      (concat_ws(' ', summary, tags::text, capability), 4),
      (concat_ws(' ', description, domain, type, catalog_signature_text(signature)), 2),
      (concat_ws(' ', limitations, team, unit, owner, support_contact, numbers, version_kind, (
        SELECT left(string_agg(value #>> '{}', ' '), 8000)
        FROM jsonb_path_query(card, 'strict $.** ? (@.type() == "string")') AS value)), 1)
    ) AS field(text, weight), LATERAL catalog_tokens(field.text, field.weight) AS found
    UNION ALL SELECT id, found.* FROM entry, LATERAL catalog_initials(name, 2, 6, 12) AS found
    UNION ALL SELECT id, found.* FROM entry, LATERAL catalog_initials(summary, 3, 4, 3) AS found
    UNION ALL SELECT id, found.* FROM entry, jsonb_array_elements_text(
      CASE jsonb_typeof(tags) WHEN 'array' THEN tags ELSE '[]'::jsonb END) AS tag, LATERAL catalog_initials(tag, 2, 5, 8) AS found
  ), document AS (
    SELECT id, coalesce(string_agg(lexeme, ' ' ORDER BY lexeme COLLATE "C"), '') AS words,
      coalesce(string_agg(set_byte('\x00'::bytea, 0, least(amount, 255)::int), ''::bytea ORDER BY lexeme COLLATE "C"), ''::bytea) AS weights
    FROM (SELECT id, lexeme, sum(amount) AS amount FROM token GROUP BY id, lexeme) AS summed GROUP BY id
  )
  INSERT INTO catalog_searchdocument (
    model_id, words, weights, version_state, version_kind, data_class, languages, promised_p95_ms, promised_availability,
    has_free_plan, has_paid_plan, opens_at_once, asks_owner, written_at, changed_in, is_neighbourhood_due, is_meaning_due)
  SELECT id, coalesce(document.words, ''), coalesce(document.weights, ''::bytea), coalesce(version_state, ''), coalesce(version_kind, ''),
    left(coalesce(card ->> 'data.training.classification', ''), 20),
    (SELECT left(coalesce(string_agg(DISTINCT code, ',' ORDER BY code), ''), 200) FROM jsonb_array_elements_text(
      CASE jsonb_typeof(card -> 'technical.languages') WHEN 'array' THEN card -> 'technical.languages' ELSE '[]'::jsonb END) AS code),
    catalog_number(sla ->> 'p95_ms'), catalog_number(sla ->> 'availability'),
    false, false, false, false, clock_timestamp(), pg_current_xact_id()::text::bigint, true, true
  FROM entry LEFT JOIN document USING (id) ORDER BY id
  ON CONFLICT (model_id) DO UPDATE SET words = excluded.words, weights = excluded.weights,
    version_state = excluded.version_state, version_kind = excluded.version_kind, data_class = excluded.data_class,
    languages = excluded.languages,
    promised_p95_ms = excluded.promised_p95_ms, promised_availability = excluded.promised_availability,
    written_at = excluded.written_at, changed_in = excluded.changed_in, is_neighbourhood_due = true, is_meaning_due = true
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0025_owned_by_the_team"),
    ]

    operations = [
        migrations.AddField(
            model_name="searchdocument",
            name="languages",
            field=models.CharField(
                blank=True, db_default="", help_text="Of its card's texts: de,en", max_length=200
            ),
        ),
        migrations.RunSQL(FORWARD),
    ]
