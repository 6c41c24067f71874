from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consumption", "0013_terms_limits")]
    operations = [
        migrations.AddField(
            "plan",
            "is_always_on",
            models.BooleanField(
                "always on",
                default=False,
                help_text="The model does not sleep while this plan has subscribers.",
            ),
        ),
    ]
