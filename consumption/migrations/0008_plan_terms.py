"""Plan terms with a start, and which plan a subscription was on when. What has begun is never changed (docs/money.md)."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

FORWARD = """
INSERT INTO consumption_planterms
  (plan_id, effective_from, created_at, rate_per_second, burst, concurrency, monthly_quota, price_micros_per_1000)
SELECT plan.id, model.created_at, model.created_at, plan.rate_per_second, plan.burst, plan.concurrency, plan.monthly_quota,
  plan.price_micros_per_1000
FROM consumption_plan plan JOIN catalog_registeredmodel model ON model.id = plan.model_id;

CREATE FUNCTION consumption_terms_never_change_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.effective_from < now() AND EXISTS (SELECT FROM consumption_planterms WHERE plan_id = NEW.plan_id) THEN
      RAISE EXCEPTION 'Terms of a plan never begin in the past.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.effective_from <= clock_timestamp() THEN
    RAISE EXCEPTION 'Terms that have begun are never changed or deleted.' USING ERRCODE = 'check_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER plan_terms_past BEFORE INSERT OR UPDATE OR DELETE ON consumption_planterms
  FOR EACH ROW EXECUTE FUNCTION consumption_terms_never_change_the_past();

INSERT INTO consumption_subscriptionplan (subscription_id, plan_id, since) SELECT id, plan_id, 'epoch' FROM consumption_subscription;
CREATE FUNCTION consumption_keep_subscription_plan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO consumption_subscriptionplan (subscription_id, plan_id, since)
  VALUES (NEW.id, NEW.plan_id, CASE TG_OP WHEN 'INSERT' THEN 'epoch'::timestamptz ELSE clock_timestamp() END);
  RETURN NULL;
END $$;
CREATE TRIGGER subscription_plan_first AFTER INSERT ON consumption_subscription
  FOR EACH ROW EXECUTE FUNCTION consumption_keep_subscription_plan();
CREATE TRIGGER subscription_plan_next AFTER UPDATE ON consumption_subscription
  FOR EACH ROW WHEN (OLD.plan_id IS DISTINCT FROM NEW.plan_id) EXECUTE FUNCTION consumption_keep_subscription_plan();
"""
BACKWARD = """
DROP TRIGGER plan_terms_past ON consumption_planterms;
DROP FUNCTION consumption_terms_never_change_the_past();
DROP TRIGGER subscription_plan_first ON consumption_subscription;
DROP TRIGGER subscription_plan_next ON consumption_subscription;
DROP FUNCTION consumption_keep_subscription_plan();
"""


class Migration(migrations.Migration):
    dependencies = [("consumption", "0007_asked_once"), ("accounts", "0004_team_units")]
    operations = [
        migrations.AlterField(
            model_name="plan",
            name="currency",
            field=models.CharField(
                default="USD",
                help_text="ISO 4217. Never changes: another currency is another plan",
                max_length=3,
            ),
        ),
        migrations.CreateModel(
            name="PlanTerms",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rate_per_second", models.PositiveIntegerField(default=20)),
                ("burst", models.PositiveIntegerField(default=40)),
                ("concurrency", models.PositiveIntegerField(default=16)),
                (
                    "monthly_quota",
                    models.BigIntegerField(
                        blank=True, help_text="Calls a calendar month (UTC); empty: none", null=True
                    ),
                ),
                (
                    "price_micros_per_1000",
                    models.BigIntegerField(
                        default=0, verbose_name="price per 1 000 calls, micro-units"
                    ),
                ),
                ("effective_from", models.DateTimeField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                            rate_per_second__gt=0,
                            burst__gt=0,
                            concurrency__gt=0,
                            price_micros_per_1000__gte=0,
                        ),
                        name="plan_terms_positive",
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
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
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
                        fields=("subscription", "since"), name="subscription_plan_since_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
