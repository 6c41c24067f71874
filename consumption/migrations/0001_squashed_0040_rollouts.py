"""All tables of consumption at once, as 0001 to 0040 made them step by step (docs/contributing.md, "Migrations")."""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.utils.timezone
import marketplace.core.fields
import uuid
from django.conf import settings
from django.db import migrations, models

from marketplace.core.create_models import CreateModels


FORWARD = r"""
CREATE TABLE consumption_usageevent (
  event_id uuid NOT NULL,
  at timestamptz NOT NULL,
  subscription_id bigint NOT NULL,
  key_id bigint NOT NULL,
  application_id bigint NOT NULL,
  team_id bigint NOT NULL,
  model_id bigint NOT NULL,
  version_id bigint NOT NULL,
  outcome varchar(16) NOT NULL,
  http_status integer NOT NULL,
  units bigint NOT NULL CHECK (units >= 0),
  duration_us bigint NOT NULL CHECK (duration_us >= 0),
  request_bytes bigint NOT NULL DEFAULT 0,
  response_bytes bigint NOT NULL DEFAULT 0,
  environment varchar(10) NOT NULL DEFAULT 'prod',
  is_demo boolean NOT NULL DEFAULT false,
  PRIMARY KEY (event_id, at)
) PARTITION BY RANGE (at);
CREATE INDEX usageevent_subscription_at ON consumption_usageevent (subscription_id, at);
CREATE INDEX usageevent_at ON consumption_usageevent USING brin (at);
CREATE TABLE consumption_usageevent_default PARTITION OF consumption_usageevent DEFAULT;
CREATE INDEX usageevent_failed ON consumption_usageevent (subscription_id, at) WHERE outcome <> 'ok';
CREATE INDEX usageevent_late ON consumption_usageevent (version_id, at) WHERE http_status = 504;
CREATE FUNCTION consumption_terms_never_change_the_past()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.effective_from < now() AND EXISTS (SELECT FROM consumption_planterms WHERE plan_id = NEW.plan_id) THEN
      RAISE EXCEPTION 'Terms of a plan never begin in the past.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.effective_from <= clock_timestamp()
      AND NOT (TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM consumption_subscriptionplan WHERE plan_id = OLD.plan_id)) THEN
    RAISE EXCEPTION 'Terms that have begun are never changed or deleted.' USING ERRCODE = 'check_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION consumption_keep_subscription_plan()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO consumption_subscriptionplan (subscription_id, plan_id, since)
  VALUES (NEW.id, NEW.plan_id, CASE TG_OP WHEN 'INSERT' THEN 'epoch'::timestamptz ELSE clock_timestamp() END);
  RETURN NULL;
END $$;
CREATE FUNCTION consumption_mark_figures()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_nestloop TO 'on'
AS $$
BEGIN
  INSERT INTO consumption_stalefigures (model_id, figures, at)
  SELECT model_id, figures, now() FROM (SELECT DISTINCT model_id FROM changed JOIN consumption_subscription s ON s.id = changed.subscription_id) AS model,
    unnest(ARRAY['service', 'usage']) AS figures
  ORDER BY 1, 2
  ON CONFLICT (model_id, figures) DO UPDATE SET at = consumption_stalefigures.at;
  RETURN NULL;
END $$;
CREATE FUNCTION consumption_open_month(start date)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $$
DECLARE
  first date := date_trunc('month', start);
BEGIN
  EXECUTE format(
    'CREATE TABLE IF NOT EXISTS %I PARTITION OF consumption_usageevent FOR VALUES FROM (%L) TO (%L)',
    'consumption_usageevent_' || to_char(first, 'YYYY_MM'), first || ' 00:00+00', (first + interval '1 month')::date || ' 00:00+00');
END $$;
CREATE FUNCTION consumption_project_offers()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE catalog_searchdocument AS document SET
    has_free_plan = offer.is_free, has_paid_plan = offer.is_paid, opens_at_once = offer.at_once, asks_owner = offer.by_owner,
    written_at = clock_timestamp(), changed_in = pg_current_xact_id()::text::bigint
  FROM (
    SELECT coalesce(bool_or(price_kind = 'free'), false) AS is_free, coalesce(bool_or(price_kind <> 'free'), false) AS is_paid,
      coalesce(bool_or(approval = 'automatic'), false) AS at_once, coalesce(bool_or(approval = 'owner'), false) AS by_owner
    FROM consumption_plan WHERE model_id = coalesce(NEW.model_id, OLD.model_id) AND is_offered
  ) AS offer
  WHERE document.model_id = coalesce(NEW.model_id, OLD.model_id);
  RETURN NULL;
END $$;
CREATE FUNCTION consumption_fees_never_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'A fee that was charged is never changed or deleted.' USING ERRCODE = 'check_violation';
END $$;
CREATE FUNCTION consumption_digits(currency text)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE
AS $$
  SELECT CASE WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 0 WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3 WHEN currency IN ('CLF', 'UYW') THEN 4 ELSE 2 END
$$;
CREATE FUNCTION consumption_rounded(amount numeric, currency text)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE
AS $$
  SELECT round(
    CASE WHEN abs(coins - trunc(coins)) = 0.5 THEN 2 * round(coins / 2) ELSE round(coins) END
      / power(10::numeric, consumption_digits(currency)),
    consumption_digits(currency)
  )
  FROM (SELECT amount * power(10::numeric, consumption_digits(currency)) AS coins) whole
$$;
CREATE FUNCTION consumption_never_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'What a closed month charged is never changed or deleted.' USING ERRCODE = 'check_violation';
END $$;
CREATE FUNCTION consumption_month_is_open()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  IF EXISTS (SELECT FROM consumption_closedmonth WHERE month = NEW.month) THEN
    RAISE EXCEPTION 'The statements of this month are closed.' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER plan_terms_past BEFORE INSERT OR DELETE OR UPDATE ON consumption_planterms FOR EACH ROW EXECUTE FUNCTION consumption_terms_never_change_the_past();
CREATE TRIGGER subscription_plan_first AFTER INSERT ON consumption_subscription FOR EACH ROW EXECUTE FUNCTION consumption_keep_subscription_plan();
CREATE TRIGGER subscription_plan_next AFTER UPDATE ON consumption_subscription FOR EACH ROW WHEN ((old.plan_id IS DISTINCT FROM new.plan_id)) EXECUTE FUNCTION consumption_keep_subscription_plan();
CREATE TRIGGER figures_insert AFTER INSERT ON consumption_usagehour REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION consumption_mark_figures();
CREATE TRIGGER figures_update AFTER UPDATE ON consumption_usagehour REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION consumption_mark_figures();
CREATE TRIGGER figures_delete AFTER DELETE ON consumption_usagehour REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION consumption_mark_figures();
CREATE TRIGGER consumption_offers AFTER INSERT OR DELETE OR UPDATE OF is_offered, approval, price_kind ON consumption_plan FOR EACH ROW EXECUTE FUNCTION consumption_project_offers();
CREATE TRIGGER fee_day_past BEFORE DELETE OR UPDATE ON consumption_feeday FOR EACH ROW EXECUTE FUNCTION consumption_fees_never_change();
CREATE TRIGGER closed_month_past BEFORE DELETE OR UPDATE ON consumption_closedmonth FOR EACH ROW EXECUTE FUNCTION consumption_never_changed();
CREATE TRIGGER charge_line_past BEFORE DELETE OR UPDATE ON consumption_chargeline FOR EACH ROW EXECUTE FUNCTION consumption_never_changed();
CREATE TRIGGER charge_line_open BEFORE INSERT ON consumption_chargeline FOR EACH ROW EXECUTE FUNCTION consumption_month_is_open();
CREATE TRIGGER adjustment_past BEFORE DELETE OR UPDATE ON consumption_adjustment FOR EACH ROW EXECUTE FUNCTION consumption_never_changed();
CREATE TRIGGER adjustment_open BEFORE INSERT ON consumption_adjustment FOR EACH ROW EXECUTE FUNCTION consumption_month_is_open();
"""
BACKWARD = """
DROP FUNCTION consumption_month_is_open() CASCADE;
DROP FUNCTION consumption_never_changed() CASCADE;
DROP FUNCTION consumption_rounded(amount numeric, currency text) CASCADE;
DROP FUNCTION consumption_digits(currency text) CASCADE;
DROP FUNCTION consumption_fees_never_change() CASCADE;
DROP FUNCTION consumption_project_offers() CASCADE;
DROP FUNCTION consumption_open_month(start date) CASCADE;
DROP FUNCTION consumption_mark_figures() CASCADE;
DROP FUNCTION consumption_keep_subscription_plan() CASCADE;
DROP FUNCTION consumption_terms_never_change_the_past() CASCADE;
DROP TABLE consumption_usageevent;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0007_people"),
        ("catalog", "0001_squashed_0022_recommended_for"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("governance", "0001_squashed_0023_same_purpose_cases"),
    ]

    operations = [
        CreateModels(
            [
                migrations.CreateModel(
                    name="UsageEvent",
                    fields=[
                        ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                        ("at", models.DateTimeField()),
                        ("subscription_id", models.BigIntegerField()),
                        ("key_id", models.BigIntegerField()),
                        ("application_id", models.BigIntegerField()),
                        ("team_id", models.BigIntegerField()),
                        ("model_id", models.BigIntegerField()),
                        ("version_id", models.BigIntegerField()),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("ok", "Answered"),
                                    ("client_error", "Caller's error"),
                                    ("upstream_error", "Model's error"),
                                    ("aborted", "Aborted"),
                                    ("unknown", "Unknown"),
                                    ("refused", "Refused by a limit"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("http_status", models.IntegerField()),
                        ("units", models.BigIntegerField()),
                        ("duration_us", models.BigIntegerField()),
                        ("request_bytes", models.BigIntegerField(default=0)),
                        ("response_bytes", models.BigIntegerField(default=0)),
                        ("environment", models.CharField(default="prod", max_length=10)),
                        ("is_demo", models.BooleanField(default=False)),
                    ],
                    options={
                        "db_table": "consumption_usageevent",
                        "managed": False,
                    },
                ),
                migrations.CreateModel(
                    name="ChargedDay",
                    fields=[
                        ("day", models.DateField(primary_key=True, serialize=False)),
                    ],
                ),
                migrations.CreateModel(
                    name="FiguresDay",
                    fields=[
                        ("day", models.DateField(primary_key=True, serialize=False)),
                    ],
                ),
                migrations.CreateModel(
                    name="JournalPosition",
                    fields=[
                        ("offset", models.BigIntegerField(default=0)),
                        ("shipped_at", models.DateTimeField(auto_now=True)),
                        (
                            "segment",
                            models.CharField(max_length=120, primary_key=True, serialize=False),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="LateMonth",
                    fields=[
                        ("month", models.DateField(primary_key=True, serialize=False)),
                    ],
                ),
                migrations.CreateModel(
                    name="ReconciledDay",
                    fields=[
                        ("day", models.DateField(primary_key=True, serialize=False)),
                        ("counted_at", models.DateTimeField(null=True)),
                        ("due_at", models.DateTimeField(db_index=True)),
                    ],
                ),
                migrations.CreateModel(
                    name="StaleHour",
                    fields=[
                        ("hour", models.DateTimeField(primary_key=True, serialize=False)),
                        ("touched_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ],
                ),
                migrations.CreateModel(
                    name="Application",
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
                        ("slug", models.SlugField(max_length=100, unique=True)),
                        ("description", models.TextField(blank=True, max_length=10000)),
                        (
                            "environment",
                            models.CharField(
                                choices=[("prod", "Production"), ("test", "Test")],
                                default="prod",
                                max_length=10,
                            ),
                        ),
                        ("cost_centre", models.CharField(blank=True, max_length=20)),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "name_key",
                            marketplace.core.fields.NameKeyField(
                                default="", editable=False, key="fold", max_length=200, of="name"
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
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="applications",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("team", "name_key"), name="application_name_once_a_team"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BatchEvaluation",
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
                            "data_class",
                            models.CharField(
                                choices=[
                                    ("public", "Public"),
                                    ("internal", "Internal"),
                                    ("confidential", "Confidential"),
                                    ("personal", "Personal"),
                                    ("special", "Special categories of personal data"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "keep_days",
                            models.PositiveSmallIntegerField(
                                help_text="0: until the run has ended"
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("received", "Reading the file"),
                                    ("mapping", "Waits for its columns"),
                                    ("checking", "Checking the rows"),
                                    ("ready", "Ready to run"),
                                    ("queued", "Queued"),
                                    ("running", "Running"),
                                    ("succeeded", "Succeeded"),
                                    ("failed", "Failed"),
                                    ("cancelled", "Cancelled"),
                                ],
                                default="received",
                                max_length=10,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "folder",
                            models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
                        ),
                        ("file_name", models.CharField(max_length=120)),
                        ("file_bytes", models.PositiveIntegerField()),
                        ("reading", models.JSONField(default=dict)),
                        ("columns", models.JSONField(default=list)),
                        ("mapping", models.JSONField(default=dict)),
                        ("report", models.JSONField(default=dict)),
                        ("results", models.JSONField(default=dict)),
                        ("rows", models.PositiveIntegerField(default=0)),
                        (
                            "answers_done",
                            models.PositiveIntegerField(default=0, help_text="Rows × versions"),
                        ),
                        (
                            "worked_s",
                            models.FloatField(
                                default=0, help_text="Seconds of the run, without pauses"
                            ),
                        ),
                        ("problem", models.TextField(blank=True)),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("started_at", models.DateTimeField(blank=True, null=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        ("delete_rows_at", models.DateTimeField()),
                        ("rows_deleted_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "created_by",
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
                                related_name="batch_evaluations",
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
                                            "received",
                                            "mapping",
                                            "checking",
                                            "ready",
                                            "queued",
                                            "running",
                                            "succeeded",
                                            "failed",
                                            "cancelled",
                                        ],
                                    )
                                ),
                                name="batch_evaluation_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("data_class", "special"), _negated=True),
                                name="batch_evaluation_not_special",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("keep_days__lte", 30)),
                                name="batch_evaluation_kept_at_most",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(
                                    ("state__in", ["received", "checking", "queued", "running"])
                                ),
                                fields=["state_since"],
                                name="batch_evaluation_in_work",
                            ),
                            models.Index(
                                condition=models.Q(("rows_deleted_at", None)),
                                fields=["delete_rows_at"],
                                name="batch_evaluation_to_delete",
                            ),
                            models.Index(fields=["team", "-id"], name="batch_evaluation_of_team"),
                            models.Index(
                                condition=models.Q(("results", {}), _negated=True),
                                fields=["finished_at"],
                                name="batch_evaluation_figures",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Budget",
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
                        ("cost_centre", models.CharField(blank=True, max_length=20)),
                        ("currency", models.CharField(default="USD", max_length=3)),
                        (
                            "amount_micros",
                            models.BigIntegerField(
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(10000000000000000),
                                ]
                            ),
                        ),
                        ("is_hard", models.BooleanField(default=False)),
                        ("from_month", models.DateField()),
                        (
                            "until_month",
                            models.DateField(help_text="The first month without it", null=True),
                        ),
                        ("set_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "set_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "unit",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("cost_centre", ""), ("team", None), ("unit__isnull", False)
                                    ),
                                    models.Q(
                                        ("cost_centre", ""), ("team__isnull", False), ("unit", None)
                                    ),
                                    models.Q(
                                        ("team", None),
                                        ("unit", None),
                                        models.Q(("cost_centre", ""), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                                name="budget_of_one_thing",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("amount_micros__gt", 0)), name="budget_positive"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ClosedMonth",
                    fields=[
                        ("month", models.DateField(primary_key=True, serialize=False)),
                        ("closed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("line_count", models.IntegerField()),
                        (
                            "totals",
                            models.JSONField(
                                help_text="{currency: charged and shown, as decimal text}"
                            ),
                        ),
                        ("reconciled", models.JSONField()),
                        (
                            "sha256",
                            models.CharField(
                                help_text="Of all lines (consumption.statements.closing)",
                                max_length=64,
                            ),
                        ),
                        (
                            "closed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Discussion",
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
                                    ("bug", "Bug"),
                                    ("request", "Request"),
                                    ("observation", "Observation"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("title", models.CharField(max_length=120)),
                        (
                            "request_id",
                            models.UUIDField(
                                blank=True, help_text="Of a call of the team", null=True
                            ),
                        ),
                        (
                            "payload",
                            models.TextField(
                                blank=True,
                                help_text="For the two sides only",
                                max_length=20000,
                                verbose_name="example",
                            ),
                        ),
                        ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Open"),
                                    ("acknowledged", "Acknowledged"),
                                    ("answered", "Answered"),
                                    ("fixed", "Fixed"),
                                    ("declined", "Declined"),
                                    ("closed", "Closed"),
                                ],
                                default="open",
                                max_length=12,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "fixed_in",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="discussions",
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
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
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
                                            "acknowledged",
                                            "answered",
                                            "fixed",
                                            "declined",
                                            "closed",
                                        ],
                                    )
                                ),
                                name="discussion_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "fixed"), _negated=True),
                                    ("fixed_in__isnull", False),
                                    _connector="OR",
                                ),
                                name="discussion_fixed_in_a_version",
                            ),
                        ],
                        "indexes": [
                            models.Index(fields=["model", "-id"], name="discussions_of_model"),
                            models.Index(fields=["team", "-id"], name="discussions_of_team"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Dispute",
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
                        ("month", models.DateField()),
                        ("line_key", models.CharField(max_length=32)),
                        ("about", models.CharField(max_length=300)),
                        ("currency", models.CharField(max_length=3)),
                        ("amount", models.DecimalField(decimal_places=4, max_digits=24)),
                        ("reason", models.TextField(max_length=4000)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Waits for an answer"),
                                    ("accepted", "Accepted"),
                                    ("rejected", "Rejected"),
                                    ("withdrawn", "Withdrawn"),
                                ],
                                default="open",
                                max_length=10,
                            ),
                        ),
                        (
                            "credit",
                            models.DecimalField(
                                decimal_places=4,
                                help_text="What is given back, when accepted",
                                max_digits=24,
                                null=True,
                            ),
                        ),
                        ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-opened_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "accepted", "rejected", "withdrawn"])
                                ),
                                name="dispute_state",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state", "open")),
                                fields=("month", "line_key"),
                                name="dispute_open_once_a_line",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LatencyRun",
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
                        ("rows", models.PositiveSmallIntegerField(help_text="In each call")),
                        (
                            "expected_calls",
                            models.BigIntegerField(blank=True, help_text="A month", null=True),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("queued", "Waiting"),
                                    ("running", "Running"),
                                    ("done", "Measured"),
                                    ("failed", "Failed"),
                                ],
                                default="queued",
                                max_length=10,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("stages", models.JSONField(default=list)),
                        (
                            "reason",
                            models.CharField(blank=True, help_text="Why it failed", max_length=300),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-requested_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["queued", "running", "done", "failed"])
                                ),
                                name="latencyrun_state",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["queued", "running"])),
                                fields=("user",),
                                name="latencyrun_open_once",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                fields=["user", "-requested_at"], name="latencyrun_of_person"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LeakReport",
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
                            "source",
                            models.CharField(
                                help_text="The scanner's name; empty: a person", max_length=40
                            ),
                        ),
                        (
                            "delivery",
                            models.CharField(
                                help_text="The scanner's id for it", max_length=100, null=True
                            ),
                        ),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "reporter",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("source", "delivery"), name="leak_delivery_once"
                            )
                        ],
                        "indexes": [
                            models.Index(fields=["reporter", "at"], name="leak_reports_of_person")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Plan",
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
                        ("slug", models.SlugField(max_length=30)),
                        ("name", models.CharField(max_length=40)),
                        (
                            "rate_per_second",
                            models.PositiveIntegerField(
                                default=20,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(1000000),
                                ],
                            ),
                        ),
                        (
                            "burst",
                            models.PositiveIntegerField(
                                default=40,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(1000000),
                                ],
                            ),
                        ),
                        (
                            "concurrency",
                            models.PositiveIntegerField(
                                default=16,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(100000),
                                ],
                            ),
                        ),
                        (
                            "monthly_quota",
                            models.BigIntegerField(
                                blank=True,
                                help_text="Calls a calendar month (UTC); empty: none",
                                null=True,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(1000000000000000),
                                ],
                            ),
                        ),
                        (
                            "approval",
                            models.CharField(
                                choices=[
                                    ("automatic", "At once"),
                                    ("owner", "After the owner's approval"),
                                ],
                                default="automatic",
                                max_length=10,
                            ),
                        ),
                        (
                            "price_micros_per_1000",
                            models.BigIntegerField(
                                default=0,
                                help_text="Of a call beyond what is included and beyond all steps but the last",
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(1000000000000),
                                ],
                                verbose_name="price per 1 000 calls, micro-units",
                            ),
                        ),
                        (
                            "currency",
                            models.CharField(
                                default="USD",
                                help_text="ISO 4217. Never changes: another currency is another plan",
                                max_length=3,
                            ),
                        ),
                        ("is_offered", models.BooleanField(default=True)),
                        (
                            "is_always_on",
                            models.BooleanField(
                                default=False,
                                help_text="The model does not sleep while this plan has subscribers.",
                                verbose_name="always on",
                            ),
                        ),
                        (
                            "included_calls",
                            models.BigIntegerField(
                                default=0,
                                help_text="A calendar month",
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(1000000000000000),
                                ],
                                verbose_name="calls included",
                            ),
                        ),
                        (
                            "markup_basis_points",
                            models.PositiveIntegerField(
                                default=0,
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(1000000),
                                ],
                                verbose_name="markup, hundredths of a percent",
                            ),
                        ),
                        (
                            "monthly_fee_micros",
                            models.BigIntegerField(
                                default=0,
                                help_text="A day of the month costs its part of it",
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(1000000000000),
                                ],
                                verbose_name="monthly fee, micro-units",
                            ),
                        ),
                        (
                            "price_kind",
                            models.CharField(
                                choices=[
                                    ("free", "Free"),
                                    ("per_call", "Per call"),
                                    ("graduated", "Graduated"),
                                    ("included", "Calls included, then per call"),
                                    ("flat", "Flat, monthly"),
                                    ("cost_plus", "Cost plus"),
                                ],
                                default="per_call",
                                max_length=10,
                            ),
                        ),
                        (
                            "price_steps",
                            models.JSONField(
                                blank=True,
                                default=list,
                                help_text="[[last call of the step, micro-units for 1 000 calls], …]; the last step has null",
                                verbose_name="steps of the price",
                            ),
                        ),
                        (
                            "unit_cost_micros_per_1000",
                            models.BigIntegerField(
                                default=0,
                                help_text="What they cost the publisher; the markup is added to it",
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(1000000000000),
                                ],
                                verbose_name="cost of 1 000 calls, micro-units",
                            ),
                        ),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="plans",
                                to="catalog.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["price_micros_per_1000", "monthly_quota"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("model", "slug"), name="plan_once_a_model"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("burst__gt", 0),
                                    ("concurrency__gt", 0),
                                    ("rate_per_second__gt", 0),
                                ),
                                name="plan_limits_positive",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("price_micros_per_1000__range", (0, 1000000000000))
                                ),
                                name="plan_price_within_bounds",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "price_kind__in",
                                        [
                                            "free",
                                            "per_call",
                                            "graduated",
                                            "included",
                                            "flat",
                                            "cost_plus",
                                        ],
                                    ),
                                    models.Q(
                                        ("monthly_fee_micros", 0),
                                        ("price_kind__in", ["included", "flat"]),
                                        _connector="OR",
                                    ),
                                    models.Q(
                                        ("included_calls", 0),
                                        ("price_kind", "included"),
                                        _connector="OR",
                                    ),
                                    models.Q(
                                        ("price_steps", []),
                                        ("price_kind", "graduated"),
                                        _connector="OR",
                                    ),
                                    models.Q(
                                        ("price_micros_per_1000", 0),
                                        models.Q(
                                            ("price_kind__in", ["free", "flat"]), _negated=True
                                        ),
                                        _connector="OR",
                                    ),
                                ),
                                name="plan_price_fits_its_kind",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("is_always_on", True)),
                                fields=["model"],
                                name="plan_always_on",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Rating",
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
                            "stars",
                            models.PositiveSmallIntegerField(
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(5),
                                ]
                            ),
                        ),
                        ("text", models.TextField(max_length=4000)),
                        (
                            "calls",
                            models.BigIntegerField(
                                help_text="The team's production calls when it was written"
                            ),
                        ),
                        ("written_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "answer",
                            models.TextField(
                                blank=True, max_length=4000, verbose_name="the publisher's answer"
                            ),
                        ),
                        ("answered_at", models.DateTimeField(blank=True, null=True)),
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
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="ratings",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="ratings",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                help_text="What the team called most lately",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
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
                        "ordering": ["-written_at"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("model", "team"), name="rating_once_a_team"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("stars__range", (1, 5))), name="rating_stars"
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
                                name="rating_answered_by_somebody",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ReconciledUsage",
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
                        ("day", models.DateField(db_index=True)),
                        ("events_calls", models.BigIntegerField()),
                        ("events_units", models.BigIntegerField()),
                        ("events_cost", models.DecimalField(decimal_places=9, max_digits=38)),
                        ("hours_calls", models.BigIntegerField()),
                        ("hours_units", models.BigIntegerField()),
                        ("hours_cost", models.DecimalField(decimal_places=9, max_digits=38)),
                        ("days_calls", models.BigIntegerField()),
                        ("days_units", models.BigIntegerField()),
                        ("days_cost", models.DecimalField(decimal_places=9, max_digits=38)),
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
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("day", "team"),
                                name="reconciled_usage_once",
                                nulls_distinct=False,
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RequestDraft",
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
                            "typed",
                            models.JSONField(default=dict, help_text="{step: {field: text}}"),
                        ),
                        ("changed_at", models.DateTimeField(auto_now=True, db_index=True)),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-changed_at"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("person", "model"), name="request_draft_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Rollout",
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
                            "state",
                            models.CharField(
                                choices=[
                                    ("announced", "Announced"),
                                    ("canary", "With the first applications"),
                                    ("completed", "Complete"),
                                    ("rolled_back", "Rolled back"),
                                    ("stopped", "Stopped"),
                                ],
                                default="announced",
                                max_length=12,
                            ),
                        ),
                        ("announced_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("starts_at", models.DateTimeField(help_text="Nobody gets it earlier")),
                        ("canary_at", models.DateTimeField(blank=True, null=True)),
                        ("ended_at", models.DateTimeField(blank=True, null=True)),
                        ("percent", models.PositiveSmallIntegerField()),
                        ("hours", models.PositiveSmallIntegerField()),
                        ("calls", models.PositiveIntegerField()),
                        ("days", models.PositiveSmallIntegerField()),
                        ("needs_yes", models.BooleanField(default=False)),
                        ("figures", models.JSONField(blank=True, default=dict)),
                        ("reason", models.TextField(blank=True, max_length=4000)),
                        (
                            "stopped_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="rollouts",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-announced_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "announced",
                                            "canary",
                                            "completed",
                                            "rolled_back",
                                            "stopped",
                                        ],
                                    )
                                ),
                                name="rollout_state",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["announced", "canary"])),
                                fields=("version",),
                                name="rollout_open_once",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state__in", ["announced", "canary"])),
                                fields=["starts_at"],
                                name="rollout_open",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SandboxCall",
                    fields=[
                        ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                        ("at", models.DateTimeField(db_index=True)),
                        ("user_id", models.BigIntegerField()),
                        ("model_id", models.BigIntegerField()),
                        ("version_id", models.BigIntegerField()),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("ok", "Answered"),
                                    ("client_error", "Caller's error"),
                                    ("upstream_error", "Model's error"),
                                    ("aborted", "Aborted"),
                                    ("unknown", "Unknown"),
                                    ("refused", "Refused by a limit"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("http_status", models.IntegerField()),
                        ("duration_us", models.BigIntegerField()),
                        ("request_bytes", models.BigIntegerField()),
                        ("response_bytes", models.BigIntegerField()),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                fields=["model_id", "user_id"], name="sandboxcall_who_tried"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SandboxHour",
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
                        ("hour", models.DateTimeField(db_index=True)),
                        ("calls", models.PositiveIntegerField()),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("user", "hour"), name="sandboxhour_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("calls__lte", 60)),
                                name="sandboxhour_within_limit",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SharedCost",
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
                        ("currency", models.CharField(default="USD", max_length=3)),
                        (
                            "amount_micros",
                            models.BigIntegerField(
                                help_text="A month, in millionths of the currency",
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(10000000000000000),
                                ],
                            ),
                        ),
                        (
                            "method",
                            models.CharField(
                                choices=[
                                    ("calls", "By billed calls"),
                                    ("subscriptions", "By subscriptions in use"),
                                    ("even", "Evenly"),
                                    ("fixed", "Fixed shares"),
                                ],
                                max_length=13,
                            ),
                        ),
                        ("shares", models.JSONField(blank=True, default=dict)),
                        ("from_month", models.DateField()),
                        (
                            "until_month",
                            models.DateField(help_text="The first month without it", null=True),
                        ),
                        ("set_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "set_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["from_month", "id"],
                    },
                ),
                migrations.CreateModel(
                    name="StaleFigures",
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
                        ("figures", models.CharField(max_length=10)),
                        ("at", models.DateTimeField()),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="catalog.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("figures", "model"), name="stale_figures_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="UnitCharging",
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
                        ("from_month", models.DateField()),
                        ("is_charged", models.BooleanField()),
                        ("set_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "set_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "unit",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="charging",
                                to="accounts.businessunit",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("unit", "from_month"), name="unit_charging_once_a_month"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DeletionReceipt",
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
                            "reason",
                            models.CharField(
                                choices=[
                                    ("asked", "A member of the team deleted them"),
                                    ("after_run", "The run had ended"),
                                    ("retention", "Their time was over"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("key_destroyed_at", models.DateTimeField(blank=True, null=True)),
                        ("files", models.PositiveIntegerField(default=0)),
                        ("size", models.PositiveBigIntegerField(default=0, help_text="Bytes")),
                        ("rows", models.PositiveIntegerField(default=0)),
                        ("rows_left", models.PositiveIntegerField(blank=True, null=True)),
                        ("done_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "asked_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "evaluation",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="receipt",
                                to="consumption.batchevaluation",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("done_at", None),
                                    models.Q(("key_destroyed_at__isnull", False), ("rows_left", 0)),
                                    _connector="OR",
                                ),
                                name="deletion_receipt_of_nothing_left",
                            )
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("done_at", None)),
                                fields=["asked_at"],
                                name="deletion_receipt_open",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DiscussionMessage",
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
                        ("is_publisher", models.BooleanField(help_text="Said for the owner team")),
                        ("text", models.TextField(max_length=4000)),
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
                            "discussion",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="messages",
                                to="consumption.discussion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["id"],
                    },
                ),
                migrations.CreateModel(
                    name="Adjustment",
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
                        ("month", models.DateField(db_index=True)),
                        ("cost_centre", models.CharField(blank=True, max_length=20)),
                        (
                            "about",
                            models.DateField(help_text="The month of the line that it mends"),
                        ),
                        ("currency", models.CharField(max_length=3)),
                        ("amount", models.DecimalField(decimal_places=4, max_digits=24)),
                        ("description", models.CharField(max_length=4000)),
                        ("given_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "business_unit",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
                            ),
                        ),
                        (
                            "given_by",
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
                        (
                            "dispute",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="adjustment",
                                to="consumption.dispute",
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="EvaluatedVersion",
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
                            "evaluation",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="entries",
                                to="consumption.batchevaluation",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="batch_entries",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["id"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("evaluation", "version"), name="evaluated_version_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="EvaluationKey",
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
                        ("wrapped", models.BinaryField()),
                        (
                            "evaluation",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="key",
                                to="consumption.batchevaluation",
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="PlanTerms",
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
                            "rate_per_second",
                            models.PositiveIntegerField(
                                default=20,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(1000000),
                                ],
                            ),
                        ),
                        (
                            "burst",
                            models.PositiveIntegerField(
                                default=40,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(1000000),
                                ],
                            ),
                        ),
                        (
                            "concurrency",
                            models.PositiveIntegerField(
                                default=16,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(100000),
                                ],
                            ),
                        ),
                        (
                            "monthly_quota",
                            models.BigIntegerField(
                                blank=True,
                                help_text="Calls a calendar month (UTC); empty: none",
                                null=True,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(1000000000000000),
                                ],
                            ),
                        ),
                        (
                            "price_micros_per_1000",
                            models.BigIntegerField(
                                default=0,
                                help_text="Of a call beyond what is included and beyond all steps but the last",
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(1000000000000),
                                ],
                                verbose_name="price per 1 000 calls, micro-units",
                            ),
                        ),
                        ("effective_from", models.DateTimeField()),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "included_calls",
                            models.BigIntegerField(
                                default=0,
                                help_text="A calendar month",
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(1000000000000000),
                                ],
                                verbose_name="calls included",
                            ),
                        ),
                        (
                            "markup_basis_points",
                            models.PositiveIntegerField(
                                default=0,
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(1000000),
                                ],
                                verbose_name="markup, hundredths of a percent",
                            ),
                        ),
                        (
                            "monthly_fee_micros",
                            models.BigIntegerField(
                                default=0,
                                help_text="A day of the month costs its part of it",
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(1000000000000),
                                ],
                                verbose_name="monthly fee, micro-units",
                            ),
                        ),
                        (
                            "price_kind",
                            models.CharField(
                                choices=[
                                    ("free", "Free"),
                                    ("per_call", "Per call"),
                                    ("graduated", "Graduated"),
                                    ("included", "Calls included, then per call"),
                                    ("flat", "Flat, monthly"),
                                    ("cost_plus", "Cost plus"),
                                ],
                                default="per_call",
                                max_length=10,
                            ),
                        ),
                        (
                            "price_steps",
                            models.JSONField(
                                blank=True,
                                default=list,
                                help_text="[[last call of the step, micro-units for 1 000 calls], …]; the last step has null",
                                verbose_name="steps of the price",
                            ),
                        ),
                        (
                            "unit_cost_micros_per_1000",
                            models.BigIntegerField(
                                default=0,
                                help_text="What they cost the publisher; the markup is added to it",
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(1000000000000),
                                ],
                                verbose_name="cost of 1 000 calls, micro-units",
                            ),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                help_text="Empty: before terms were kept",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "plan",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="terms",
                                to="consumption.plan",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["plan", "effective_from"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("plan", "effective_from"), name="plan_terms_begin_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("burst__gt", 0),
                                    ("concurrency__gt", 0),
                                    ("price_micros_per_1000__gte", 0),
                                    ("rate_per_second__gt", 0),
                                ),
                                name="plan_terms_positive",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("price_micros_per_1000__lte", 1000000000000)),
                                name="plan_terms_price_within_bounds",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "price_kind__in",
                                        [
                                            "free",
                                            "per_call",
                                            "graduated",
                                            "included",
                                            "flat",
                                            "cost_plus",
                                        ],
                                    ),
                                    models.Q(
                                        ("monthly_fee_micros", 0),
                                        ("price_kind__in", ["included", "flat"]),
                                        _connector="OR",
                                    ),
                                    models.Q(
                                        ("included_calls", 0),
                                        ("price_kind", "included"),
                                        _connector="OR",
                                    ),
                                    models.Q(
                                        ("price_steps", []),
                                        ("price_kind", "graduated"),
                                        _connector="OR",
                                    ),
                                    models.Q(
                                        ("price_micros_per_1000", 0),
                                        models.Q(
                                            ("price_kind__in", ["free", "flat"]), _negated=True
                                        ),
                                        _connector="OR",
                                    ),
                                ),
                                name="plan_terms_price_fits_its_kind",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("monthly_fee_micros__gt", 0)),
                                fields=["plan"],
                                name="plan_terms_with_a_fee",
                            ),
                            models.Index(
                                condition=models.Q(("price_kind__in", ["graduated", "included"])),
                                fields=["plan"],
                                name="plan_terms_with_steps",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RatingEdition",
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
                        ("stars", models.PositiveSmallIntegerField()),
                        ("text", models.TextField(max_length=4000)),
                        ("calls", models.BigIntegerField()),
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
                            "rating",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="editions",
                                to="consumption.rating",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                    },
                ),
                migrations.CreateModel(
                    name="Subscription",
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
                            "state",
                            models.CharField(
                                choices=[
                                    ("pending", "Waiting for approval"),
                                    ("active", "Active"),
                                    ("paused", "Paused"),
                                    ("denied", "Denied"),
                                    ("withdrawn", "Withdrawn"),
                                    ("closed", "Closed"),
                                ],
                                default="pending",
                                max_length=10,
                            ),
                        ),
                        (
                            "version_policy",
                            models.CharField(
                                choices=[
                                    ("pin_exact", "Stay on exactly this version"),
                                    ("auto_patch", "Take patches by itself"),
                                    ("auto_minor", "Take patches and minor updates by itself"),
                                ],
                                default="auto_minor",
                                max_length=12,
                            ),
                        ),
                        ("purpose", models.TextField(max_length=4000)),
                        ("expected_calls_a_month", models.BigIntegerField(blank=True, null=True)),
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
                        ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("decided_at", models.DateTimeField(blank=True, null=True)),
                        ("decision_reason", models.TextField(blank=True, max_length=4000)),
                        (
                            "confirm_by",
                            models.DateField(
                                blank=True,
                                help_text="The last day (UTC) on which its team confirms the use",
                                null=True,
                            ),
                        ),
                        ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "data_class",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("public", "Public"),
                                    ("internal", "Internal"),
                                    ("confidential", "Confidential"),
                                    ("personal", "Personal"),
                                    ("special", "Special categories of personal data"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "ends_on",
                            models.DateField(
                                blank=True, help_text="Its last day (UTC); empty: open", null=True
                            ),
                        ),
                        (
                            "paused_because",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("unconfirmed", "Nobody confirmed that it is still used"),
                                    ("budget", "A hard budget is used up"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "use",
                            models.JSONField(
                                blank=True,
                                default=dict,
                                help_text="Answers about this use: people, autonomy, materiality, regulated",
                            ),
                        ),
                        (
                            "use_tier",
                            models.CharField(
                                blank=True,
                                help_text="Risk tier of this use; empty: as the model's",
                                max_length=12,
                            ),
                        ),
                        ("held_until", models.DateTimeField(blank=True, null=True)),
                        (
                            "hold",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "Not held"),
                                    ("team", "Held by its team"),
                                    ("rolled_back", "Rolled back by its team"),
                                    ("examples", "Newer versions pass its examples first"),
                                    ("update", "An update reaches it apart from the others"),
                                ],
                                db_default="",
                                default="",
                                max_length=12,
                            ),
                        ),
                        (
                            "updates_seen_at",
                            models.DateTimeField(
                                blank=True,
                                help_text="Up to when its examples were run on what was published",
                                null=True,
                            ),
                        ),
                        (
                            "application",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="subscriptions",
                                to="consumption.application",
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
                            "held_version",
                            models.ForeignKey(
                                blank=True,
                                help_text="No higher version answers by itself",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="subscriptions",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "pinned_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="pinned_subscriptions",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "plan",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="subscriptions",
                                to="consumption.plan",
                            ),
                        ),
                        (
                            "requested_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-requested_at"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["pending", "active", "paused"])),
                                fields=("application", "model"),
                                name="subscription_open_once",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "pending",
                                            "active",
                                            "paused",
                                            "denied",
                                            "withdrawn",
                                            "closed",
                                        ],
                                    )
                                ),
                                name="subscription_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("held_version", None), ("hold", "")),
                                    models.Q(
                                        models.Q(("hold", ""), _negated=True),
                                        ("held_version__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="subscription_held_at_a_version",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "pending")),
                                fields=["requested_at"],
                                name="subscription_waiting",
                            ),
                            models.Index(
                                condition=models.Q(("state__in", ["active", "paused"])),
                                fields=["ends_on"],
                                name="subscription_ending",
                            ),
                            models.Index(
                                condition=models.Q(("state__in", ["active", "paused"])),
                                fields=["confirm_by"],
                                name="subscription_to_confirm",
                            ),
                            models.Index(
                                condition=models.Q(("hold", ""), _negated=True),
                                fields=["held_until"],
                                name="subscription_held",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="QuotaPeriod",
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
                        ("period_start", models.DateField()),
                        ("quota", models.BigIntegerField()),
                        ("leased", models.BigIntegerField(default=0)),
                        (
                            "used",
                            models.BigIntegerField(
                                default=0, help_text="Settled from events. Writer: metering"
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="quota_periods",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("subscription", "period_start"), name="quota_once_a_period"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("leased__lte", models.F("quota"))),
                                name="quota_never_overrun",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(
                                    (
                                        "used__gte",
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                models.F("quota"), "*", models.Value(80)
                                            ),
                                            "/",
                                            models.Value(100),
                                        ),
                                    )
                                ),
                                fields=["period_start"],
                                name="quota_nearly_used",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ApiKey",
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
                        ("kid", models.CharField(max_length=8, unique=True)),
                        (
                            "mac",
                            models.CharField(
                                help_text="hex HMAC-SHA256(pepper, key)", max_length=64
                            ),
                        ),
                        ("pepper_version", models.PositiveSmallIntegerField(default=1)),
                        ("name", models.CharField(default="Key", max_length=60)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("active", "Active"),
                                    ("rotating", "Ending (replaced)"),
                                    ("paused", "Paused: not used"),
                                    ("revoked", "Revoked"),
                                ],
                                default="active",
                                max_length=10,
                            ),
                        ),
                        (
                            "epoch",
                            models.BigIntegerField(
                                default=0,
                                help_text="grows with each change; a loader refuses an older one",
                            ),
                        ),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("expires_at", models.DateTimeField()),
                        ("revoked_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "last_used_at",
                            models.DateTimeField(
                                blank=True,
                                help_text="Of its last call or report. Writer: metering",
                                null=True,
                            ),
                        ),
                        (
                            "networks",
                            models.JSONField(
                                blank=True,
                                db_default=[],
                                default=list,
                                help_text="CIDR texts that it works from; none: anywhere",
                            ),
                        ),
                        ("resumed_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "unused_told_at",
                            models.DateTimeField(
                                blank=True,
                                help_text="When its team was told that it will be paused",
                                null=True,
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
                            "revoked_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="keys",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-created_at"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("state", "active")),
                                fields=("subscription", "name"),
                                name="apikey_one_active_a_name",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("expires_at__gt", models.F("created_at"))),
                                name="apikey_expires_later",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["active", "rotating", "paused", "revoked"])
                                ),
                                name="apikey_state",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                django.db.models.functions.comparison.Greatest(
                                    "created_at", "last_used_at", "resumed_at"
                                ),
                                condition=models.Q(("state", "active")),
                                name="apikey_longest_unused",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ScheduledChange",
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
                                    ("terms", "New terms of a plan"),
                                    ("withdrawal", "End of a plan"),
                                    ("visibility", "Fewer teams may use the model"),
                                    ("subscription", "End of a subscription"),
                                    ("capacity", "Less capacity of a version"),
                                    ("deprecation", "End of a version"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("before", models.JSONField(default=dict)),
                        ("after", models.JSONField(default=dict)),
                        ("affected", models.JSONField(default=list)),
                        ("reason", models.TextField(max_length=4000)),
                        ("effective_from", models.DateTimeField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("proposed", "Waits for a second person"),
                                    ("scheduled", "Scheduled"),
                                    ("in_force", "In force"),
                                    ("refused", "Refused"),
                                    ("withdrawn", "Withdrawn"),
                                ],
                                default="proposed",
                                max_length=10,
                            ),
                        ),
                        ("proposed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("decided_at", models.DateTimeField(blank=True, null=True)),
                        ("decision_reason", models.TextField(blank=True, max_length=4000)),
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
                                related_name="changes",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "plan",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="changes",
                                to="consumption.plan",
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
                            "version",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="changes",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="changes",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-proposed_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "proposed",
                                            "scheduled",
                                            "in_force",
                                            "refused",
                                            "withdrawn",
                                        ],
                                    )
                                ),
                                name="scheduledchange_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("state__in", ["scheduled", "in_force"]), _negated=True
                                    ),
                                    models.Q(
                                        ("decided_by", models.F("proposed_by")), _negated=True
                                    ),
                                    _connector="OR",
                                ),
                                name="scheduledchange_two_people",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["proposed", "scheduled"])),
                                fields=("model", "plan", "version", "subscription", "kind"),
                                name="scheduledchange_one_open",
                                nulls_distinct=False,
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "scheduled")),
                                fields=["effective_from"],
                                name="scheduledchange_due",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RolloutMember",
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
                        ("is_canary", models.BooleanField(default=False)),
                        ("agreed_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "agreed_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "from_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "rollout",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="members",
                                to="consumption.rollout",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-is_canary", "pk"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("rollout", "subscription"), name="rollout_member_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RejectedHour",
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
                        ("hour", models.DateTimeField(db_index=True)),
                        (
                            "limit",
                            models.CharField(
                                help_text="A name of LIMITS in consumption/metering/rejections.py",
                                max_length=12,
                            ),
                        ),
                        ("calls", models.BigIntegerField()),
                        ("last_at", models.DateTimeField()),
                        (
                            "reported",
                            models.JSONField(
                                default=dict,
                                help_text="calls by gateway process: what each has reported so far is not added again",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("hour", "subscription", "limit"), name="rejectedhour_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="OutcomeReport",
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
                        ("request_id", models.UUIDField()),
                        ("row", models.PositiveIntegerField(default=0)),
                        ("output", models.CharField(blank=True, max_length=80)),
                        ("called_at", models.DateTimeField()),
                        ("reported_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("actual_number", models.FloatField(null=True)),
                        ("predicted_number", models.FloatField(null=True)),
                        ("actual_label", models.CharField(blank=True, max_length=100)),
                        ("predicted_label", models.CharField(blank=True, max_length=100)),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("request_id", "row", "output"), name="outcome_once_a_row"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("actual_label", ""),
                                        ("actual_number__isnull", False),
                                        ("predicted_label", ""),
                                    ),
                                    models.Q(
                                        models.Q(("actual_label", ""), _negated=True),
                                        ("actual_number", None),
                                        ("predicted_number", None),
                                    ),
                                    _connector="OR",
                                ),
                                name="outcome_number_or_label",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                fields=["version", "called_at"], name="outcomes_of_version"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Move",
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
                            "from_policy",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("pin_exact", "Stay on exactly this version"),
                                    ("auto_patch", "Take patches by itself"),
                                    ("auto_minor", "Take patches and minor updates by itself"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "version_policy",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("pin_exact", "Stay on exactly this version"),
                                    ("auto_patch", "Take patches by itself"),
                                    ("auto_minor", "Take patches and minor updates by itself"),
                                ],
                                help_text="From then on",
                                max_length=12,
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("requested", "Waits for the owner"),
                                    ("scheduled", "Scheduled"),
                                    ("done", "Done"),
                                    ("undone", "Undone"),
                                    ("cancelled", "Cancelled"),
                                    ("denied", "Denied"),
                                    ("failed", "Could not be made"),
                                ],
                                default="scheduled",
                                max_length=10,
                            ),
                        ),
                        ("effective_at", models.DateTimeField(help_text="When it is made, or was")),
                        ("undo_until", models.DateTimeField(blank=True, null=True)),
                        ("undone_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "reason",
                            models.TextField(
                                blank=True,
                                help_text="Of a plan that the owner approves: what for",
                                max_length=4000,
                            ),
                        ),
                        ("note", models.TextField(blank=True, max_length=4000)),
                        ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "asked_by",
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
                            "from_pinned",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "from_version",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "to_version",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "from_plan",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.plan",
                            ),
                        ),
                        (
                            "to_plan",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.plan",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="moves",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-asked_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "requested",
                                            "scheduled",
                                            "done",
                                            "undone",
                                            "cancelled",
                                            "denied",
                                            "failed",
                                        ],
                                    )
                                ),
                                name="move_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("to_plan__isnull", False), ("to_version", None)),
                                    models.Q(("to_plan", None), ("to_version__isnull", False)),
                                    _connector="OR",
                                ),
                                name="move_to_a_version_or_a_plan",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(
                                    ("state__in", ["requested", "scheduled"]), ("to_plan", None)
                                ),
                                fields=("subscription",),
                                name="move_one_version_open",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(
                                    ("state__in", ["requested", "scheduled"]), ("to_version", None)
                                ),
                                fields=("subscription",),
                                name="move_one_plan_open",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "scheduled")),
                                fields=["effective_at"],
                                name="move_due",
                            ),
                            models.Index(
                                fields=["subscription", "-asked_at"], name="move_of_subscription"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FeeDay",
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
                        ("day", models.DateField(db_index=True)),
                        ("cost", models.DecimalField(decimal_places=9, max_digits=38)),
                        (
                            "business_unit",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
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
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "terms",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.planterms",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("subscription", "day"), name="feeday_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ChargeLine",
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
                        ("month", models.DateField(db_index=True)),
                        ("key", models.CharField(max_length=32)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("usage", "Calls"),
                                    ("fee", "Monthly fee"),
                                    ("correction", "Correction"),
                                    ("platform", "Platform, shared"),
                                    ("adjustment", "Adjustment"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("cost_centre", models.CharField(blank=True, max_length=20)),
                        (
                            "about",
                            models.DateField(
                                help_text="The month that a correction corrects", null=True
                            ),
                        ),
                        ("calls", models.BigIntegerField(default=0)),
                        ("ok", models.BigIntegerField(default=0)),
                        ("client_errors", models.BigIntegerField(default=0)),
                        ("upstream_errors", models.BigIntegerField(default=0)),
                        ("aborted", models.BigIntegerField(default=0)),
                        ("unknown", models.BigIntegerField(default=0)),
                        ("units", models.BigIntegerField(default=0)),
                        ("currency", models.CharField(max_length=3)),
                        ("cost", models.DecimalField(decimal_places=9, max_digits=38)),
                        ("amount", models.DecimalField(decimal_places=4, max_digits=24)),
                        ("description", models.CharField(blank=True, max_length=4000)),
                        (
                            "is_charged",
                            models.BooleanField(
                                help_text="Charged back; else only shown to the unit"
                            ),
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
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "terms",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.planterms",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("month", "key"), name="charge_line_once_a_month"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BudgetStop",
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
                        ("month", models.DateField()),
                        ("stopped_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("ended_at", models.DateTimeField(null=True)),
                        (
                            "budget",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="stops",
                                to="consumption.budget",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="budget_stops",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("ended_at", None)),
                                fields=("subscription",),
                                name="budget_stop_open_once_a_subscription",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="AcceptanceRun",
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
                            "state",
                            models.CharField(
                                choices=[
                                    ("queued", "Waiting"),
                                    ("passed", "Passed"),
                                    ("failed", "Failed"),
                                ],
                                default="queued",
                                max_length=10,
                            ),
                        ),
                        ("is_automatic", models.BooleanField(default=False)),
                        ("examples", models.PositiveSmallIntegerField(default=0)),
                        ("failed", models.PositiveSmallIntegerField(default=0)),
                        ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("claimed_at", models.DateTimeField(blank=True, null=True)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="acceptance_runs",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-asked_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["queued", "passed", "failed"])),
                                name="acceptancerun_state",
                            )
                        ],
                        "indexes": [
                            models.Index(
                                fields=["subscription", "-asked_at"], name="acceptance_newest"
                            ),
                            models.Index(
                                condition=models.Q(("state", "queued")),
                                fields=["asked_at"],
                                name="acceptance_queue",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="AcceptanceExample",
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
                        ("row", models.JSONField()),
                        ("output", models.CharField(blank=True, max_length=80)),
                        ("low", models.FloatField(blank=True, null=True)),
                        ("high", models.FloatField(blank=True, null=True)),
                        ("expected", models.CharField(blank=True, max_length=200)),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "created_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="examples",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("subscription", "name"), name="example_name_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("low", None),
                                    ("high", None),
                                    ("low__lte", models.F("high")),
                                    _connector="OR",
                                ),
                                name="example_range_in_order",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SubscriptionPlan",
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
                        ("since", models.DateTimeField()),
                        (
                            "plan",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.plan",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="plans",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("subscription", "since"),
                                name="subscription_plan_since_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="UsageDay",
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
                        ("calls", models.BigIntegerField()),
                        ("ok", models.BigIntegerField()),
                        ("client_errors", models.BigIntegerField()),
                        ("upstream_errors", models.BigIntegerField()),
                        ("aborted", models.BigIntegerField()),
                        ("unknown", models.BigIntegerField()),
                        ("units", models.BigIntegerField(help_text="Calls that are billed")),
                        ("duration_us", models.BigIntegerField()),
                        ("p50_us", models.BigIntegerField(null=True)),
                        ("p95_us", models.BigIntegerField(null=True)),
                        ("p99_us", models.BigIntegerField(null=True)),
                        ("day", models.DateField(db_index=True)),
                        (
                            "cost",
                            models.DecimalField(
                                decimal_places=9,
                                help_text="Exact: a billionth is a micro-unit for 1 000 calls",
                                max_digits=38,
                            ),
                        ),
                        (
                            "first_at",
                            models.DateTimeField(
                                help_text="The first of its calls: where the price depends on a call's number",
                                null=True,
                            ),
                        ),
                        (
                            "business_unit",
                            models.ForeignKey(
                                help_text="The team's unit then",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                help_text="Who paid",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "terms",
                            models.ForeignKey(
                                help_text="The price in force then",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.planterms",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=(
                                    "day",
                                    "subscription",
                                    "version",
                                    "team",
                                    "business_unit",
                                    "terms",
                                ),
                                name="usageday_once",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "calls",
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    django.db.models.expressions.CombinedExpression(
                                                        models.F("ok"),
                                                        "+",
                                                        models.F("client_errors"),
                                                    ),
                                                    "+",
                                                    models.F("upstream_errors"),
                                                ),
                                                "+",
                                                models.F("aborted"),
                                            ),
                                            "+",
                                            models.F("unknown"),
                                        ),
                                    )
                                ),
                                name="usageday_parts_add_up",
                            ),
                        ],
                        "indexes": [models.Index(fields=["team", "day"], name="usageday_of_team")],
                    },
                ),
                migrations.CreateModel(
                    name="UsageHour",
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
                        ("calls", models.BigIntegerField()),
                        ("ok", models.BigIntegerField()),
                        ("client_errors", models.BigIntegerField()),
                        ("upstream_errors", models.BigIntegerField()),
                        ("aborted", models.BigIntegerField()),
                        ("unknown", models.BigIntegerField()),
                        ("units", models.BigIntegerField(help_text="Calls that are billed")),
                        ("duration_us", models.BigIntegerField()),
                        ("p50_us", models.BigIntegerField(null=True)),
                        ("p95_us", models.BigIntegerField(null=True)),
                        ("p99_us", models.BigIntegerField(null=True)),
                        ("hour", models.DateTimeField()),
                        (
                            "cost",
                            models.DecimalField(
                                decimal_places=9,
                                help_text="Exact: a billionth is a micro-unit for 1 000 calls",
                                max_digits=38,
                            ),
                        ),
                        (
                            "first_at",
                            models.DateTimeField(
                                help_text="The first of its calls: where the price depends on a call's number",
                                null=True,
                            ),
                        ),
                        (
                            "business_unit",
                            models.ForeignKey(
                                help_text="The team's unit then",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                help_text="Who paid",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "terms",
                            models.ForeignKey(
                                help_text="The price in force then",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.planterms",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=(
                                    "hour",
                                    "subscription",
                                    "version",
                                    "team",
                                    "business_unit",
                                    "terms",
                                ),
                                name="usagehour_once",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "calls",
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    django.db.models.expressions.CombinedExpression(
                                                        models.F("ok"),
                                                        "+",
                                                        models.F("client_errors"),
                                                    ),
                                                    "+",
                                                    models.F("upstream_errors"),
                                                ),
                                                "+",
                                                models.F("aborted"),
                                            ),
                                            "+",
                                            models.F("unknown"),
                                        ),
                                    )
                                ),
                                name="usagehour_parts_add_up",
                            ),
                        ],
                        "indexes": [
                            models.Index(fields=["hour", "id"], name="usagehour_newest"),
                            models.Index(fields=["team", "hour"], name="usagehour_of_team"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="UseReview",
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
                            "answers",
                            models.JSONField(
                                help_text="Those of the version, with what the consumer answered"
                            ),
                        ),
                        ("tier", models.CharField(max_length=12)),
                        ("model_tier", models.CharField(max_length=12)),
                        (
                            "reasons",
                            models.JSONField(
                                default=list, help_text="Why it is this tier, in sentences"
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Waits for governance"),
                                    ("approved", "Approved"),
                                    ("refused", "Refused"),
                                    ("withdrawn", "Withdrawn"),
                                ],
                                default="open",
                                max_length=10,
                            ),
                        ),
                        ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="use_reviews",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["opened_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "approved", "refused", "withdrawn"])
                                ),
                                name="use_review_state",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state", "open")),
                                fields=("subscription",),
                                name="use_review_open_once",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "open")),
                                fields=["opened_at"],
                                name="use_review_waiting",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="QuotaLease",
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
                        ("granted", models.BigIntegerField(default=0)),
                        (
                            "spent",
                            models.BigIntegerField(
                                default=0, help_text="Units of shipped events. Writer: metering"
                            ),
                        ),
                        ("last_granted", models.BigIntegerField(default=0)),
                        ("owner", models.CharField(db_index=True, max_length=120)),
                        (
                            "last_request_id",
                            models.BigIntegerField(
                                default=0,
                                help_text="The owner's id of its last request: a request that is repeated gets the same answer and changes nothing",
                            ),
                        ),
                        (
                            "period",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="leases",
                                to="consumption.quotaperiod",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("period", "owner"), name="quota_lease_once_an_owner"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="KeyHour",
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
                        ("calls", models.BigIntegerField()),
                        ("ok", models.BigIntegerField()),
                        ("client_errors", models.BigIntegerField()),
                        ("upstream_errors", models.BigIntegerField()),
                        ("aborted", models.BigIntegerField()),
                        ("unknown", models.BigIntegerField()),
                        ("units", models.BigIntegerField(help_text="Calls that are billed")),
                        (
                            "cost",
                            models.DecimalField(
                                decimal_places=9,
                                help_text="Exact: a billionth is a micro-unit for 1 000 calls",
                                max_digits=38,
                            ),
                        ),
                        ("duration_us", models.BigIntegerField()),
                        ("p50_us", models.BigIntegerField(null=True)),
                        ("p95_us", models.BigIntegerField(null=True)),
                        ("p99_us", models.BigIntegerField(null=True)),
                        (
                            "first_at",
                            models.DateTimeField(
                                help_text="The first of its calls: where the price depends on a call's number",
                                null=True,
                            ),
                        ),
                        (
                            "environment",
                            models.CharField(
                                help_text="The application's when the calls were made",
                                max_length=10,
                            ),
                        ),
                        ("in_time", models.BigIntegerField(null=True)),
                        ("hour", models.DateTimeField()),
                        (
                            "business_unit",
                            models.ForeignKey(
                                help_text="The team's unit then",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
                            ),
                        ),
                        (
                            "key",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="consumption.apikey",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                help_text="Who paid",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "terms",
                            models.ForeignKey(
                                help_text="The price in force then",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.planterms",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=(
                                    "hour",
                                    "subscription",
                                    "version",
                                    "team",
                                    "business_unit",
                                    "terms",
                                    "key",
                                    "environment",
                                ),
                                name="keyhour_once",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "calls",
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    django.db.models.expressions.CombinedExpression(
                                                        models.F("ok"),
                                                        "+",
                                                        models.F("client_errors"),
                                                    ),
                                                    "+",
                                                    models.F("upstream_errors"),
                                                ),
                                                "+",
                                                models.F("aborted"),
                                            ),
                                            "+",
                                            models.F("unknown"),
                                        ),
                                    )
                                ),
                                name="keyhour_parts_add_up",
                            ),
                        ],
                        "indexes": [models.Index(fields=["team", "hour"], name="keyhour_of_team")],
                    },
                ),
                migrations.CreateModel(
                    name="KeyDay",
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
                        ("calls", models.BigIntegerField()),
                        ("ok", models.BigIntegerField()),
                        ("client_errors", models.BigIntegerField()),
                        ("upstream_errors", models.BigIntegerField()),
                        ("aborted", models.BigIntegerField()),
                        ("unknown", models.BigIntegerField()),
                        ("units", models.BigIntegerField(help_text="Calls that are billed")),
                        (
                            "cost",
                            models.DecimalField(
                                decimal_places=9,
                                help_text="Exact: a billionth is a micro-unit for 1 000 calls",
                                max_digits=38,
                            ),
                        ),
                        ("duration_us", models.BigIntegerField()),
                        ("p50_us", models.BigIntegerField(null=True)),
                        ("p95_us", models.BigIntegerField(null=True)),
                        ("p99_us", models.BigIntegerField(null=True)),
                        (
                            "first_at",
                            models.DateTimeField(
                                help_text="The first of its calls: where the price depends on a call's number",
                                null=True,
                            ),
                        ),
                        (
                            "environment",
                            models.CharField(
                                help_text="The application's when the calls were made",
                                max_length=10,
                            ),
                        ),
                        ("in_time", models.BigIntegerField(null=True)),
                        ("day", models.DateField()),
                        (
                            "business_unit",
                            models.ForeignKey(
                                help_text="The team's unit then",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.businessunit",
                            ),
                        ),
                        (
                            "key",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="consumption.apikey",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                help_text="Who paid",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "terms",
                            models.ForeignKey(
                                help_text="The price in force then",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.planterms",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=(
                                    "day",
                                    "subscription",
                                    "version",
                                    "team",
                                    "business_unit",
                                    "terms",
                                    "key",
                                    "environment",
                                ),
                                name="keyday_once",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "calls",
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    django.db.models.expressions.CombinedExpression(
                                                        models.F("ok"),
                                                        "+",
                                                        models.F("client_errors"),
                                                    ),
                                                    "+",
                                                    models.F("upstream_errors"),
                                                ),
                                                "+",
                                                models.F("aborted"),
                                            ),
                                            "+",
                                            models.F("unknown"),
                                        ),
                                    )
                                ),
                                name="keyday_parts_add_up",
                            ),
                        ],
                        "indexes": [models.Index(fields=["team", "day"], name="keyday_of_team")],
                    },
                ),
                migrations.CreateModel(
                    name="FailureHour",
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
                            "environment",
                            models.CharField(
                                help_text="The application's when the calls were made",
                                max_length=10,
                            ),
                        ),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("ok", "Answered"),
                                    ("client_error", "Caller's error"),
                                    ("upstream_error", "Model's error"),
                                    ("aborted", "Aborted"),
                                    ("unknown", "Unknown"),
                                    ("refused", "Refused by a limit"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("http_status", models.IntegerField()),
                        ("calls", models.BigIntegerField()),
                        ("hour", models.DateTimeField()),
                        (
                            "key",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="consumption.apikey",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                db_index=False,
                                help_text="Who called",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=(
                                    "hour",
                                    "subscription",
                                    "version",
                                    "team",
                                    "key",
                                    "environment",
                                    "outcome",
                                    "http_status",
                                ),
                                name="failurehour_once",
                            )
                        ],
                        "indexes": [
                            models.Index(fields=["team", "hour"], name="failurehour_of_team")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FailureDay",
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
                            "environment",
                            models.CharField(
                                help_text="The application's when the calls were made",
                                max_length=10,
                            ),
                        ),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("ok", "Answered"),
                                    ("client_error", "Caller's error"),
                                    ("upstream_error", "Model's error"),
                                    ("aborted", "Aborted"),
                                    ("unknown", "Unknown"),
                                    ("refused", "Refused by a limit"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("http_status", models.IntegerField()),
                        ("calls", models.BigIntegerField()),
                        ("day", models.DateField()),
                        (
                            "key",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="consumption.apikey",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                db_index=False,
                                help_text="Who called",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consumption.subscription",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=(
                                    "day",
                                    "subscription",
                                    "version",
                                    "team",
                                    "key",
                                    "environment",
                                    "outcome",
                                    "http_status",
                                ),
                                name="failureday_once",
                            )
                        ],
                        "indexes": [
                            models.Index(fields=["team", "day"], name="failureday_of_team")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="AcceptanceResult",
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
                        ("before", models.JSONField(default=None, null=True)),
                        ("answer", models.JSONField(default=None, null=True)),
                        ("is_within", models.BooleanField()),
                        ("why", models.CharField(blank=True, max_length=300)),
                        ("accepted_at", models.DateTimeField(blank=True, null=True)),
                        ("accepted_reason", models.TextField(blank=True, max_length=4000)),
                        (
                            "accepted_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "example",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="results",
                                to="consumption.acceptanceexample",
                            ),
                        ),
                        (
                            "run",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="results",
                                to="consumption.acceptancerun",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["example__name"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("run", "example"), name="acceptance_result_once"
                            )
                        ],
                    },
                ),
            ]
        ),
        migrations.AddField(
            model_name="BatchEvaluation",
            name="versions",
            field=models.ManyToManyField(
                related_name="+", through="consumption.EvaluatedVersion", to="catalog.modelversion"
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
