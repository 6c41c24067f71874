"""Migrations of our apps (docs/contributing.md, "Migrations")."""

from django.db.migrations.loader import MigrationLoader

from marketplace.core.create_models import CreateModels


def test_tables_that_are_created_together_are_taken_back_together():
    loader = MigrationLoader(None)
    together = [
        operation
        for migration in loader.disk_migrations.values()
        for operation in migration.operations
        if isinstance(operation, CreateModels)
    ]
    assert together and all(operation.reversible for operation in together)
