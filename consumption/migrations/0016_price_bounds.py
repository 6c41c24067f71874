from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import Q

PRICE_MAX = 10**12  # micro-units for 1 000 calls


class Migration(migrations.Migration):
    """Prices have an upper bound: a price of 2^63 - 1 broke every page of figures. Old rows are not judged (NOT VALID)."""

    dependencies = [("consumption", "0015_stale_figures")]

    operations = [
        AddConstraintNotValid(
            "plan",
            models.CheckConstraint(
                condition=Q(price_micros_per_1000__range=(0, PRICE_MAX)),
                name="plan_price_within_bounds",
            ),
        ),
        AddConstraintNotValid(
            "planterms",
            models.CheckConstraint(
                condition=Q(price_micros_per_1000__lte=PRICE_MAX),
                name="plan_terms_price_within_bounds",
            ),
        ),
    ]
