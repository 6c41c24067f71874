"""Usage by key and environment, and failures by status, for dashboards; an index for the log of failed calls.

Every hour of which there are events is recomputed, the newest first.
"""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


RECOMPUTE = """
INSERT INTO consumption_stalehour (hour, touched_at)
SELECT DISTINCT date_trunc('hour', at, 'UTC') AS hour, now() FROM consumption_usageevent ORDER BY hour DESC
ON CONFLICT (hour) DO NOTHING
"""
FAILED = """
CREATE INDEX usageevent_failed ON consumption_usageevent (subscription_id, at) WHERE outcome <> 'ok'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_sign_in_attempts"),
        ("catalog", "0016_cases_due"),
        ("consumption", "0031_kinds_of_prices"),
    ]

    operations = [
        migrations.CreateModel(
            name="FailureDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "environment",
                    models.CharField(
                        help_text="The application's when the calls were made", max_length=10
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
            ],
        ),
        migrations.CreateModel(
            name="FailureHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "environment",
                    models.CharField(
                        help_text="The application's when the calls were made", max_length=10
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
            ],
        ),
        migrations.CreateModel(
            name="KeyDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
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
                        null=True,
                        help_text="The first of its calls: where the price depends on a call's number",
                    ),
                ),
                (
                    "environment",
                    models.CharField(
                        help_text="The application's when the calls were made", max_length=10
                    ),
                ),
                ("in_time", models.BigIntegerField(null=True)),
                ("day", models.DateField()),
            ],
        ),
        migrations.CreateModel(
            name="KeyHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
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
                        null=True,
                        help_text="The first of its calls: where the price depends on a call's number",
                    ),
                ),
                (
                    "environment",
                    models.CharField(
                        help_text="The application's when the calls were made", max_length=10
                    ),
                ),
                ("in_time", models.BigIntegerField(null=True)),
                ("hour", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name="usageday",
            index=models.Index(fields=["team", "day"], name="usageday_of_team"),
        ),
        migrations.AddIndex(
            model_name="usagehour",
            index=models.Index(fields=["team", "hour"], name="usagehour_of_team"),
        ),
        migrations.AddField(
            model_name="failureday",
            name="key",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="consumption.apikey",
            ),
        ),
        migrations.AddField(
            model_name="failureday",
            name="subscription",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consumption.subscription",
            ),
        ),
        migrations.AddField(
            model_name="failureday",
            name="team",
            field=models.ForeignKey(
                db_index=False,
                help_text="Who called",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.team",
            ),
        ),
        migrations.AddField(
            model_name="failureday",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="failurehour",
            name="key",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="consumption.apikey",
            ),
        ),
        migrations.AddField(
            model_name="failurehour",
            name="subscription",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consumption.subscription",
            ),
        ),
        migrations.AddField(
            model_name="failurehour",
            name="team",
            field=models.ForeignKey(
                db_index=False,
                help_text="Who called",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.team",
            ),
        ),
        migrations.AddField(
            model_name="failurehour",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="keyday",
            name="business_unit",
            field=models.ForeignKey(
                help_text="The team's unit then",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.businessunit",
            ),
        ),
        migrations.AddField(
            model_name="keyday",
            name="key",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="consumption.apikey",
            ),
        ),
        migrations.AddField(
            model_name="keyday",
            name="subscription",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consumption.subscription",
            ),
        ),
        migrations.AddField(
            model_name="keyday",
            name="team",
            field=models.ForeignKey(
                help_text="Who paid",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.team",
            ),
        ),
        migrations.AddField(
            model_name="keyday",
            name="terms",
            field=models.ForeignKey(
                help_text="The price in force then",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consumption.planterms",
            ),
        ),
        migrations.AddField(
            model_name="keyday",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="keyhour",
            name="business_unit",
            field=models.ForeignKey(
                help_text="The team's unit then",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.businessunit",
            ),
        ),
        migrations.AddField(
            model_name="keyhour",
            name="key",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="consumption.apikey",
            ),
        ),
        migrations.AddField(
            model_name="keyhour",
            name="subscription",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consumption.subscription",
            ),
        ),
        migrations.AddField(
            model_name="keyhour",
            name="team",
            field=models.ForeignKey(
                help_text="Who paid",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.team",
            ),
        ),
        migrations.AddField(
            model_name="keyhour",
            name="terms",
            field=models.ForeignKey(
                help_text="The price in force then",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consumption.planterms",
            ),
        ),
        migrations.AddField(
            model_name="keyhour",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.modelversion",
            ),
        ),
        migrations.AddIndex(
            model_name="failureday",
            index=models.Index(fields=["team", "day"], name="failureday_of_team"),
        ),
        migrations.AddConstraint(
            model_name="failureday",
            constraint=models.UniqueConstraint(
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
            ),
        ),
        migrations.AddIndex(
            model_name="failurehour",
            index=models.Index(fields=["team", "hour"], name="failurehour_of_team"),
        ),
        migrations.AddConstraint(
            model_name="failurehour",
            constraint=models.UniqueConstraint(
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
            ),
        ),
        migrations.AddIndex(
            model_name="keyday",
            index=models.Index(fields=["team", "day"], name="keyday_of_team"),
        ),
        migrations.AddConstraint(
            model_name="keyday",
            constraint=models.UniqueConstraint(
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
        ),
        migrations.AddConstraint(
            model_name="keyday",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "calls",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("ok"), "+", models.F("client_errors")
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
        ),
        migrations.AddIndex(
            model_name="keyhour",
            index=models.Index(fields=["team", "hour"], name="keyhour_of_team"),
        ),
        migrations.AddConstraint(
            model_name="keyhour",
            constraint=models.UniqueConstraint(
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
        ),
        migrations.AddConstraint(
            model_name="keyhour",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "calls",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("ok"), "+", models.F("client_errors")
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
        ),
        migrations.RunSQL(FAILED, "DROP INDEX usageevent_failed"),
        migrations.RunSQL(RECOMPUTE, migrations.RunSQL.noop),
    ]
