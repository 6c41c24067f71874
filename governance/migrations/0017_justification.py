"""What a justification of a failed fairness check says beside a waiver."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("governance", "0016_benchmark_of_a_model")]

    operations = [
        migrations.AddField(
            model_name="waiver",
            name="alternatives",
            field=models.TextField(
                blank=True,
                help_text="Of a justification of a failed fairness check",
                max_length=4000,
                verbose_name="which less unequal alternatives were tried",
            ),
        ),
    ]
