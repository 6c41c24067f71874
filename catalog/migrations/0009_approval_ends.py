"""The sweep of ending approvals reads those that end, not all versions."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("catalog", "0008_versions_highest_first")]

    operations = [
        migrations.AddIndex(
            model_name="modelversion",
            index=models.Index(
                fields=["approved_until"],
                condition=Q(state__in=["published", "deprecated"]),
                name="version_approval_ends",
            ),
        ),
    ]
