"""What models are found by: all that the entry, its stable version and its owners say, in a form that is loaded fast.

A document is a list of words, stems ("~" before them) and initials ("=" before them) with a byte of weight each. It is written
when any row changes that it is made of. `changed_in` lets a process read what is new without missing a late commit.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from catalog.words import ACCENTS

FORWARD = rf"""
DROP TRIGGER catalog_document ON catalog_registeredmodel;
DROP FUNCTION catalog_write_document();
DROP FUNCTION catalog_vector(text, "char");

CREATE FUNCTION catalog_tokens(given text, weight int, OUT lexeme text, OUT amount int) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  WITH words AS MATERIALIZED (
    SELECT word, (ts_lexize('english_stem', word))[1] AS stem
    FROM unnest(string_to_array(catalog_words(given), ' ')) AS word WHERE length(word) BETWEEN 1 AND 40
  )
  SELECT word, weight FROM words UNION ALL SELECT '~' || stem, weight FROM words WHERE stem <> word
$$;

-- Of "Customer Lifetime Value": =cl, =lv, =clv. Words that English leaves out count for nothing.
CREATE FUNCTION catalog_initials(given text, shortest int, longest int, weight int, OUT lexeme text, OUT amount int)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT DISTINCT '=' || substr(letters, start, size), weight
  FROM (
    SELECT string_agg(left(word, 1), '' ORDER BY place) AS letters
    FROM unnest(string_to_array(catalog_apart(regexp_replace(normalize(given, NFKD), '{ACCENTS}', '', 'g')), ' '))
      WITH ORDINALITY AS each(word, place)
    WHERE word ~ '^[^0-9]' AND cardinality(ts_lexize('english_stem', word)) > 0
  ) AS beginnings, generate_series(1, length(letters)) AS start, generate_series(shortest, longest) AS size
  WHERE start + size - 1 <= length(letters)
$$;

