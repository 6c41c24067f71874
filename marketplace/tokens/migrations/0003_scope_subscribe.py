import django.contrib.postgres.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_sign_in_attempts"),
        ("tokens", "0002_scope_try"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="apitoken",
            name="apitoken_scopes",
        ),
        migrations.AlterField(
            model_name="apitoken",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("read", "Read"),
                        ("publish", "Publish models"),
                        ("evaluate", "Declare evaluations"),
                        ("keys", "Manage API keys"),
                        ("try", "Try models"),
                        ("subscribe", "Subscribe applications"),
                    ],
                    max_length=10,
                ),
                size=None,
            ),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "scopes__contained_by",
                        ["read", "publish", "evaluate", "keys", "try", "subscribe"],
                    ),
                    ("scopes__len__gte", 1),
                ),
                name="apitoken_scopes",
            ),
        ),
    ]
