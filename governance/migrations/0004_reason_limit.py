from django.db import migrations, models


class Migration(migrations.Migration):
    """How long a reason may be; no change to the table."""

    dependencies = [("governance", "0003_amendments")]

    operations = [migrations.AlterField("decision", "reason", models.TextField(max_length=4_000))]
