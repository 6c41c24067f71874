"""What was submitted in each round, and which approvals a later round kept."""

import django.utils.timezone
from django.db import migrations, models

IMMUTABLE = (
    "CREATE TRIGGER governance_reviewround_immutable BEFORE UPDATE ON governance_reviewround "
    "FOR EACH ROW EXECUTE FUNCTION governance_immutable();"
)


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0008_versions_highest_first"),
        ("governance", "0007_evaluation"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReviewRound",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                ("submission", models.JSONField(help_text="part → content, as it was submitted")),
                ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="rounds", to="catalog.modelversion"
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.UniqueConstraint(fields=("version", "number"), name="review_round_once")
                ],
            },
        ),
        migrations.AddField(
            model_name="review",
            name="kept_from",
            field=models.ForeignKey(
                blank=True,
                help_text="The review of an earlier round whose approval still holds",
                null=True,
                on_delete=models.PROTECT,
                related_name="+",
                to="governance.review",
            ),
        ),
        migrations.RunSQL(
            IMMUTABLE, "DROP TRIGGER governance_reviewround_immutable ON governance_reviewround;"
        ),
    ]
