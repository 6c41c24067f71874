"""Tries to sign in, and the table of the shared cache: both are counted for all processes together."""

import django.utils.timezone
from django.db import migrations, models

CACHE = """
    CREATE TABLE cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);
    CREATE INDEX cache_expires ON cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_name_keys")]

    operations = [
        migrations.CreateModel(
            name="SignInAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "account",
                    models.CharField(
                        help_text="Keyed digest of the name that was typed, whether there is such an account or not",
                        max_length=64,
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        help_text="The network address, or the known browser of the account's owner",
                        max_length=64,
                    ),
                ),
                ("is_known_browser", models.BooleanField(default=False)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "at"], name="sign_in_account"),
                    models.Index(fields=["source", "at"], name="sign_in_source"),
                    models.Index(fields=["at"], name="sign_in_at"),
                ],
            },
        ),
        migrations.RunSQL(CACHE, "DROP TABLE cache"),
    ]
