"""Usage says who paid, on which terms and how much, as it was when the calls were made; its parts add up to its calls.

Rows that exist get what is true now: nothing older was kept. They are not recomputed, for old events may be gone.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

TABLES = ("usagehour", "usageday")
PERIOD = {"usagehour": "hour", "usageday": "day"}
KEPT = {
    "team": models.ForeignKey(
        help_text="Who paid",
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="accounts.team",
    ),
    "business_unit": models.ForeignKey(
        help_text="The team's unit then",
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="accounts.businessunit",
    ),
    "terms": models.ForeignKey(
        help_text="The price in force then",
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="consumption.planterms",
    ),
    "cost": models.DecimalField(
        decimal_places=9,
        help_text="Exact: a billionth is a micro-unit for 1 000 calls",
        max_digits=38,
    ),
}
FILL = """
UPDATE consumption_{table} bucket SET team_id = team.id, business_unit_id = team.business_unit_id, terms_id = terms.id,
  cost = bucket.units::numeric * terms.price_micros_per_1000 * 0.000000001, calls = bucket.calls - bucket.refused
FROM consumption_subscription subscription
JOIN consumption_application application ON application.id = subscription.application_id
JOIN accounts_team team ON team.id = application.team_id
JOIN consumption_planterms terms ON terms.plan_id = subscription.plan_id
WHERE subscription.id = bucket.subscription_id;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""


def nullable(field):
    """The same field before it is filled."""
    copied = field.clone()
    copied.null = True
    return copied


def operations(table):
    parts = F("ok") + F("client_errors") + F("upstream_errors") + F("aborted") + F("unknown")
    once = (PERIOD[table], "subscription", "version", "team", "business_unit", "terms")
    return [
        *(migrations.AddField(table, name, nullable(field)) for name, field in KEPT.items()),
        migrations.RunSQL(FILL.format(table=table), migrations.RunSQL.noop),
        *(migrations.AlterField(table, name, field) for name, field in KEPT.items()),
        migrations.RemoveField(table, "refused"),
        migrations.AlterField(
            table, "units", models.BigIntegerField(help_text="Calls that are billed")
        ),
        migrations.RemoveConstraint(table, f"{table}_once"),
        migrations.AddConstraint(table, models.UniqueConstraint(fields=once, name=f"{table}_once")),
        migrations.AddConstraint(
            table, models.CheckConstraint(condition=Q(calls=parts), name=f"{table}_parts_add_up")
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("consumption", "0008_plan_terms"), ("accounts", "0004_team_units")]
    operations = [operation for table in TABLES for operation in operations(table)]
