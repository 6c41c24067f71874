"""What names of units and teams are compared by. Of names that were alike before, the newer one's key gets its number."""

from django.db import migrations

from marketplace.core import names
from marketplace.core.fields import NameKeyField


def write_keys(apps, schema_editor):
    for kind in ("BusinessUnit", "Team"):
        rows, taken = apps.get_model("accounts", kind).objects, set()
        for pk, name in rows.order_by("pk").values_list("pk", "name"):
            key = names.fold(name)
            key = f"{key[:180]} #{pk}" if key in taken else key
            taken.add(key)
            rows.filter(pk=pk).update(name_key=key)


def key(**more):
    return NameKeyField(key="fold", default="", editable=False, max_length=200, of="name", **more)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_team_units")]
    operations = [
        migrations.AddField("businessunit", "name_key", key()),
        migrations.AddField("team", "name_key", key()),
        migrations.RunPython(write_keys, migrations.RunPython.noop, elidable=True),
        migrations.AlterField("businessunit", "name_key", key(unique=True)),
        migrations.AlterField("team", "name_key", key(unique=True)),
    ]
