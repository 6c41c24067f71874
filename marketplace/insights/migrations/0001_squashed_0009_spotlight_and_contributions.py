"""All tables of insights at once, as 0001 to 0009 made them step by step (docs/contributing.md, "Migrations")."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from marketplace.core.create_models import CreateModels


FORWARD = r"""
CREATE FUNCTION insights_metric_value_is_past()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'A figure of a past quarter is never changed or deleted.' USING ERRCODE = 'check_violation';
END $$;
CREATE FUNCTION insights_metric_rows_are_past()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  IF EXISTS (SELECT FROM touched JOIN insights_metricvalue past ON past.id = touched.value_id AND past.is_fixed) THEN
    RAISE EXCEPTION 'The rows of a past quarter are never changed or deleted.' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION insights_never_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'What finance signed or validated is never changed or deleted.' USING ERRCODE = 'check_violation';
END $$;
CREATE FUNCTION insights_line_is_open()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND EXISTS (SELECT FROM insights_signedquarter WHERE quarter = OLD.quarter) THEN
    RAISE EXCEPTION 'The quarter is signed: its lines change by reversal only.' USING ERRCODE = 'check_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  IF EXISTS (SELECT FROM insights_signedquarter WHERE quarter = NEW.quarter) THEN
    RAISE EXCEPTION 'The quarter is signed: its lines change by reversal only.' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION insights_claim_is_open()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.state = 'finance_validated' THEN
    RAISE EXCEPTION 'What finance signed or validated is never changed or deleted.' USING ERRCODE = 'check_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  IF NEW.state = 'finance_validated' AND EXISTS (SELECT FROM insights_signedquarter WHERE quarter = NEW.posted_quarter) THEN
    RAISE EXCEPTION 'The quarter is signed: no claim is added to it.' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER metric_value_past BEFORE DELETE OR UPDATE ON insights_metricvalue FOR EACH ROW WHEN (old.is_fixed) EXECUTE FUNCTION insights_metric_value_is_past();