-- Names, meanings, units and values of a signature's fields.
CREATE FUNCTION catalog_signature_text(signature jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT left(string_agg(value #>> '{{}}', ' '), 8000)
  FROM unnest(ARRAY['inputs', 'outputs']) AS side, unnest(ARRAY['name', 'description', 'unit', 'enum[*]']) AS part,
    jsonb_path_query(signature, format('lax $.%s[*].%s', side, part)::jsonpath) AS value
  WHERE jsonb_typeof(value) IN ('string', 'number')
$$;

CREATE FUNCTION catalog_number(given text) RETURNS float LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN given ~ '^[0-9]{{1,7}}([.][0-9]{{1,6}})?$' THEN given::float END
$$;

CREATE FUNCTION catalog_write_documents(models bigint[]) RETURNS void LANGUAGE sql AS $$
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
        SELECT left(string_agg(value #>> '{{}}', ' '), 8000)
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
    model_id, words, weights, version_state, version_kind, data_class, promised_p95_ms, promised_availability,
    has_free_plan, has_paid_plan, opens_at_once, asks_owner, written_at, changed_in, is_neighbourhood_due, is_meaning_due)
  SELECT id, coalesce(document.words, ''), coalesce(document.weights, ''::bytea), coalesce(version_state, ''), coalesce(version_kind, ''),
    left(coalesce(card ->> 'data.training.classification', ''), 20),
    catalog_number(sla ->> 'p95_ms'), catalog_number(sla ->> 'availability'),
    false, false, false, false, clock_timestamp(), pg_current_xact_id()::text::bigint, true, true
  FROM entry LEFT JOIN document USING (id) ORDER BY id
  ON CONFLICT (model_id) DO UPDATE SET words = excluded.words, weights = excluded.weights,
    version_state = excluded.version_state, version_kind = excluded.version_kind, data_class = excluded.data_class,
    promised_p95_ms = excluded.promised_p95_ms, promised_availability = excluded.promised_availability,
    written_at = excluded.written_at, changed_in = excluded.changed_in, is_neighbourhood_due = true, is_meaning_due = true
$$;

CREATE FUNCTION catalog_document_of_model() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM catalog_write_documents(ARRAY[NEW.id]); RETURN NULL; END $$;
CREATE TRIGGER catalog_document AFTER INSERT OR UPDATE OF
  name, summary, description, limitations, tags, capability_id, domain_id, model_type_id, owner_team_id, owner_id, support_contact, state, visibility
  ON catalog_registeredmodel FOR EACH ROW EXECUTE FUNCTION catalog_document_of_model();

CREATE FUNCTION catalog_document_of_alias() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM catalog_write_documents(ARRAY[coalesce(NEW.model_id, OLD.model_id)]); RETURN NULL; END $$;
CREATE TRIGGER catalog_document_alias AFTER INSERT OR UPDATE OF version_id OR DELETE
  ON catalog_alias FOR EACH ROW EXECUTE FUNCTION catalog_document_of_alias();

CREATE FUNCTION catalog_document_of_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM catalog_write_documents(ARRAY[NEW.model_id]); RETURN NULL; END $$;
CREATE TRIGGER catalog_document_version AFTER UPDATE OF state, signature, sla, kind
  ON catalog_modelversion FOR EACH ROW WHEN (NEW.state IN ('published', 'deprecated', 'retired'))
  EXECUTE FUNCTION catalog_document_of_version();

CREATE FUNCTION catalog_document_of_card() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM catalog_write_documents(ARRAY(SELECT model_id FROM catalog_alias WHERE version_id = NEW.version_id AND name = 'stable'));
  RETURN NULL;
END $$;
CREATE TRIGGER catalog_document_card AFTER INSERT OR UPDATE OF data
  ON catalog_modelcard FOR EACH ROW EXECUTE FUNCTION catalog_document_of_card();

-- A name that stands in the documents of many models: TG_ARGV[0] is their column.
CREATE FUNCTION catalog_documents_of_name() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE models bigint[];
BEGIN
  EXECUTE format('SELECT array_agg(model.id ORDER BY model.id) FROM catalog_registeredmodel model'
    ' JOIN accounts_team team ON team.id = model.owner_team_id WHERE %s = $1', TG_ARGV[0]) INTO models USING NEW.id;
  PERFORM catalog_write_documents(models);
  RETURN NULL;
END $$;
CREATE TRIGGER catalog_documents AFTER UPDATE OF name ON catalog_capability
  FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION catalog_documents_of_name('model.capability_id');
CREATE TRIGGER catalog_documents AFTER UPDATE OF name ON catalog_domain
  FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION catalog_documents_of_name('model.domain_id');
CREATE TRIGGER catalog_documents AFTER UPDATE OF name ON catalog_modeltype
  FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION catalog_documents_of_name('model.model_type_id');
CREATE TRIGGER catalog_documents AFTER UPDATE OF name, business_unit_id ON accounts_team
  FOR EACH ROW WHEN (NEW.name <> OLD.name OR NEW.business_unit_id <> OLD.business_unit_id)
  EXECUTE FUNCTION catalog_documents_of_name('model.owner_team_id');
CREATE TRIGGER catalog_documents AFTER UPDATE OF name ON accounts_businessunit
  FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION catalog_documents_of_name('team.business_unit_id');
CREATE TRIGGER catalog_documents AFTER UPDATE OF display_name, username ON accounts_user
  FOR EACH ROW WHEN (NEW.display_name <> OLD.display_name OR NEW.username <> OLD.username)
  EXECUTE FUNCTION catalog_documents_of_name('model.owner_id');

SELECT catalog_write_documents(ARRAY(SELECT id FROM catalog_registeredmodel ORDER BY id));
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0013_search_records_and_needs"), ("accounts", "0005_name_keys")]
    operations = [
        migrations.RemoveIndex("searchdocument", "search_documents"),
        migrations.RemoveField("searchdocument", "document"),
        migrations.AddField(
            "searchdocument",
            "words",
            models.TextField(
                default="", help_text="Words, ~stems and =initials, one blank between them"
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "searchdocument",
            "weights",
            models.BinaryField(
                default=b"", help_text="One byte for each of `words`: how much it says"
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "searchdocument",
            "version_state",
            models.CharField(
                max_length=20, blank=True, default="", help_text="Of the stable version"
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "searchdocument",
            "version_kind",
            models.CharField(max_length=10, blank=True, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            "searchdocument",
            "data_class",
            models.CharField(max_length=20, blank=True, default="", help_text="Of its card"),
            preserve_default=False,
        ),
        migrations.AddField("searchdocument", "promised_p95_ms", models.FloatField(null=True)),
        migrations.AddField(
            "searchdocument",
            "promised_availability",
            models.FloatField(null=True, help_text="Percent"),
        ),
        *(
            migrations.AddField(
                "searchdocument",
                name,
                models.BooleanField(default=False, help_text="Writer: consumption's trigger"),
            )
            for name in ("has_free_plan", "has_paid_plan", "opens_at_once", "asks_owner")
        ),
        migrations.AddField(
            "searchdocument",
            "changed_in",
            models.BigIntegerField(
                db_index=True,
                default=0,
                help_text="The transaction that wrote it (catalog.search.index)",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "searchdocument",
            "is_meaning_due",
            models.BooleanField(
                default=True,
                help_text="Its vectors are to be made. Cleared by catalog.search.meaning",
            ),
        ),
        migrations.AddIndex(
            "searchdocument",
            models.Index("written_at", condition=Q(is_meaning_due=True), name="meanings_due"),
        ),
        migrations.AlterField(
            "neighbour", "score", models.FloatField(help_text="0..1, see catalog.search.alike")
        ),
        migrations.CreateModel(
            name="MeaningVector",
            fields=[
                (
                    "model",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="meaning",
                        serialize=False,
                        to="catalog.registeredmodel",
                    ),
                ),
                ("embedder", models.CharField(max_length=80)),
                ("dim", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("vector", models.BinaryField()),
                ("passages", models.JSONField(default=list)),
                ("passage_vectors", models.BinaryField()),
            ],
        ),
        migrations.RunSQL(FORWARD),
    ]
