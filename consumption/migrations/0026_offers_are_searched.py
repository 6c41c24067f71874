"""What a model's offered plans cost and ask, written where search filters by it (catalog.SearchDocument)."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION consumption_project_offers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE catalog_searchdocument AS document SET
    has_free_plan = offer.is_free, has_paid_plan = offer.is_paid, opens_at_once = offer.at_once, asks_owner = offer.by_owner,
    written_at = clock_timestamp(), changed_in = pg_current_xact_id()::text::bigint
  FROM (
    SELECT coalesce(bool_or(price_micros_per_1000 = 0), false) AS is_free, coalesce(bool_or(price_micros_per_1000 > 0), false) AS is_paid,
      coalesce(bool_or(approval = 'automatic'), false) AS at_once, coalesce(bool_or(approval = 'owner'), false) AS by_owner
    FROM consumption_plan WHERE model_id = coalesce(NEW.model_id, OLD.model_id) AND is_offered
  ) AS offer
  WHERE document.model_id = coalesce(NEW.model_id, OLD.model_id);
  RETURN NULL;
END $$;
CREATE TRIGGER consumption_offers AFTER INSERT OR UPDATE OF is_offered, approval, price_micros_per_1000 OR DELETE
  ON consumption_plan FOR EACH ROW EXECUTE FUNCTION consumption_project_offers();
UPDATE consumption_plan SET is_offered = is_offered;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""
BACKWARD = "DROP TRIGGER consumption_offers ON consumption_plan; DROP FUNCTION consumption_project_offers();"


class Migration(migrations.Migration):
    dependencies = [
        ("consumption", "0025_batch_evaluations"),
        ("catalog", "0014_search_index"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
