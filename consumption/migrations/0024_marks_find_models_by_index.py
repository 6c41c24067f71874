"""The trigger that marks figures runs inside a roll-up, which forbids nested loops: it read every subscription each time."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("consumption", "0023_newest_hours")]
    operations = [
        migrations.RunSQL(
            "ALTER FUNCTION consumption_mark_figures() SET enable_nestloop = on",
            "ALTER FUNCTION consumption_mark_figures() RESET enable_nestloop",
        )
    ]
