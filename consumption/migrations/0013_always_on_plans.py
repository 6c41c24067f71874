from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consumption", "0012_text_limits")]
    operations = [
        migrations.AddField(
            "plan",
            "is_always_on",
            models.BooleanField("always on", default=False, help_text="The model does not sleep while this plan has subscribers."),
        ),
    ]
