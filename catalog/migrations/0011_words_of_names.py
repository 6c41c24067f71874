"""What models are found by: every word of a name, in any case, with or without accents, and parts of joined names.

`catalog_words` is the rule of catalog/words.py in SQL. Beside the English stems each word stands as it is, so that a beginning
of it, and a word that English leaves out, can be asked for.
"""

from django.db import migrations

from catalog.words import ACCENTS, BETWEEN, CAPITAL, SMALL

FORWARD = rf"""
CREATE FUNCTION catalog_apart(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT regexp_replace(regexp_replace(regexp_replace(
    replace(replace(replace(lower(given), 'ß', 'ss'), 'ς', 'σ'), 'ı', 'i'),
    '{BETWEEN}', ' ', 'g'), '([^0-9 ])([0-9])', '\1 \2', 'g'), '([0-9])([^0-9 ])', '\1 \2', 'g')
$$;
CREATE FUNCTION catalog_words(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT concat_ws(' ', catalog_apart(regexp_replace(plain, '({SMALL})({CAPITAL})', '\1 \2', 'g')), catalog_apart(plain))
  FROM (SELECT regexp_replace(normalize(given, NFKD), '{ACCENTS}', '', 'g') AS plain) AS letters
$$;
CREATE FUNCTION catalog_vector(given text, weight "char") RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT setweight(to_tsvector('english', catalog_words(given)) || coalesce(
    (SELECT string_agg(quote_literal(word) || ':' || least(place, 16383), ' ')::tsvector
     FROM unnest(string_to_array(catalog_words(given), ' ')) WITH ORDINALITY AS each(word, place)
     WHERE length(word) BETWEEN 1 AND 40), ''::tsvector), weight)
$$;
CREATE OR REPLACE FUNCTION catalog_write_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO catalog_searchdocument (model_id, document, written_at, is_neighbourhood_due)
  SELECT NEW.id,
    catalog_vector(NEW.name, 'A')
    || catalog_vector(concat_ws(' ', NEW.summary, NEW.tags::text, capability.name), 'B')
    || catalog_vector(concat_ws(' ', NEW.description, domain.name, type.name), 'C')
    || catalog_vector(concat_ws(' ', NEW.limitations, team.name), 'D'),
    clock_timestamp(), true
  FROM catalog_capability capability, catalog_domain domain, catalog_modeltype type, accounts_team team
  WHERE capability.id = NEW.capability_id AND domain.id = NEW.domain_id AND type.id = NEW.model_type_id AND team.id = NEW.owner_team_id
  ON CONFLICT (model_id) DO UPDATE
  SET document = excluded.document, written_at = excluded.written_at, is_neighbourhood_due = true;
  RETURN NULL;
END $$;
UPDATE catalog_registeredmodel SET name = name;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0010_card_origins")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
