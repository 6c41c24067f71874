from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("insights", "0011_metric_drawings"),
    ]

    operations = [
        migrations.AddField(
            model_name="curationrun",
            name="waiting",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
