"""An index for what sweeps look for: versions that are under way, a few of thousands."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_cold_start"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="modelversion",
            index=models.Index(
                condition=models.Q(("state__in", ["submitted", "checking", "approved"])),
                fields=["state"],
                name="version_under_way",
            ),
        ),
    ]
