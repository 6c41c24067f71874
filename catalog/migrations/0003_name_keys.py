"""What names are compared by. Names that were alike before keep standing side by side: the newer one's key gets its number."""

from django.db import migrations, models
from django.db.models import Q

from marketplace.core import names
from marketplace.core.fields import NameKeyField

ONCE = [
    (["name_key"], Q(visibility="enterprise"), "model_name_once_in_company"),
    (["name_shape"], Q(visibility="enterprise"), "model_name_alike_once_in_company"),
    (["owner_team", "name_key"], None, "model_name_once_in_team"),
    (["owner_team", "name_shape"], None, "model_name_alike_once_in_team"),
]


def write_keys(apps, schema_editor):
    models_of_then = apps.get_model("catalog", "RegisteredModel").objects
    taken_keys, taken_shapes = set(), set()
    for pk, name in models_of_then.order_by("pk").values_list("pk", "name"):
        key, shape = names.fold(name), names.shape(name)
        if key in taken_keys or shape in taken_shapes:
            key, shape = f"{key[:180]} #{pk}", f"{shape[:180]} #{pk}"
        taken_keys.add(key)
        taken_shapes.add(shape)
        models_of_then.filter(pk=pk).update(name_key=key, name_shape=shape)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_p95_is_hostings")]
    operations = [
        migrations.AddField(
            "registeredmodel",
            "name_key",
            NameKeyField(key="fold", default="", editable=False, max_length=200, of="name"),
        ),
        migrations.AddField(
            "registeredmodel",
            "name_shape",
            NameKeyField(key="shape", default="", editable=False, max_length=200, of="name"),
        ),
        migrations.RunPython(write_keys, migrations.RunPython.noop, elidable=True),
        *(
            migrations.AddConstraint(
                "registeredmodel",
                models.UniqueConstraint(fields=fields, condition=condition, name=name),
            )
            for fields, condition, name in ONCE
        ),
    ]
