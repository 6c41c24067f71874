"""Terms of a plan that nobody ever had may be deleted with it: no call was valued by them."""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION consumption_terms_never_change_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.effective_from < now() AND EXISTS (SELECT FROM consumption_planterms WHERE plan_id = NEW.plan_id) THEN
      RAISE EXCEPTION 'Terms of a plan never begin in the past.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.effective_from <= clock_timestamp()
      AND NOT (TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM consumption_subscriptionplan WHERE plan_id = OLD.plan_id)) THEN
    RAISE EXCEPTION 'Terms that have begun are never changed or deleted.' USING ERRCODE = 'check_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("consumption", "0016_price_bounds")]
    operations = [migrations.RunSQL(FUNCTION, migrations.RunSQL.noop)]
