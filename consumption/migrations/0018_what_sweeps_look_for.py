"""Indexes and an order for what sweeps look for: a few rows, however many there are."""

import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_versions_under_way"),
        ("consumption", "0017_unused_plans_may_go"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="stalefigures",
            name="stale_figures_once",
        ),
        migrations.AddIndex(
            model_name="plan",
            index=models.Index(
                condition=models.Q(("is_always_on", True)), fields=["model"], name="plan_always_on"
            ),
        ),
        migrations.AddIndex(
            model_name="quotaperiod",
            index=models.Index(
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
            ),
        ),
        migrations.AddConstraint(
            model_name="stalefigures",
            constraint=models.UniqueConstraint(
                fields=("figures", "model"), name="stale_figures_once"
            ),
        ),
    ]
