"""The first version of each policy is the product's own text, so that the pages have it before anything was decided."""

from django.db import migrations

from governance import cards, gates, matrix, periods, tiering
from marketplace.core.canonical import digest

TEXTS = {
    "tiering": tiering.POLICY,
    "card_schema": cards.POLICY,
    "review_matrix": matrix.POLICY,
    "gates": gates.POLICY,
    "periods": periods.POLICY | {periods.CHANGE_NOTICE: 30},
}


def write(apps, schema_editor):
    policies = apps.get_model("governance", "PolicyVersion").objects
    for kind, text in TEXTS.items():
        policies.get_or_create(
            kind=kind, sha256=digest(text), defaults={"semver": text["semver"], "body": text}
        )


class Migration(migrations.Migration):
    dependencies = [("governance", "0020_policy_changes")]
    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
