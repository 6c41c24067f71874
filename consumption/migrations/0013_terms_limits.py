from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models


def between(least, most):
    return [MinValueValidator(least), MaxValueValidator(most)]


FIELDS = {
    "rate_per_second": models.PositiveIntegerField(default=20, validators=between(1, 10**6)),
    "burst": models.PositiveIntegerField(default=40, validators=between(1, 10**6)),
    "concurrency": models.PositiveIntegerField(default=16, validators=between(1, 10**5)),
    "monthly_quota": models.BigIntegerField(
        null=True,
        blank=True,
        validators=between(1, 10**15),
        help_text="Calls a calendar month (UTC); empty: none",
    ),
    "price_micros_per_1000": models.BigIntegerField(
        "price per 1 000 calls, micro-units", default=0, validators=between(0, 10**12)
    ),
}


class Migration(migrations.Migration):
    """How large terms may be: forms, serializers and verbs read it off the models; no change to the tables."""

    dependencies = [("consumption", "0012_text_limits")]

    operations = [
        *(
            migrations.AlterField(model, name, field.clone())
            for model in ("plan", "planterms")
            for name, field in FIELDS.items()
        ),
        migrations.AlterField("scheduledchange", "reason", models.TextField(max_length=4_000)),
        migrations.AlterField(
            "scheduledchange", "decision_reason", models.TextField(blank=True, max_length=4_000)
        ),
    ]
