"""What models are found by, and when the newest version was published: written by the database, whoever writes the rows.

Neighbours are found by the periodic sweep, beginning with the models that are there.
"""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

FORWARD = """
CREATE FUNCTION catalog_write_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO catalog_searchdocument (model_id, document, written_at, is_neighbourhood_due)
  SELECT NEW.id,
    setweight(to_tsvector('english', NEW.name), 'A')
    || setweight(to_tsvector('english', concat_ws(' ', NEW.summary, NEW.tags::text, capability.name)), 'B')
    || setweight(to_tsvector('english', concat_ws(' ', NEW.description, domain.name, type.name)), 'C')
    || setweight(to_tsvector('english', concat_ws(' ', NEW.limitations, team.name)), 'D'),
    clock_timestamp(), true
  FROM catalog_capability capability, catalog_domain domain, catalog_modeltype type, accounts_team team
  WHERE capability.id = NEW.capability_id AND domain.id = NEW.domain_id AND type.id = NEW.model_type_id AND team.id = NEW.owner_team_id
  ON CONFLICT (model_id) DO UPDATE
  SET document = excluded.document, written_at = excluded.written_at, is_neighbourhood_due = true;
  RETURN NULL;
END $$;
CREATE TRIGGER catalog_document AFTER INSERT OR UPDATE OF
  name, summary, description, limitations, tags, capability_id, domain_id, model_type_id, owner_team_id, state, visibility
  ON catalog_registeredmodel FOR EACH ROW EXECUTE FUNCTION catalog_write_document();

CREATE FUNCTION catalog_date_model() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE catalog_registeredmodel AS model SET last_published_at = newest.at
  FROM (SELECT max(published_at) AS at FROM catalog_modelversion WHERE model_id = NEW.model_id) AS newest
  WHERE model.id = NEW.model_id AND model.last_published_at IS DISTINCT FROM newest.at;
  RETURN NULL;
END $$;
CREATE TRIGGER catalog_dated AFTER INSERT OR UPDATE OF published_at
  ON catalog_modelversion FOR EACH ROW WHEN (NEW.published_at IS NOT NULL) EXECUTE FUNCTION catalog_date_model();

UPDATE catalog_registeredmodel SET name = name;
UPDATE catalog_modelversion SET published_at = published_at WHERE published_at IS NOT NULL;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""
BACKWARD = """
DROP TRIGGER catalog_document ON catalog_registeredmodel;
DROP TRIGGER catalog_dated ON catalog_modelversion;
DROP FUNCTION catalog_write_document();
DROP FUNCTION catalog_date_model();
"""
IS_PUBLISHED = Q(state="published")
ORDERS = {
    "name": [F("name")],
    "calls": [F("calls_30d").desc()],
    "consumers": [F("consumer_teams").desc(), F("calls_30d").desc()],
    "age": [F("created_at").desc()],
    "publication": [F("last_published_at").desc(nulls_last=True)],
}


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_versions_under_way"), ("accounts", "0005_name_keys")]
    operations = [
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
                ("document", django.contrib.postgres.search.SearchVectorField()),
                ("written_at", models.DateTimeField(db_index=True)),
                (
                    "is_neighbourhood_due",
                    models.BooleanField(
                        default=True,
                        help_text="Its neighbours are to be looked for. Cleared by catalog.neighbours",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Neighbour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("score", models.FloatField(help_text="0..1, see search.likeness")),
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
                    models.UniqueConstraint(fields=["model", "other"], name="neighbour_once")
                ]
            },
        ),
        migrations.AddField(
            "registeredmodel",
            "last_published_at",
            models.DateTimeField(
                null=True,
                editable=False,
                help_text="Of its newest version. Writer: the database's trigger",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.AddIndex(
            "searchdocument",
            django.contrib.postgres.indexes.GinIndex(fields=["document"], name="search_documents"),
        ),
        migrations.AddIndex(
            "searchdocument",
            models.Index(
                "written_at", condition=Q(is_neighbourhood_due=True), name="neighbourhoods_due"
            ),
        ),
        *(
            migrations.AddIndex(
                "registeredmodel",
                models.Index(*order, "id", condition=IS_PUBLISHED, name=f"models_by_{name}"),
            )
            for name, order in ORDERS.items()
        ),
        migrations.AddIndex(
            "registeredmodel",
            models.Index(
                "owner_team",
                condition=IS_PUBLISHED,
                name="models_counted",
                include=[
                    "id",
                    "state",
                    "visibility",
                    "domain",
                    "capability",
                    "model_type",
                    "risk_tier",
                ],
            ),
        ),
        migrations.AddIndex(
            "registeredmodel",
            models.Index(
                "owner_team",
                condition=IS_PUBLISHED & ~Q(visibility="enterprise"),
                name="models_not_open",
                include=[
                    "id",
                    "state",
                    "visibility",
                    "domain",
                    "capability",
                    "model_type",
                    "risk_tier",
                ],
            ),
        ),
    ]
