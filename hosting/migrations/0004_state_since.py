from django.db import migrations, models
from django.db.models.functions import Coalesce
from django.utils import timezone


def from_what_is_known(apps, schema_editor):
    """When the state that is there now began was not written down: at the latest when it was first ready."""
    known = Coalesce("ready_at", "started_at", "created_at")
    apps.get_model("hosting", "Deployment").objects.update(state_since=known)


class Migration(migrations.Migration):
    dependencies = [("hosting", "0003_crashes_that_left_none")]

    operations = [
        migrations.AddField(
            "deployment", "state_since", models.DateTimeField(default=timezone.now)
        ),
        migrations.RunPython(from_what_is_known, migrations.RunPython.noop),
    ]
