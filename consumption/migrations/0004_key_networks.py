"""Keys that work from some networks only; those that exist work from anywhere, as before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consumption", "0003_quota_leases")]
    operations = [
        migrations.AddField(
            model_name="apikey",
            name="networks",
            field=models.JSONField(
                blank=True,
                db_default=[],
                default=list,
                help_text="CIDR texts that it works from; none: anywhere",
            ),
        ),
    ]
