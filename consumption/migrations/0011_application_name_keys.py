"""What applications' names are compared by within a team. Of names that were alike before, the newer one's key gets its number."""

from django.db import migrations, models

from marketplace.core import names
from marketplace.core.fields import NameKeyField


def write_keys(apps, schema_editor):
    rows, taken = apps.get_model("consumption", "Application").objects, set()
    for pk, team, name in rows.order_by("pk").values_list("pk", "team_id", "name"):
        key = names.fold(name)
        key = f"{key[:180]} #{pk}" if (team, key) in taken else key
        taken.add((team, key))
        rows.filter(pk=pk).update(name_key=key)


class Migration(migrations.Migration):
    dependencies = [("consumption", "0010_scheduled_changes")]
    operations = [
        migrations.AddField(
            "application",
            "name_key",
            NameKeyField(key="fold", default="", editable=False, max_length=200, of="name"),
        ),
        migrations.RunPython(write_keys, migrations.RunPython.noop, elidable=True),
        migrations.RemoveConstraint("application", "application_name_once_a_team"),
        migrations.AddConstraint(
            "application",
            models.UniqueConstraint(
                fields=["team", "name_key"], name="application_name_once_a_team"
            ),
        ),
    ]
