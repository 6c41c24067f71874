"""How far the clock's own walk round the record has come."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_verifications")]
    operations = [
        migrations.CreateModel(
            "Watch",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seq", models.BigIntegerField(default=0)),
                ("head", models.CharField(default="0" * 64, max_length=64)),
                ("is_sealed", models.BooleanField(default=False)),
                ("witness_offset", models.BigIntegerField(default=0)),
                ("found", models.JSONField(default=list)),
                (
                    "faults",
                    models.JSONField(default=list, help_text="Sentences; empty: nothing is wrong"),
                ),
                ("broken_since", models.DateTimeField(null=True)),
                ("stepped_at", models.DateTimeField(null=True)),
                (
                    "completed_at",
                    models.DateTimeField(null=True, help_text="When the last whole round ended"),
                ),
                (
                    "size",
                    models.BigIntegerField(
                        default=0, help_text="Events that the last whole round saw"
                    ),
                ),
            ],
        )
    ]