CREATE TRIGGER metric_rows_past_added AFTER INSERT ON insights_metricrow REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION insights_metric_rows_are_past();
CREATE TRIGGER metric_rows_past_changed AFTER UPDATE ON insights_metricrow REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION insights_metric_rows_are_past();
CREATE TRIGGER metric_rows_past_gone AFTER DELETE ON insights_metricrow REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION insights_metric_rows_are_past();
CREATE TRIGGER signed_quarter_past BEFORE DELETE OR UPDATE ON insights_signedquarter FOR EACH ROW EXECUTE FUNCTION insights_never_changed();
CREATE TRIGGER reuse_line_open BEFORE INSERT OR DELETE OR UPDATE ON insights_reuseevent FOR EACH ROW EXECUTE FUNCTION insights_line_is_open();
CREATE TRIGGER value_claim_open BEFORE INSERT OR DELETE OR UPDATE ON insights_valueclaim FOR EACH ROW EXECUTE FUNCTION insights_claim_is_open();
"""
BACKWARD = """
DROP FUNCTION insights_claim_is_open() CASCADE;
DROP FUNCTION insights_line_is_open() CASCADE;
DROP FUNCTION insights_never_changed() CASCADE;
DROP FUNCTION insights_metric_rows_are_past() CASCADE;
DROP FUNCTION insights_metric_value_is_past() CASCADE;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0007_people"),
        ("catalog", "0001_squashed_0022_recommended_for"),
        ("consumption", "0001_squashed_0040_rollouts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateModels(
            [
                migrations.CreateModel(
                    name="CurationRun",
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
                        ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("ended_at", models.DateTimeField(blank=True, null=True)),
                        ("found", models.PositiveIntegerField(default=0)),
                        ("closed", models.PositiveIntegerField(default=0)),
                        ("problem", models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        "ordering": ["-id"],
                    },
                ),
                migrations.CreateModel(
                    name="CompanyEvent",
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
                        ("title", models.CharField(max_length=120)),
                        ("text", models.TextField(max_length=4000)),
                        ("starts_at", models.DateTimeField()),
                        ("ends_at", models.DateTimeField()),
                        ("place", models.CharField(blank=True, max_length=200)),
                        ("link", models.URLField(blank=True, max_length=300)),
                        (
                            "capacity",
                            models.PositiveIntegerField(
                                blank=True,
                                null=True,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(10000),
                                ],
                            ),
                        ),
                        ("planned_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Planned"),
                                    ("over", "Over"),
                                    ("cancelled", "Cancelled"),
                                ],
                                default="open",
                                max_length=10,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("changes", models.PositiveIntegerField(default=0)),
                        (
                            "domain",
                            models.ForeignKey(
                                blank=True,
                                help_text="Its followers read of it in their digest; none: all who follow something",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.domain",
                            ),
                        ),
                        (
                            "organised_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-starts_at", "-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["open", "over", "cancelled"])),
                                name="company_event_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                                name="company_event_ends_later",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "open")),
                                fields=["starts_at"],
                                name="company_events_coming",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="CurationItem",
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
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("owner", "Owner left"),
                                    ("review", "Re-review overdue"),
                                    ("service", "Service level missed"),
                                    ("unused", "No consumers"),
                                    ("stale", "Not updated"),
                                    ("documentation", "Card below the gate"),
                                    ("rating", "Rated low"),
                                    ("issue", "Issue unanswered"),
                                    ("conflict", "Same purpose"),
                                    ("quality", "Quality finding overdue"),
                                ],
                                max_length=14,
                            ),
                        ),
                        ("subject", models.CharField(blank=True, max_length=40)),
                        ("step", models.PositiveSmallIntegerField(default=0)),
                        ("since", models.DateField()),
                        ("evidence", models.JSONField(default=dict)),
                        ("found_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("due_on", models.DateField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Open"),
                                    ("dismissed", "Dismissed"),
                                    ("settled", "Settled"),
                                    ("gone", "No longer so"),
                                ],
                                default="open",
                                max_length=10,
                            ),
                        ),
                        ("closed_at", models.DateTimeField(blank=True, null=True)),
                        ("look_again_on", models.DateField(blank=True, null=True)),
                        (
                            "told_step",
                            models.PositiveSmallIntegerField(
                                blank=True,
                                help_text="The step that the publisher was told of",
                                null=True,
                            ),
                        ),
                        ("asked_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "answer",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("keep", "Keep it as it is"),
                                    ("mend", "Mend it by a day"),
                                    ("promote", "Promote it"),
                                    ("deprecate", "Deprecate it"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("answer_reason", models.TextField(blank=True, max_length=4000)),
                        ("answered_at", models.DateTimeField(blank=True, null=True)),
                        ("promised_on", models.DateField(blank=True, null=True)),
                        (
                            "answered_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "asked_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
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
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="curation_items",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "owner",
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
                        "ordering": ["due_on", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "dismissed", "settled", "gone"])
                                ),
                                name="curation_item_state",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state", "gone"), _negated=True),
                                fields=("kind", "model", "subject"),
                                name="curation_item_once",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "gone"]),
                                    ("look_again_on__isnull", False),
                                    _connector="OR",
                                ),
                                name="curation_item_rests_until_a_day",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("closed_at", None), ("state", "open")),
                                    models.Q(
                                        models.Q(("state", "open"), _negated=True),
                                        ("closed_at__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="curation_item_closed_when_not_open",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("answer", ""), ("answered_by", None)),
                                    models.Q(
                                        models.Q(("answer", ""), _negated=True),
                                        ("answered_by__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="curation_item_answered_by_somebody",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "open")),
                                fields=["due_on", "id"],
                                name="curation_items_due",
                            ),
                            models.Index(fields=["-closed_at"], name="curation_items_closed"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DemandGap",
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
                        ("title", models.CharField(max_length=200)),
                        ("words", models.JSONField(default=list)),
                        ("queries", models.JSONField(default=list)),
                        ("team_ids", models.JSONField(default=list)),
                        ("teams", models.PositiveIntegerField(default=0)),
                        ("searches", models.PositiveIntegerField(default=0)),
                        ("votes", models.PositiveIntegerField(default=0)),
                        ("refusals", models.PositiveIntegerField(default=0)),
                        ("score", models.FloatField(default=0)),
                        ("first_on", models.DateField()),
                        ("last_on", models.DateField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("new", "New"),
                                    ("taken_up", "A need"),
                                    ("dismissed", "No gap"),
                                ],
                                default="new",
                                max_length=10,
                            ),
                        ),
                        ("counted_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                            "need",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="demand_gaps",
                                to="catalog.need",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-score", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["new", "taken_up", "dismissed"])),
                                name="demand_gap_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("need__isnull", False), ("state", "taken_up")),
                                    models.Q(
                                        models.Q(("state", "taken_up"), _negated=True),
                                        ("need", None),
                                    ),
                                    _connector="OR",
                                ),
                                name="demand_gap_need_when_taken_up",
                            ),
                        ],
                        "indexes": [
                            models.Index(fields=["state", "-score"], name="demand_gaps_by_score")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Follow",
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
                            "collection",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="followers",
                                to="catalog.collection",
                            ),
                        ),
                        (
                            "domain",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="followers",
                                to="catalog.domain",
                            ),
                        ),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="follows",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("collection__isnull", True), ("domain__isnull", False)
                                    ),
                                    models.Q(
                                        ("collection__isnull", False), ("domain__isnull", True)
                                    ),
                                    _connector="OR",
                                ),
                                name="follow_of_one_thing",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("domain__isnull", False)),
                                fields=("person", "domain"),
                                name="follow_domain_once",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("collection__isnull", False)),
                                fields=("person", "collection"),
                                name="follow_collection_once",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="HealthScore",
                    fields=[
                        (
                            "model",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="health",
                                serialize=False,
                                to="catalog.registeredmodel",
                            ),
                        ),
                        ("score", models.PositiveSmallIntegerField(null=True)),
                        ("parts", models.JSONField(default=list)),
                        (
                            "card_score",
                            models.PositiveSmallIntegerField(
                                help_text="Percent, by the rules in force"
                            ),
                        ),
                        ("card_needed", models.PositiveSmallIntegerField()),
                        ("card_passes", models.BooleanField()),
                        (
                            "known_from",
                            models.DateField(help_text="The score is shown from this day on"),
                        ),
                        ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ],
                    options={
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("score", None), ("score__lte", 100), _connector="OR"
                                ),
                                name="health_score_of_100",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="InventoryImport",
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
                                    ("csv", "CSV file"),
                                    ("mlflow", "MLflow registry (registered-models/search)"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("text", models.TextField(max_length=524288)),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("previewed", "Waiting"),
                                    ("applied", "Imported"),
                                    ("discarded", "Discarded"),
                                ],
                                default="previewed",
                                max_length=10,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("counts", models.JSONField(default=dict)),
                        (
                            "business_unit",
                            models.ForeignKey(
                                blank=True,
                                help_text="Of rows that name none",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
                            ),
                        ),
                        (
                            "by",
                            models.ForeignKey(
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
                                    ("state__in", ["previewed", "applied", "discarded"])
                                ),
                                name="inventory_import_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["csv", "mlflow"])),
                                name="inventory_import_kind",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="MetricValue",
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
                        ("metric", models.SlugField(max_length=40)),
                        ("sight", models.CharField(max_length=8)),
                        ("quarter", models.DateField(help_text="Its first day")),
                        ("definition_version", models.CharField(max_length=10)),
                        ("numerator", models.BigIntegerField()),
                        ("denominator", models.BigIntegerField(null=True)),
                        (
                            "value",
                            models.FloatField(
                                help_text="Empty: it would mislead, see `reason`", null=True
                            ),
                        ),
                        ("reason", models.CharField(blank=True, max_length=60)),
                        ("verdict", models.CharField(max_length=10)),
                        ("verdict_text", models.CharField(max_length=120)),
                        ("details", models.JSONField(default=dict)),
                        ("splits", models.JSONField(default=dict)),
                        ("computed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("is_fixed", models.BooleanField(default=False)),
                    ],
                    options={
                        "ordering": ["-quarter", "metric"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("sight", "metric", "quarter"),
                                name="metric_value_once_a_quarter",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="NamedContributor",
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
                            "person",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="named_contributor",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="ProductionModel",
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
                        ("name", models.CharField(max_length=120, unique=True)),
                        ("in_production_since", models.DateField(blank=True, null=True)),
                        ("description", models.TextField(blank=True, max_length=4000)),
                        ("matched_at", models.DateTimeField(blank=True, null=True)),
                        ("registry_name", models.CharField(blank=True, max_length=200)),
                        ("reminded_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "risk_tier",
                            models.CharField(
                                blank=True,
                                choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")],
                                max_length=10,
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("running", "In production"),
                                    ("retired", "Out of production"),
                                ],
                                default="running",
                                max_length=10,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "business_unit",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="production_models",
                                to="accounts.businessunit",
                            ),
                        ),
                        (
                            "matched_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "owner",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "owner_team",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="production_models",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "published_as",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="inventory_entries",
                                to="catalog.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["business_unit__name", "name"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["running", "retired"])),
                                name="production_model_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("risk_tier", ""),
                                    ("risk_tier__in", ["low", "medium", "high"]),
                                    _connector="OR",
                                ),
                                name="production_model_tier",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("registry_name", ""), _negated=True),
                                fields=("registry_name",),
                                name="production_model_registry_name_once",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PublishingEffort",
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
                                    ("build", "Building it, USD"),
                                    ("publication", "Publishing it, hours"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "amount",
                            models.DecimalField(
                                decimal_places=2,
                                max_digits=14,
                                validators=[
                                    django.core.validators.MinValueValidator(Decimal("0.01"))
                                ],
                            ),
                        ),
                        ("note", models.CharField(help_text="Where it is booked", max_length=200)),
                        ("spent_on", models.DateField()),
                        ("logged_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "logged_by",
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
                                related_name="efforts",
                                to="catalog.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                    },
                ),
                migrations.CreateModel(
                    name="QualityReview",
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
                        ("quarter", models.CharField(help_text="As 2026-Q4", max_length=7)),
                        (
                            "reason",
                            models.CharField(
                                choices=[
                                    ("used", "Among the ten most used"),
                                    ("high", "High risk"),
                                    ("sample", "Drawn by lot"),
                                ],
                                max_length=6,
                            ),
                        ),
                        ("due_on", models.DateField()),
                        (
                            "state",
                            models.CharField(
                                choices=[("open", "Open"), ("done", "Done")],
                                default="open",
                                max_length=4,
                            ),
                        ),
                        ("answers", models.JSONField(default=dict)),
                        ("note", models.TextField(blank=True, max_length=4000)),
                        ("done_at", models.DateTimeField(blank=True, null=True)),
                        ("planned_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "done_by",
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
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="quality_reviews",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "reviewer",
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
                        "ordering": ["due_on", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["open", "done"])),
                                name="quality_review_state",
                            ),
                            models.UniqueConstraint(
                                fields=("model", "quarter"), name="quality_review_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("done_by", None), ("state", "open")),
                                    models.Q(
                                        ("done_at__isnull", False),
                                        ("done_by__isnull", False),
                                        ("state", "done"),
                                    ),
                                    _connector="OR",
                                ),
                                name="quality_review_done_by_somebody",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                fields=["quarter", "state"], name="quality_reviews_of_quarter"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ReuseEvent",
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
                                choices=[("reuse", "Reuse"), ("reversal", "Reversal")],
                                default="reuse",
                                max_length=8,
                            ),
                        ),
                        (
                            "qualified_on",
                            models.DateField(help_text="The day on which the calls sufficed"),
                        ),
                        (
                            "window_from",
                            models.DateField(
                                help_text="The first day of the calls that are counted"
                            ),
                        ),
                        (
                            "calls",
                            models.BigIntegerField(help_text="Answered in production until then"),
                        ),
                        ("days", models.PositiveIntegerField(help_text="With an answered call")),
                        (
                            "counterfactual",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("would_build", "We would build our own"),
                                    ("would_buy", "We would buy one"),
                                    ("would_do_without", "We would do without"),
                                ],
                                max_length=20,
                            ),
                        ),
                        (
                            "complexity",
                            models.JSONField(default=dict, help_text="Answers of ledger.sizing"),
                        ),
                        (
                            "size",
                            models.CharField(
                                choices=[("S", "Small"), ("M", "Medium"), ("L", "Large")],
                                max_length=1,
                            ),
                        ),
                        (
                            "licence_price",
                            models.DecimalField(
                                blank=True,
                                decimal_places=2,
                                help_text="Twelve months of what would be bought",
                                max_digits=14,
                                null=True,
                            ),
                        ),
                        (
                            "booked_cost",
                            models.DecimalField(
                                blank=True,
                                decimal_places=2,
                                help_text="What building took the publisher",
                                max_digits=14,
                                null=True,
                            ),
                        ),
                        ("cost_low", models.DecimalField(decimal_places=2, max_digits=14)),
                        ("cost_mid", models.DecimalField(decimal_places=2, max_digits=14)),
                        ("cost_high", models.DecimalField(decimal_places=2, max_digits=14)),
                        (
                            "grade",
                            models.CharField(
                                choices=[
                                    ("A", "Plan given up, documented"),
                                    ("B", "Manager attests"),
                                    ("C", "Usage only"),
                                ],
                                max_length=1,
                            ),
                        ),
                        ("confidence", models.DecimalField(decimal_places=2, max_digits=4)),
                        ("share", models.DecimalField(decimal_places=2, max_digits=4)),
                        (
                            "integration_logged",
                            models.DecimalField(
                                blank=True,
                                decimal_places=2,
                                max_digits=14,
                                null=True,
                                validators=[django.core.validators.MinValueValidator(0)],
                            ),
                        ),
                        ("integration", models.DecimalField(decimal_places=2, max_digits=14)),
                        ("low", models.DecimalField(decimal_places=2, max_digits=14)),
                        ("mid", models.DecimalField(decimal_places=2, max_digits=14)),
                        ("high", models.DecimalField(decimal_places=2, max_digits=14)),
                        ("rules_version", models.CharField(default="ledger/1", max_length=20)),
                        (
                            "quarter",
                            models.DateField(
                                db_index=True,
                                help_text="The first day of the quarter it is posted in",
                            ),
                        ),
                        ("plan_reference", models.CharField(blank=True, max_length=120)),
                        (
                            "plan_amount",
                            models.DecimalField(
                                blank=True, decimal_places=2, max_digits=14, null=True
                            ),
                        ),
                        ("plan_ended_on", models.DateField(blank=True, null=True)),
                        ("plan_text", models.TextField(blank=True, max_length=4000)),
                        ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                        ("confirmation", models.TextField(blank=True, max_length=4000)),
                        (
                            "reason",
                            models.TextField(
                                blank=True, help_text="Of a reversal", max_length=4000
                            ),
                        ),
                        ("posted_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "business_unit",
                            models.ForeignKey(
                                help_text="The team's when it qualified",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
                            ),
                        ),
                        (
                            "capability",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.capability",
                            ),
                        ),
                        (
                            "confirmed_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "described_by",
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
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reuse_events",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "posted_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "reverses",
                            models.OneToOneField(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reversal",
                                to="insights.reuseevent",
                            ),
                        ),
                        (
                            "search_record",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.searchrecord",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reuse_events",
                                to="consumption.subscription",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reuse_events",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["quarter", "qualified_on", "id"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("kind", "reuse")),
                                fields=("team", "capability"),
                                name="reuse_once_a_team_and_capability",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("kind", "reuse"),
                                        ("low__gte", 0),
                                        ("low__lte", models.F("mid")),
                                        ("mid__lte", models.F("high")),
                                        ("reverses", None),
                                    ),
                                    models.Q(
                                        ("high__lte", 0),
                                        ("kind", "reversal"),
                                        ("low__lte", 0),
                                        ("reverses__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="reuse_line_whole",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("kind", "reversal"), _negated=True),
                                    models.Q(("reason", ""), _negated=True),
                                    _connector="OR",
                                ),
                                name="reversal_has_a_reason",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("grade__in", ["A", "B", "C"])),
                                name="reuse_grade",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("size__in", ["S", "M", "L"])), name="reuse_size"
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                fields=["business_unit", "capability"], name="reuse_of_unit"
                            ),
                            models.Index(
                                condition=models.Q(("kind", "reuse")),
                                fields=["qualified_on"],
                                name="reuse_qualified",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SignedQuarter",
                    fields=[
                        ("quarter", models.DateField(primary_key=True, serialize=False)),
                        ("signed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("line_count", models.IntegerField()),
                        ("low", models.DecimalField(decimal_places=2, max_digits=14)),
                        ("mid", models.DecimalField(decimal_places=2, max_digits=14)),
                        ("high", models.DecimalField(decimal_places=2, max_digits=14)),
                        (
                            "claims",
                            models.DecimalField(
                                decimal_places=2, default=Decimal("0"), max_digits=14
                            ),
                        ),
                        ("sha256", models.CharField(max_length=64)),
                        (
                            "audit_event_id",
                            models.BigIntegerField(help_text="The act on the record"),
                        ),
                        (
                            "signed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-quarter"],
                    },
                ),
                migrations.CreateModel(
                    name="Spotlight",
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
                        (
                            "rule",
                            models.CharField(
                                choices=[
                                    ("new", "New, and of high quality"),
                                    ("reuse", "First reuse across units"),
                                    ("saving", "Biggest saving that finance signed"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("key", models.CharField(max_length=60, unique=True)),
                        ("why", models.CharField(max_length=200)),
                        ("proposed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("until", models.DateField(blank=True, null=True)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("proposed", "Proposed"),
                                    ("shown", "Shown"),
                                    ("dismissed", "Dismissed"),
                                    ("ended", "Ended"),
                                ],
                                default="proposed",
                                max_length=10,
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
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="spotlights",
                                to="catalog.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["proposed", "shown", "dismissed", "ended"])
                                ),
                                name="spotlight_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "shown"), _negated=True),
                                    ("until__isnull", False),
                                    _connector="OR",
                                ),
                                name="spotlight_shown_until",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("rule__in", ["new", "reuse", "saving"])),
                                name="spotlight_rule",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "shown")),
                                fields=["until"],
                                name="spotlights_shown",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="StrategicMark",
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
                        ("until", models.DateField(help_text="Its last day")),
                        ("reason", models.TextField(max_length=4000)),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="strategic_marks",
                                to="catalog.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-until"],
                        "indexes": [
                            models.Index(
                                fields=["model", "-until"], name="strategic_marks_of_model"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Succession",
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
                        ("reason", models.TextField(max_length=4000)),
                        ("proposed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("support_contact", models.CharField(max_length=120)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Waits for a second person"),
                                    ("agreed", "Agreed"),
                                    ("refused", "Refused"),
                                    ("withdrawn", "Taken back"),
                                ],
                                default="open",
                                max_length=10,
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
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="successions",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "owner",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "proposed_by",
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
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "agreed", "refused", "withdrawn"])
                                ),
                                name="succession_state",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state", "open")),
                                fields=("model",),
                                name="succession_one_open",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "withdrawn"]),
                                    models.Q(
                                        ("decided_by__isnull", False),
                                        models.Q(
                                            ("decided_by", models.F("proposed_by")), _negated=True
                                        ),
                                    ),
                                    _connector="OR",
                                ),
                                name="succession_of_two_people",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ValueClaim",
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
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("revenue", "New revenue"),
                                    ("cost", "Lower cost"),
                                    ("loss_avoided", "Losses avoided"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "quarter",
                            models.DateField(
                                help_text="The first day of the quarter that the value is of"
                            ),
                        ),
                        (
                            "gross",
                            models.DecimalField(
                                decimal_places=2,
                                max_digits=14,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(Decimal("1000000000")),
                                ],
                            ),
                        ),
                        (
                            "attribution_percent",
                            models.PositiveSmallIntegerField(
                                default=50,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(100),
                                ],
                            ),
                        ),
                        ("attribution_reason", models.TextField(blank=True, max_length=4000)),
                        ("method", models.TextField(max_length=4000)),
                        ("evidence", models.TextField(max_length=4000)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("draft", "Draft"),
                                    ("owner_confirmed", "Confirmed by its owner"),
                                    ("finance_validated", "Validated by finance"),
                                    ("rejected", "Rejected"),
                                ],
                                default="draft",
                                max_length=18,
                            ),
                        ),
                        ("claimed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("owner_confirmed_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "posted_quarter",
                            models.DateField(
                                blank=True,
                                help_text="The first day of the quarter that counts it",
                                null=True,
                            ),
                        ),
                        (
                            "is_independent",
                            models.BooleanField(
                                default=False,
                                help_text="Finance: the acceleration is no part of an avoided cost",
                            ),
                        ),
                        (
                            "weeks_saved",
                            models.DecimalField(decimal_places=2, default=0, max_digits=5),
                        ),
                        (
                            "acceleration",
                            models.DecimalField(decimal_places=2, default=0, max_digits=14),
                        ),
                        (
                            "business_unit",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
                            ),
                        ),
                        (
                            "claimed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
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
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="value_claims",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "owner_confirmed_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="value_claims",
                                to="accounts.team",
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
                                            "draft",
                                            "owner_confirmed",
                                            "finance_validated",
                                            "rejected",
                                        ],
                                    )
                                ),
                                name="value_claim_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "finance_validated"), _negated=True),
                                    models.Q(
                                        ("decided_by__isnull", False),
                                        ("posted_quarter__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="value_claim_validated_whole",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("attribution_percent__lte", 50),
                                    models.Q(("attribution_reason", ""), _negated=True),
                                    _connector="OR",
                                ),
                                name="value_claim_attribution_has_a_reason",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Announcement",
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
                        ("title", models.CharField(max_length=120)),
                        ("text", models.TextField(max_length=4000)),
                        (
                            "audience",
                            models.CharField(
                                choices=[
                                    ("everybody", "Everybody"),
                                    ("unit", "A business unit"),
                                    ("role", "A role"),
                                    ("domain", "Followers of a domain"),
                                    ("collection", "Followers of a collection"),
                                ],
                                default="everybody",
                                max_length=10,
                            ),
                        ),
                        (
                            "role",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("curator", "Marketplace manager"),
                                    ("evaluator", "Independent evaluator"),
                                    ("fairness_reviewer", "Fairness reviewer"),
                                    ("security_reviewer", "Security reviewer"),
                                    ("legal_reviewer", "Legal reviewer"),
                                    ("model_risk_officer", "Model risk officer"),
                                    ("governance_lead", "Governance lead"),
                                    ("operator", "Platform operator"),
                                    ("finance", "Finance"),
                                    ("executive", "Executive"),
                                    ("auditor", "Auditor"),
                                    ("admin", "Administrator"),
                                ],
                                max_length=30,
                            ),
                        ),
                        ("shown_from", models.DateTimeField()),
                        ("shown_until", models.DateTimeField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("draft", "Draft"),
                                    ("scheduled", "Scheduled"),
                                    ("shown", "Shown"),
                                    ("ended", "Ended"),
                                ],
                                default="draft",
                                max_length=10,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("written_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "collection",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.collection",
                            ),
                        ),
                        (
                            "domain",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.domain",
                            ),
                        ),
                        (
                            "unit",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
                            ),
                        ),
                        (
                            "written_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-shown_from", "-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["draft", "scheduled", "shown", "ended"])
                                ),
                                name="announcement_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("shown_until__gt", models.F("shown_from"))),
                                name="announcement_ends_later",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("audience", "everybody"),
                                    models.Q(("audience", "unit"), ("unit__isnull", False)),
                                    models.Q(
                                        ("audience", "role"), models.Q(("role", ""), _negated=True)
                                    ),
                                    models.Q(("audience", "domain"), ("domain__isnull", False)),
                                    models.Q(
                                        ("audience", "collection"), ("collection__isnull", False)
                                    ),
                                    _connector="OR",
                                ),
                                name="announcement_has_an_audience",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "scheduled")),
                                fields=["shown_from"],
                                name="announcements_to_show",
                            ),
                            models.Index(
                                condition=models.Q(("state", "shown")),
                                fields=["shown_until"],
                                name="announcements_to_end",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BusinessCase",
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
                        ("assumptions", models.JSONField()),
                        (
                            "shared",
                            models.CharField(
                                choices=[
                                    ("private", "Only me"),
                                    ("finance", "Executives, finance and auditors"),
                                    ("company", "Everyone in the company"),
                                ],
                                default="private",
                                max_length=8,
                            ),
                        ),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "owner",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name", "id"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("owner", "name"), name="business_case_once_a_name"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="MetricRow",
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
                        ("position", models.PositiveIntegerField()),
                        ("label", models.CharField(max_length=200)),
                        ("team", models.CharField(blank=True, max_length=80)),
                        ("unit", models.CharField(blank=True, max_length=80)),
                        ("numerator", models.BigIntegerField()),
                        ("denominator", models.BigIntegerField()),
                        ("url", models.CharField(blank=True, max_length=200)),
                        ("facts", models.JSONField(default=list)),
                        (
                            "value",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="rows",
                                to="insights.metricvalue",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("value", "position"), name="metric_row_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PublicationCampaign",
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
                        ("title", models.CharField(max_length=120)),
                        ("text", models.TextField(blank=True, max_length=4000)),
                        ("until", models.DateField()),
                        ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("running", "Running"),
                                    ("reached", "Reached"),
                                    ("ended", "Ended"),
                                    ("cancelled", "Called off"),
                                ],
                                default="running",
                                max_length=10,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("done_at_close", models.PositiveIntegerField(blank=True, null=True)),
                        ("of_at_close", models.PositiveIntegerField(blank=True, null=True)),
                        (
                            "models_wanted",
                            models.ManyToManyField(
                                related_name="campaigns", to="insights.productionmodel"
                            ),
                        ),
                        (
                            "started_by",
                            models.ForeignKey(
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
                                    ("state__in", ["running", "reached", "ended", "cancelled"])
                                ),
                                name="publication_campaign_state",
                            )
                        ],
                        "indexes": [
                            models.Index(fields=["state"], name="publication_campaign_open")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PublicationException",
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
                        ("reason", models.TextField(max_length=4000)),
                        ("until", models.DateField(help_text="The last day on which it holds")),
                        ("granted_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("ended_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "granted_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "production_model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="exceptions",
                                to="insights.productionmodel",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-granted_at"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("ended_at", None)),
                                fields=("production_model",),
                                name="publication_exception_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="QualityFinding",
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
                            "severity",
                            models.CharField(
                                choices=[("minor", "Minor"), ("major", "Major")], max_length=5
                            ),
                        ),
                        ("text", models.TextField(max_length=4000)),
                        ("due_on", models.DateField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Open"),
                                    ("reported", "Said to be mended"),
                                    ("closed", "Mended"),
                                ],
                                default="open",
                                max_length=8,
                            ),
                        ),
                        (
                            "mended",
                            models.TextField(
                                blank=True, max_length=4000, verbose_name="what was done"
                            ),
                        ),
                        ("closed_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "closed_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "mended_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "review",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="findings",
                                to="insights.qualityreview",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-severity", "due_on", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["open", "reported", "closed"])),
                                name="quality_finding_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("closed_by__isnull", False), ("state", "closed")),
                                    models.Q(
                                        models.Q(("state", "closed"), _negated=True),
                                        ("closed_by", None),
                                    ),
                                    _connector="OR",
                                ),
                                name="quality_finding_closed_by_somebody",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(
                                    ("severity", "major"),
                                    models.Q(("state", "closed"), _negated=True),
                                ),
                                fields=["due_on"],
                                name="quality_majors_due",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SignUp",
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
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                        ("attended", models.BooleanField(blank=True, null=True)),
                        (
                            "event",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="sign_ups",
                                to="insights.companyevent",
                            ),
                        ),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["at"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("withdrawn_at", None)),
                                fields=("event", "person"),
                                name="sign_up_once_at_a_time",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Story",
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
                        ("problem", models.TextField(max_length=4000)),
                        ("before", models.TextField(max_length=4000)),
                        ("after", models.TextField(max_length=4000)),
                        ("quote", models.TextField(blank=True, max_length=500)),
                        ("agreed_at", models.DateTimeField(blank=True, null=True)),
                        ("written_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("draft", "Draft"),
                                    ("submitted", "Waiting"),
                                    ("published", "Published"),
                                    ("withdrawn", "Withdrawn"),
                                ],
                                default="draft",
                                max_length=10,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("published_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "author",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
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
                            "lines",
                            models.ManyToManyField(
                                blank=True, related_name="stories", to="insights.reuseevent"
                            ),
                        ),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="stories",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "quoted_person",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="stories",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["draft", "submitted", "published", "withdrawn"])
                                ),
                                name="story_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("quote", ""), ("quoted_person__isnull", False), _connector="OR"
                                ),
                                name="story_quote_of_a_person",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "published"), _negated=True),
                                    ("quote", ""),
                                    ("agreed_at__isnull", False),
                                    _connector="OR",
                                ),
                                name="story_quote_agreed",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "published")),
                                fields=["-published_at"],
                                name="stories_newest",
                            )
                        ],
                    },
                ),
            ]
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
