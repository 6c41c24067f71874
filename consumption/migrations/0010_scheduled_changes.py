"""Changes that take something from consumers: proposed by one person, confirmed by another, in force after a notice."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

STATES = [
    ("proposed", "Waits for a second person"),
    ("scheduled", "Scheduled"),
    ("in_force", "In force"),
    ("refused", "Refused"),
    ("withdrawn", "Withdrawn"),
]
KINDS = [
    ("terms", "New terms of a plan"),
    ("withdrawal", "End of a plan"),
    ("visibility", "Fewer teams may use the model"),
]


def person(**more):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        **more,
    )


class Migration(migrations.Migration):
    dependencies = [("consumption", "0009_valued_usage")]
    operations = [
        migrations.CreateModel(
            name="ScheduledChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(choices=KINDS, max_length=12)),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                ("affected", models.JSONField(default=list)),
                ("reason", models.TextField()),
                ("effective_from", models.DateTimeField()),
                ("state", models.CharField(choices=STATES, default="proposed", max_length=10)),
                ("proposed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decision_reason", models.TextField(blank=True)),
                ("proposed_by", person()),
                ("decided_by", person(null=True, blank=True)),
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
            ],
            options={"ordering": ["-proposed_at"]},
        ),
        migrations.AddIndex(
            model_name="scheduledchange",
            index=models.Index(
                condition=Q(state="scheduled"),
                fields=["effective_from"],
                name="scheduledchange_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledchange",
            constraint=models.CheckConstraint(
                condition=Q(state__in=[state for state, _ in STATES]), name="scheduledchange_state"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledchange",
            constraint=models.UniqueConstraint(
                fields=("model", "plan", "kind"),
                condition=Q(state__in=["proposed", "scheduled"]),
                nulls_distinct=False,
                name="scheduledchange_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledchange",
            constraint=models.CheckConstraint(
                condition=~Q(state__in=["scheduled", "in_force"]) | ~Q(decided_by=F("proposed_by")),
                name="scheduledchange_two_people",
            ),
        ),
    ]
