"""A model's name is also in the records of versions of other models that name one of its versions as their successor."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION hosting_note_model() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.slug = NEW.slug THEN
    RETURN NULL;
  END IF;
  INSERT INTO hosting_change (kind, name)
  SELECT 'model', coalesce(NEW.id, OLD.id)::text
  UNION
  SELECT 'model', version.model_id::text FROM catalog_modelversion AS successor
  JOIN catalog_modelversion AS version ON version.successor_id = successor.id
  WHERE successor.model_id = coalesce(NEW.id, OLD.id);
  RETURN NULL;
END $$;
DROP TRIGGER hosting_noted ON catalog_registeredmodel;
CREATE TRIGGER hosting_noted AFTER INSERT OR UPDATE OR DELETE ON catalog_registeredmodel
FOR EACH ROW EXECUTE FUNCTION hosting_note_model();
"""
BACKWARD = """
DROP TRIGGER hosting_noted ON catalog_registeredmodel;
CREATE TRIGGER hosting_noted AFTER INSERT OR UPDATE OR DELETE ON catalog_registeredmodel
FOR EACH ROW EXECUTE FUNCTION hosting_note_change('model', 'id', 'only', 'slug');
DROP FUNCTION hosting_note_model();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0018_brownouts"),
        ("hosting", "0011_newest_first"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
