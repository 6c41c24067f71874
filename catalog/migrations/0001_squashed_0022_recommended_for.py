"""All tables of catalog at once, as 0001 to 0022 made them step by step (docs/contributing.md, "Migrations")."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
import marketplace.core.fields
from django.conf import settings
from django.db import migrations, models

from marketplace.core.create_models import CreateModels


FORWARD = r"""
CREATE FUNCTION catalog_date_model()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE catalog_registeredmodel AS model SET last_published_at = newest.at
  FROM (SELECT max(published_at) AS at FROM catalog_modelversion WHERE model_id = NEW.model_id) AS newest
  WHERE model.id = NEW.model_id AND model.last_published_at IS DISTINCT FROM newest.at;
  RETURN NULL;
END $$;
CREATE FUNCTION catalog_apart(given text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $$
  SELECT regexp_replace(regexp_replace(regexp_replace(
    replace(replace(replace(lower(given), 'ß', 'ss'), 'ς', 'σ'), 'ı', 'i'),
    '[\x01-\x2F\x3A-\x40\x5B-\x60\x7B-\xBF\xD7\xF7\u2000-\u206F\u2190-\u2BFF\u3000-\u303F]+', ' ', 'g'), '([^0-9 ])([0-9])', '\1 \2', 'g'), '([0-9])([^0-9 ])', '\1 \2', 'g')
$$;
CREATE FUNCTION catalog_words(given text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $$
  SELECT concat_ws(' ', catalog_apart(regexp_replace(plain, '([a-z\xDF-\xF6\xF8-\xFF\u0111\u0142\u0153\u03B1-\u03C9\u0430-\u045F])([A-Z\xC0-\xD6\xD8-\xDE\u0110\u0141\u0152\u0391-\u03A9\u0400-\u042F])', '\1 \2', 'g')), catalog_apart(plain))
  FROM (SELECT regexp_replace(normalize(given, NFKD), '[\u0300-\u036F]+', '', 'g') AS plain) AS letters
$$;
CREATE FUNCTION catalog_tokens(given text, weight integer, OUT lexeme text, OUT amount integer)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $$
  WITH words AS MATERIALIZED (
    SELECT word, (ts_lexize('english_stem', word))[1] AS stem
    FROM unnest(string_to_array(catalog_words(given), ' ')) AS word WHERE length(word) BETWEEN 1 AND 40
  )
  SELECT word, weight FROM words UNION ALL SELECT '~' || stem, weight FROM words WHERE stem <> word
$$;
CREATE FUNCTION catalog_initials(given text, shortest integer, longest integer, weight integer, OUT lexeme text, OUT amount integer)
 RETURNS SETOF record
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $$
  SELECT DISTINCT '=' || substr(letters, start, size), weight
  FROM (
    SELECT string_agg(left(word, 1), '' ORDER BY place) AS letters
    FROM unnest(string_to_array(catalog_apart(regexp_replace(normalize(given, NFKD), '[\u0300-\u036F]+', '', 'g')), ' '))
      WITH ORDINALITY AS each(word, place)
    WHERE word ~ '^[^0-9]' AND cardinality(ts_lexize('english_stem', word)) > 0
  ) AS beginnings, generate_series(1, length(letters)) AS start, generate_series(shortest, longest) AS size
  WHERE start + size - 1 <= length(letters)
$$;
CREATE FUNCTION catalog_signature_text(signature jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $$
  SELECT left(string_agg(value #>> '{}', ' '), 8000)
  FROM unnest(ARRAY['inputs', 'outputs']) AS side, unnest(ARRAY['name', 'description', 'unit', 'enum[*]']) AS part,
    jsonb_path_query(signature, format('lax $.%s[*].%s', side, part)::jsonpath) AS value
  WHERE jsonb_typeof(value) IN ('string', 'number')
$$;
CREATE FUNCTION catalog_number(given text)
 RETURNS double precision
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $$
  SELECT CASE WHEN given ~ '^[0-9]{1,7}([.][0-9]{1,6})?$' THEN given::float END
$$;
CREATE FUNCTION catalog_write_documents(models bigint[])
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
CREATE FUNCTION catalog_document_of_model()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN PERFORM catalog_write_documents(ARRAY[NEW.id]); RETURN NULL; END $$;
CREATE FUNCTION catalog_document_of_alias()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN PERFORM catalog_write_documents(ARRAY[coalesce(NEW.model_id, OLD.model_id)]); RETURN NULL; END $$;
CREATE FUNCTION catalog_document_of_version()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN PERFORM catalog_write_documents(ARRAY[NEW.model_id]); RETURN NULL; END $$;
CREATE FUNCTION catalog_document_of_card()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM catalog_write_documents(ARRAY(SELECT model_id FROM catalog_alias WHERE version_id = NEW.version_id AND name = 'stable'));
  RETURN NULL;
END $$;
CREATE FUNCTION catalog_documents_of_name()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
DECLARE models bigint[];
BEGIN
  EXECUTE format('SELECT array_agg(model.id ORDER BY model.id) FROM catalog_registeredmodel model'
    ' JOIN accounts_team team ON team.id = model.owner_team_id WHERE %s = $1', TG_ARGV[0]) INTO models USING NEW.id;
  PERFORM catalog_write_documents(models);
  RETURN NULL;
END $$;
CREATE TRIGGER catalog_dated AFTER INSERT OR UPDATE OF published_at ON catalog_modelversion FOR EACH ROW WHEN ((new.published_at IS NOT NULL)) EXECUTE FUNCTION catalog_date_model();
CREATE TRIGGER catalog_document AFTER INSERT OR UPDATE OF name, summary, description, limitations, tags, capability_id, domain_id, model_type_id, owner_team_id, owner_id, support_contact, state, visibility ON catalog_registeredmodel FOR EACH ROW EXECUTE FUNCTION catalog_document_of_model();
CREATE TRIGGER catalog_document_alias AFTER INSERT OR DELETE OR UPDATE OF version_id ON catalog_alias FOR EACH ROW EXECUTE FUNCTION catalog_document_of_alias();
CREATE TRIGGER catalog_document_version AFTER UPDATE OF state, signature, sla, kind ON catalog_modelversion FOR EACH ROW WHEN (((new.state)::text = ANY ((ARRAY['published'::character varying, 'deprecated'::character varying, 'retired'::character varying])::text[]))) EXECUTE FUNCTION catalog_document_of_version();
CREATE TRIGGER catalog_document_card AFTER INSERT OR UPDATE OF data ON catalog_modelcard FOR EACH ROW EXECUTE FUNCTION catalog_document_of_card();
CREATE TRIGGER catalog_documents AFTER UPDATE OF name ON catalog_capability FOR EACH ROW WHEN (((new.name)::text <> (old.name)::text)) EXECUTE FUNCTION catalog_documents_of_name('model.capability_id');
CREATE TRIGGER catalog_documents AFTER UPDATE OF name ON catalog_domain FOR EACH ROW WHEN (((new.name)::text <> (old.name)::text)) EXECUTE FUNCTION catalog_documents_of_name('model.domain_id');
CREATE TRIGGER catalog_documents AFTER UPDATE OF name ON catalog_modeltype FOR EACH ROW WHEN (((new.name)::text <> (old.name)::text)) EXECUTE FUNCTION catalog_documents_of_name('model.model_type_id');
CREATE TRIGGER catalog_documents AFTER UPDATE OF name, business_unit_id ON accounts_team FOR EACH ROW WHEN ((((new.name)::text <> (old.name)::text) OR (new.business_unit_id <> old.business_unit_id))) EXECUTE FUNCTION catalog_documents_of_name('model.owner_team_id');
CREATE TRIGGER catalog_documents AFTER UPDATE OF name ON accounts_businessunit FOR EACH ROW WHEN (((new.name)::text <> (old.name)::text)) EXECUTE FUNCTION catalog_documents_of_name('team.business_unit_id');
CREATE TRIGGER catalog_documents AFTER UPDATE OF display_name, username ON accounts_user FOR EACH ROW WHEN ((((new.display_name)::text <> (old.display_name)::text) OR ((new.username)::text <> (old.username)::text))) EXECUTE FUNCTION catalog_documents_of_name('model.owner_id');
"""
BACKWARD = """
DROP FUNCTION catalog_documents_of_name() CASCADE;
DROP FUNCTION catalog_document_of_card() CASCADE;
DROP FUNCTION catalog_document_of_version() CASCADE;
DROP FUNCTION catalog_document_of_alias() CASCADE;
DROP FUNCTION catalog_document_of_model() CASCADE;
DROP FUNCTION catalog_write_documents(models bigint[]) CASCADE;
DROP FUNCTION catalog_number(given text) CASCADE;
DROP FUNCTION catalog_signature_text(signature jsonb) CASCADE;
DROP FUNCTION catalog_initials(given text, shortest integer, longest integer, weight integer, OUT lexeme text, OUT amount integer) CASCADE;
DROP FUNCTION catalog_tokens(given text, weight integer, OUT lexeme text, OUT amount integer) CASCADE;
DROP FUNCTION catalog_words(given text) CASCADE;
DROP FUNCTION catalog_apart(given text) CASCADE;
DROP FUNCTION catalog_date_model() CASCADE;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0007_people"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateModels(
            [
                migrations.CreateModel(
                    name="Capability",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("slug", models.SlugField(unique=True)),
                        ("name", models.CharField(max_length=60)),
                        ("position", models.PositiveSmallIntegerField(default=0)),
                        (
                            "retired_at",
                            models.DateTimeField(
                                blank=True,
                                help_text="From when on no new entry takes it",
                                null=True,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "capabilities",
                        "ordering": ["position", "name"],
                        "abstract": False,
                    },
                ),
                migrations.CreateModel(
                    name="Domain",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("slug", models.SlugField(unique=True)),
                        ("name", models.CharField(max_length=60)),
                        ("position", models.PositiveSmallIntegerField(default=0)),
                        (
                            "retired_at",
                            models.DateTimeField(
                                blank=True,
                                help_text="From when on no new entry takes it",
                                null=True,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position", "name"],
                        "abstract": False,
                    },
                ),
                migrations.CreateModel(
                    name="ModelType",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("slug", models.SlugField(unique=True)),
                        ("name", models.CharField(max_length=60)),
                        ("position", models.PositiveSmallIntegerField(default=0)),
                        (
                            "retired_at",
                            models.DateTimeField(
                                blank=True,
                                help_text="From when on no new entry takes it",
                                null=True,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position", "name"],
                        "abstract": False,
                    },
                ),
                migrations.CreateModel(
                    name="Collection",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=80)),
                        (
                            "name_key",
                            marketplace.core.fields.NameKeyField(
                                default="",
                                editable=False,
                                key="fold",
                                max_length=200,
                                of="name",
                                unique=True,
                            ),
                        ),
                        ("slug", models.SlugField(max_length=100, unique=True)),
                        ("text", models.TextField(max_length=10000)),
                        (
                            "state",
                            models.CharField(
                                choices=[("draft", "Draft"), ("published", "Published")],
                                default="draft",
                                max_length=10,
                            ),
                        ),
                        (
                            "is_featured",
                            models.BooleanField(
                                default=False, help_text="Shown on home", verbose_name="featured"
                            ),
                        ),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "created_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["draft", "published"])),
                                name="collection_state",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SavedSearch",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=120)),
                        (
                            "query",
                            models.CharField(
                                help_text="As in the address, without page, sort and view",
                                max_length=2000,
                            ),
                        ),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "checked_at",
                            models.DateTimeField(
                                default=django.utils.timezone.now,
                                help_text="What was published up to then is known",
                            ),
                        ),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="saved_searches",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-created_at"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("person", "query"), name="saved_search_once"
                            )
                        ],
                        "indexes": [
                            models.Index(fields=["checked_at"], name="saved_search_longest_ago")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SearchLog",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("day", models.DateField(help_text="UTC")),
                        (
                            "query",
                            models.CharField(help_text="Lower case, single spaces", max_length=200),
                        ),
                        (
                            "results",
                            models.PositiveIntegerField(help_text="Models that were found"),
                        ),
                        (
                            "was_clicked",
                            models.BooleanField(default=False, help_text="A result was opened"),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-day", "query"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("day", "team", "query"),
                                name="search_logged_once",
                                nulls_distinct=False,
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RegisteredModel",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("slug", models.SlugField(max_length=80, unique=True)),
                        ("name", models.CharField(max_length=80)),
                        ("summary", models.CharField(max_length=200)),
                        ("description", models.TextField(blank=True, max_length=10000)),
                        ("limitations", models.TextField(blank=True, max_length=10000)),
                        ("support_contact", models.CharField(max_length=120)),
                        ("support_hours", models.CharField(blank=True, max_length=80)),
                        ("tags", models.JSONField(blank=True, default=list)),
                        (
                            "visibility",
                            models.CharField(
                                choices=[
                                    ("enterprise", "Everyone in the company"),
                                    ("business_units", "Chosen business units"),
                                    ("restricted", "Chosen teams"),
                                ],
                                default="enterprise",
                                max_length=20,
                            ),
                        ),
                        (
                            "similar_reason",
                            models.TextField(
                                blank=True,
                                max_length=4000,
                                verbose_name="why another model like these",
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("draft", "Draft"),
                                    ("published", "Published"),
                                    ("archived", "Archived"),
                                ],
                                default="draft",
                                max_length=12,
                            ),
                        ),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "risk_tier",
                            models.CharField(
                                blank=True,
                                help_text="Highest of the live versions. Writer: governance",
                                max_length=12,
                            ),
                        ),
                        (
                            "calls_30d",
                            models.BigIntegerField(default=0, help_text="Writer: consumption"),
                        ),
                        (
                            "calls_14d",
                            models.JSONField(
                                default=list,
                                help_text="14 daily counts, oldest first. Writer: consumption",
                            ),
                        ),
                        (
                            "consumer_teams",
                            models.PositiveIntegerField(
                                default=0,
                                help_text="Teams that called in 30 days. Writer: consumption",
                            ),
                        ),
                        (
                            "rating_mean",
                            models.DecimalField(
                                decimal_places=2,
                                help_text="Writer: consumption",
                                max_digits=3,
                                null=True,
                            ),
                        ),
                        (
                            "rating_count",
                            models.PositiveIntegerField(default=0, help_text="Writer: consumption"),
                        ),
                        (
                            "measured_p95_ms",
                            models.PositiveIntegerField(
                                help_text="30 days. Writer: hosting", null=True
                            ),
                        ),
                        (
                            "measured_availability",
                            models.DecimalField(
                                decimal_places=3,
                                help_text="Percent, 30 days. Writer: hosting",
                                max_digits=6,
                                null=True,
                            ),
                        ),
                        (
                            "name_key",
                            marketplace.core.fields.NameKeyField(
                                default="", editable=False, key="fold", max_length=200, of="name"
                            ),
                        ),
                        (
                            "name_shape",
                            marketplace.core.fields.NameKeyField(
                                default="", editable=False, key="shape", max_length=200, of="name"
                            ),
                        ),
                        (
                            "last_published_at",
                            models.DateTimeField(
                                editable=False,
                                help_text="Of its newest version. Writer: the database's trigger",
                                null=True,
                            ),
                        ),
                        (
                            "quality_watch_since",
                            models.DateField(
                                editable=False,
                                help_text="Two major findings are overdue. Writer: insights",
                                null=True,
                            ),
                        ),
                        (
                            "recommended_for",
                            models.CharField(
                                blank=True,
                                db_default="",
                                default="",
                                editable=False,
                                help_text="What it is recommended for among models for one purpose. Writer: governance",
                                max_length=120,
                            ),
                        ),
                        (
                            "capability",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="models",
                                to="catalog.capability",
                            ),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "domain",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="models",
                                to="catalog.domain",
                            ),
                        ),
                        (
                            "owner",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="owned_models",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "owner_team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="models",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "visible_teams",
                            models.ManyToManyField(
                                blank=True, related_name="+", to="accounts.team"
                            ),
                        ),
                        (
                            "visible_units",
                            models.ManyToManyField(
                                blank=True, related_name="+", to="accounts.businessunit"
                            ),
                        ),
                        (
                            "model_type",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="models",
                                to="catalog.modeltype",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["draft", "published", "archived"])
                                ),
                                name="registeredmodel_state",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("visibility", "enterprise")),
                                fields=("name_key",),
                                name="model_name_once_in_company",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("visibility", "enterprise")),
                                fields=("name_shape",),
                                name="model_name_alike_once_in_company",
                            ),
                            models.UniqueConstraint(
                                fields=("owner_team", "name_key"), name="model_name_once_in_team"
                            ),
                            models.UniqueConstraint(
                                fields=("owner_team", "name_shape"),
                                name="model_name_alike_once_in_team",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                models.F("name"),
                                models.F("id"),
                                condition=models.Q(("state", "published")),
                                name="models_by_name",
                            ),
                            models.Index(
                                models.OrderBy(models.F("calls_30d"), descending=True),
                                models.F("id"),
                                condition=models.Q(("state", "published")),
                                name="models_by_calls",
                            ),
                            models.Index(
                                models.OrderBy(models.F("consumer_teams"), descending=True),
                                models.OrderBy(models.F("calls_30d"), descending=True),
                                models.F("id"),
                                condition=models.Q(("state", "published")),
                                name="models_by_consumers",
                            ),
                            models.Index(
                                models.OrderBy(models.F("created_at"), descending=True),
                                models.F("id"),
                                condition=models.Q(("state", "published")),
                                name="models_by_age",
                            ),
                            models.Index(
                                models.OrderBy(
                                    models.F("last_published_at"), descending=True, nulls_last=True
                                ),
                                models.F("id"),
                                condition=models.Q(("state", "published")),
                                name="models_by_publication",
                            ),
                            models.Index(
                                models.F("owner_team"),
                                condition=models.Q(("state", "published")),
                                include=(
                                    "id",
                                    "state",
                                    "visibility",
                                    "domain",
                                    "capability",
                                    "model_type",
                                    "risk_tier",
                                ),
                                name="models_counted",
                            ),
                            models.Index(
                                models.F("owner_team"),
                                condition=models.Q(
                                    ("state", "published"),
                                    models.Q(("visibility", "enterprise"), _negated=True),
                                ),
                                include=(
                                    "id",
                                    "state",
                                    "visibility",
                                    "domain",
                                    "capability",
                                    "model_type",
                                    "risk_tier",
                                ),
                                name="models_not_open",
                            ),
                        ],
                    },
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
                migrations.CreateModel(
                    name="SearchDocument",
                    fields=[
                        (
                            "model",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="search_document",
                                serialize=False,
                                to="catalog.registeredmodel",
                            ),
                        ),
                        ("written_at", models.DateTimeField(db_index=True)),
                        (
                            "is_neighbourhood_due",
                            models.BooleanField(
                                default=True,
                                help_text="Its neighbours are to be looked for. Cleared by catalog.neighbours",
                            ),
                        ),
                        (
                            "words",
                            models.TextField(
                                help_text="Words, ~stems and =initials, one blank between them"
                            ),
                        ),
                        (
                            "weights",
                            models.BinaryField(
                                help_text="One byte for each of `words`: how much it says"
                            ),
                        ),
                        (
                            "version_state",
                            models.CharField(
                                blank=True, help_text="Of the stable version", max_length=20
                            ),
                        ),
                        ("version_kind", models.CharField(blank=True, max_length=10)),
                        (
                            "data_class",
                            models.CharField(blank=True, help_text="Of its card", max_length=20),
                        ),
                        ("promised_p95_ms", models.FloatField(null=True)),
                        (
                            "promised_availability",
                            models.FloatField(help_text="Percent", null=True),
                        ),
                        (
                            "has_free_plan",
                            models.BooleanField(
                                default=False, help_text="Writer: consumption's trigger"
                            ),
                        ),
                        (
                            "has_paid_plan",
                            models.BooleanField(
                                default=False, help_text="Writer: consumption's trigger"
                            ),
                        ),
                        (
                            "opens_at_once",
                            models.BooleanField(
                                default=False, help_text="Writer: consumption's trigger"
                            ),
                        ),
                        (
                            "asks_owner",
                            models.BooleanField(
                                default=False, help_text="Writer: consumption's trigger"
                            ),
                        ),
                        (
                            "changed_in",
                            models.BigIntegerField(
                                db_index=True,
                                help_text="The transaction that wrote it (catalog.search.index)",
                            ),
                        ),
                        (
                            "is_meaning_due",
                            models.BooleanField(
                                default=True,
                                help_text="Its vectors are to be made. Cleared by catalog.search.meaning",
                            ),
                        ),
                        (
                            "is_case_due",
                            models.BooleanField(
                                db_default=True,
                                default=True,
                                help_text="Its neighbourhood changed since models for one purpose were looked for. Cleared by governance",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                models.F("written_at"),
                                condition=models.Q(("is_neighbourhood_due", True)),
                                name="neighbourhoods_due",
                            ),
                            models.Index(
                                models.F("written_at"),
                                condition=models.Q(("is_meaning_due", True)),
                                name="meanings_due",
                            ),
                            models.Index(
                                models.F("model"),
                                condition=models.Q(("is_case_due", True)),
                                name="search_cases_due",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="CollectionEntry",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("note", models.TextField(blank=True, max_length=4000)),
                        (
                            "added_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "collection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="entries",
                                to="catalog.collection",
                            ),
                        ),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="collection_entries",
                                to="catalog.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["id"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("collection", "model"), name="collection_has_a_model_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ModelVersion",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("number", models.CharField(max_length=30)),
                        ("major", models.PositiveIntegerField()),
                        ("minor", models.PositiveIntegerField()),
                        ("patch", models.PositiveIntegerField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("draft", "Draft"),
                                    ("submitted", "Submitted"),
                                    ("checking", "Being checked"),
                                    ("in_review", "In review"),
                                    ("changes_requested", "Changes requested"),
                                    ("rejected", "Rejected"),
                                    ("withdrawn", "Withdrawn"),
                                    ("approved", "Approved"),
                                    ("published", "Published"),
                                    ("deprecated", "Deprecated"),
                                    ("retired", "Retired"),
                                ],
                                default="draft",
                                max_length=20,
                            ),
                        ),
                        ("changelog", models.TextField(blank=True, max_length=10000)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("onnx", "ONNX file"),
                                    ("mlflow", "MLflow directory"),
                                    ("external", "External endpoint"),
                                ],
                                default="onnx",
                                max_length=10,
                            ),
                        ),
                        ("external_url", models.URLField(blank=True)),
                        ("signature", models.JSONField(blank=True, default=dict)),
                        ("example", models.JSONField(blank=True, default=dict)),
                        ("manifest", models.JSONField(blank=True, default=dict)),
                        ("manifest_sha256", models.CharField(blank=True, max_length=64)),
                        (
                            "manifest_signature",
                            models.CharField(
                                blank=True,
                                help_text="Ed25519, on approval. Writer: governance",
                                max_length=128,
                            ),
                        ),
                        (
                            "sla",
                            models.JSONField(
                                blank=True,
                                default=dict,
                                help_text="availability (percent), p95_ms, rps, support",
                            ),
                        ),
                        (
                            "risk_tier",
                            models.CharField(
                                blank=True, help_text="Writer: governance", max_length=12
                            ),
                        ),
                        ("suspended_at", models.DateTimeField(blank=True, null=True)),
                        ("suspension_reason", models.TextField(blank=True, max_length=4000)),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("submitted_at", models.DateTimeField(blank=True, null=True)),
                        ("approved_at", models.DateTimeField(blank=True, null=True)),
                        ("approved_until", models.DateTimeField(blank=True, null=True)),
                        ("published_at", models.DateTimeField(blank=True, null=True)),
                        ("deprecated_at", models.DateTimeField(blank=True, null=True)),
                        ("sunset_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "candidate",
                            models.GeneratedField(
                                db_persist=True,
                                expression=models.Case(
                                    models.When(
                                        number__contains="-rc.",
                                        then=django.db.models.functions.comparison.Cast(
                                            models.Func(
                                                models.F("number"),
                                                models.Value("-rc."),
                                                models.Value(2),
                                                function="split_part",
                                            ),
                                            models.IntegerField(),
                                        ),
                                    ),
                                    default=10000,
                                ),
                                help_text="N of a candidate (-rc.N); a release is higher than all of its candidates",
                                output_field=models.IntegerField(),
                            ),
                        ),
                        (
                            "cold_start_s",
                            models.FloatField(
                                help_text="A first call waits so long; empty: always awake. Writer: hosting",
                                null=True,
                            ),
                        ),
                        (
                            "brownouts",
                            models.JSONField(
                                blank=True,
                                default=list,
                                help_text="Announced refusals before the sunset: [[from, until]] as ISO 8601. Writer: publishing",
                            ),
                        ),
                        ("retired_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "is_followed",
                            models.BooleanField(
                                db_default=True,
                                default=True,
                                help_text="Subscriptions on a lower minor version follow it by themselves. Writer: consumption",
                            ),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="versions",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "submitted_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "successor",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["model", "-major", "-minor", "-patch", "-candidate"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("model", "number"), name="version_number_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("state__in", ["approved", "published", "deprecated"]),
                                        _negated=True,
                                    ),
                                    models.Q(("manifest_signature", ""), _negated=True),
                                    _connector="OR",
                                ),
                                name="version_live_only_signed",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("sunset_at", None),
                                    ("deprecated_at", None),
                                    ("sunset_at__gte", models.F("deprecated_at")),
                                    _connector="OR",
                                ),
                                name="version_sunset_after_deprecation",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "draft",
                                            "submitted",
                                            "checking",
                                            "in_review",
                                            "changes_requested",
                                            "rejected",
                                            "withdrawn",
                                            "approved",
                                            "published",
                                            "deprecated",
                                            "retired",
                                        ],
                                    )
                                ),
                                name="version_state",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(
                                    ("state__in", ["submitted", "checking", "approved"])
                                ),
                                fields=["state"],
                                name="version_under_way",
                            ),
                            models.Index(
                                fields=["-major", "-minor", "-patch", "-candidate", "-id"],
                                name="version_highest_first",
                            ),
                            models.Index(
                                condition=models.Q(("state__in", ["published", "deprecated"])),
                                fields=["approved_until"],
                                name="version_approval_ends",
                            ),
                            models.Index(
                                condition=models.Q(("state", "deprecated")),
                                fields=["sunset_at"],
                                name="version_sunset",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ModelView",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("day", models.DateField(help_text="UTC")),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="views",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-day"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("team", "model", "day"), name="model_view_once_a_day"
                            )
                        ],
                        "indexes": [models.Index(fields=["day"], name="model_view_of_day")],
                    },
                ),
                migrations.CreateModel(
                    name="Need",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("decided_at", models.DateTimeField(blank=True, null=True)),
                        ("decision_reason", models.TextField(blank=True, max_length=4000)),
                        ("title", models.CharField(max_length=120)),
                        ("text", models.TextField(max_length=2000)),
                        ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Open"),
                                    ("commissioned", "Commissioned"),
                                    ("matched", "Met by a model"),
                                    ("declined", "Declined"),
                                    ("withdrawn", "Withdrawn"),
                                ],
                                default="open",
                                max_length=14,
                            ),
                        ),
                        (
                            "budget",
                            models.PositiveBigIntegerField(
                                blank=True,
                                help_text="USD",
                                null=True,
                                validators=[django.core.validators.MaxValueValidator(1000000000)],
                            ),
                        ),
                        (
                            "ready_by",
                            models.DateField(
                                blank=True,
                                help_text="By when the commissioned team publishes",
                                null=True,
                            ),
                        ),
                        ("triaged_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "capability",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="needs",
                                to="catalog.capability",
                            ),
                        ),
                        (
                            "commissioned_team",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "decided_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "model",
                            models.ForeignKey(
                                blank=True,
                                help_text="What is to meet it; the need is met when the model is published",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="needs",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "opened_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="needs",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "triaged_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "open",
                                            "commissioned",
                                            "matched",
                                            "declined",
                                            "withdrawn",
                                        ],
                                    )
                                ),
                                name="need_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "matched"), _negated=True),
                                    ("model__isnull", False),
                                    _connector="OR",
                                ),
                                name="need_matched_by_a_model",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "commissioned"), _negated=True),
                                    ("commissioned_team__isnull", False),
                                    _connector="OR",
                                ),
                                name="need_commissioned_from_a_team",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("budget", None), ("budget__lte", 1000000000), _connector="OR"
                                ),
                                name="need_budget_bounded",
                            ),
                        ],
                        "indexes": [
                            models.Index(fields=["state"], name="needs_by_state"),
                            django.contrib.postgres.indexes.GinIndex(
                                django.contrib.postgres.search.SearchVector(
                                    "title", "text", config="english"
                                ),
                                name="needs_by_words",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Neighbour",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("score", models.FloatField(help_text="0..1, see catalog.search.alike")),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="neighbours",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "other",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="neighbour_of",
                                to="catalog.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("model", "other"), name="neighbour_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ModelCard",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("schema_version", models.CharField(default="card/1.0.0", max_length=20)),
                        ("data", models.JSONField(blank=True, default=dict)),
                        (
                            "completeness",
                            models.PositiveSmallIntegerField(
                                default=0, help_text="Percent. Writer: publishing"
                            ),
                        ),
                        ("sha256", models.CharField(blank=True, max_length=64)),
                        ("edited_at", models.DateTimeField(auto_now=True)),
                        ("origins", models.JSONField(blank=True, db_default={}, default=dict)),
                        (
                            "version",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="card",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Contribution",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("created", "Created the version"),
                                    ("uploaded", "Uploaded the package"),
                                    ("edited", "Edited the card"),
                                    ("assessed", "Answered the risk questionnaire"),
                                    ("submitted", "Submitted"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("at", models.DateTimeField(auto_now_add=True)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="contributions",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="contributions",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("version", "user", "kind"), name="contribution_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Artifact",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=200)),
                        ("size", models.BigIntegerField()),
                        ("sha256", models.CharField(max_length=64)),
                        (
                            "media_type",
                            models.CharField(default="application/octet-stream", max_length=60),
                        ),
                        ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "uploaded_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="artifacts",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("version", "name"), name="artifact_name_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Alias",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.SlugField(max_length=30)),
                        ("moved_at", models.DateTimeField(auto_now=True)),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="aliases",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="aliases",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "aliases",
                        "constraints": [
                            models.UniqueConstraint(fields=("model", "name"), name="alias_once")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="NeedInterest",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("since", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "need",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="interests",
                                to="catalog.need",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("need", "team"), name="need_interest_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="NeedSupport",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "value_a_year",
                            models.PositiveBigIntegerField(
                                blank=True,
                                null=True,
                                validators=[django.core.validators.MaxValueValidator(1000000000)],
                                verbose_name="value a year",
                            ),
                        ),
                        ("note", models.TextField(blank=True, max_length=4000)),
                        ("joined_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("left_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "need",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="supports",
                                to="catalog.need",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": [
                            models.OrderBy(
                                models.F("value_a_year"), descending=True, nulls_last=True
                            ),
                            "id",
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("left_at", None)),
                                fields=("need", "team"),
                                name="need_joined_once",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("value_a_year", None),
                                    ("value_a_year__lte", 1000000000),
                                    _connector="OR",
                                ),
                                name="need_value_within_bounds",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SearchRecord",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("decided_at", models.DateTimeField(blank=True, null=True)),
                        ("title", models.CharField(max_length=120)),
                        ("need", models.TextField(max_length=2000)),
                        ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "engine",
                            models.CharField(
                                help_text="What searched, with its version", max_length=80
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Open"),
                                    ("decided", "Decided"),
                                    ("withdrawn", "Withdrawn"),
                                ],
                                default="open",
                                max_length=10,
                            ),
                        ),
                        (
                            "decision",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("reuse", "Reuse a model"),
                                    ("extend", "Have a model extended"),
                                    ("build", "Build"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("sponsor", models.CharField(blank=True, max_length=120)),
                        ("decision_reason", models.TextField(blank=True, max_length=4000)),
                        ("expires_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "signature",
                            models.CharField(
                                blank=True,
                                help_text="Ed25519 over catalog.search_records.statement",
                                max_length=128,
                            ),
                        ),
                        (
                            "badge_key",
                            models.CharField(
                                help_text="Opens the badge alone", max_length=32, unique=True
                            ),
                        ),
                        (
                            "chosen",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "decided_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "demand",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="search_records",
                                to="catalog.need",
                            ),
                        ),
                        (
                            "opened_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="search_records",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["open", "decided", "withdrawn"])),
                                name="search_record_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "decided"), _negated=True),
                                    models.Q(
                                        models.Q(("decision", ""), _negated=True),
                                        models.Q(("signature", ""), _negated=True),
                                        models.Q(("sponsor", ""), _negated=True),
                                        ("decided_by__isnull", False),
                                        ("expires_at__gt", models.F("decided_at")),
                                    ),
                                    _connector="OR",
                                ),
                                name="search_record_decided_whole",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("chosen__isnull", False),
                                        ("decision__in", ["reuse", "extend"]),
                                    ),
                                    models.Q(("chosen", None), ("decision__in", ["", "build"])),
                                    _connector="OR",
                                ),
                                name="search_record_chosen_fits",
                            ),
                        ],
                        "indexes": [
                            models.Index(fields=["team", "-id"], name="search_records_of_team")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SearchCandidate",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("position", models.PositiveSmallIntegerField()),
                        ("name", models.CharField(max_length=80)),
                        ("summary", models.CharField(max_length=200)),
                        ("version", models.CharField(blank=True, max_length=30)),
                        (
                            "score",
                            models.DecimalField(
                                decimal_places=4, help_text="0..1, of the engine", max_digits=5
                            ),
                        ),
                        ("is_strong", models.BooleanField()),
                        (
                            "findings",
                            models.JSONField(default=list, help_text="Sentences: why it was found"),
                        ),
                        (
                            "reason_code",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("quality", "Quality"),
                                    ("data", "Data"),
                                    ("legal", "Legal"),
                                    ("latency", "Latency"),
                                    ("cost", "Cost"),
                                    ("scope", "Scope"),
                                    ("other", "Other"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("reason", models.TextField(blank=True, max_length=4000)),
                        ("reasoned_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "reasoned_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "record",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="candidates",
                                to="catalog.searchrecord",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("record", "position"), name="candidate_place_once"
                            ),
                            models.UniqueConstraint(
                                fields=("record", "model"), name="candidate_model_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("reason", ""), ("reason_code", "")),
                                    models.Q(
                                        models.Q(("reason_code", ""), _negated=True),
                                        models.Q(("reason", ""), _negated=True),
                                        ("reasoned_by__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="candidate_reason_whole",
                            ),
                        ],
                    },
                ),
            ]
        ),
        migrations.AddField(
            model_name="RegisteredModel",
            name="search_record",
            field=models.ForeignKey(
                blank=True,
                help_text="The search before it was built",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="built_models",
                to="catalog.searchrecord",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
