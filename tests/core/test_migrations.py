"""The squashed migrations stand for the steps that they replace (docs/contributing.md, "Migrations")."""

from django.db.migrations.loader import MigrationLoader
from django.db.migrations.serializer import serializer_factory

from marketplace.core.create_models import CreateModels

OURS = (
    "accounts",
    "audit",
    "notices",
    "tokens",
    "catalog",
    "governance",
    "consumption",
    "hosting",
    "publishing",
    "insights",
)


def pictures(replace):
    """{(app, model): what migrations say of it}, by the squashed migrations or by the steps."""
    state = MigrationLoader(None, replace_migrations=replace).project_state()
    return {key: picture(model) for key, model in state.models.items() if key[0] in OURS}


def picture(model):
    options = {
        name: sorted(map(repr, value)) if name in ("constraints", "indexes") else value
        for name, value in model.options.items()
        if value
    }
    fields = {
        name: serializer_factory(field).serialize()[0] for name, field in model.fields.items()
    }
    return fields, options, model.bases, [name for name, _ in model.managers]


def test_squashed_migrations_and_the_steps_end_in_the_same_models():
    squashed, steps = pictures(replace=True), pictures(replace=False)

    assert squashed.keys() == steps.keys()
    assert {key: squashed[key] for key in steps if squashed[key] != steps[key]} == {}


def test_every_step_of_an_app_is_replaced_or_comes_later():
    """A step that the squashed migration forgot would run on tables that have it already."""
    loader = MigrationLoader(None)
    for app in OURS:
        squashed = [migration for key, migration in loader.replacements.items() if key[0] == app]
        for migration in squashed:
            replaced = {name for _, name in migration.replaces}
            last = max(replaced)
            steps = {name for other, name in loader.disk_migrations if other == app}
            assert {name for name in steps if name <= last and "squashed" not in name} == replaced


def test_tables_that_are_created_together_are_taken_back_together():
    loader = MigrationLoader(None)
    together = [
        operation
        for migration in loader.disk_migrations.values()
        for operation in migration.operations
        if isinstance(operation, CreateModels)
    ]
    assert together and all(operation.reversible for operation in together)
