import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):
    """Release candidates in the order of semantic versioning; how long texts may be (no change to the tables)."""

    dependencies = [("catalog", "0003_name_keys")]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="candidate",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(
                        number__contains="-rc.",
                        then=django.db.models.functions.comparison.Cast(
                            models.Func(
                                models.F("number"),
                                models.Value("-rc."),
                                models.Value(2),
                                function="split_part",
                            ),
                            models.IntegerField(),
                        ),
                    ),
                    default=10_000,
                ),
                help_text="N of a candidate (-rc.N); a release is higher than all of its candidates",
                output_field=models.IntegerField(),
            ),
        ),
        migrations.AlterModelOptions(
            name="modelversion",
            options={"ordering": ["model", "-major", "-minor", "-patch", "-candidate"]},
        ),
        migrations.AlterField(
            "modelversion", "changelog", models.TextField(blank=True, max_length=10_000)
        ),
        migrations.AlterField(
            "modelversion", "suspension_reason", models.TextField(blank=True, max_length=4_000)
        ),
        migrations.AlterField(
            "registeredmodel", "description", models.TextField(blank=True, max_length=10_000)
        ),
        migrations.AlterField(
            "registeredmodel", "limitations", models.TextField(blank=True, max_length=10_000)
        ),
        migrations.AlterField(
            "registeredmodel",
            "similar_reason",
            models.TextField("why another model like these", blank=True, max_length=4_000),
        ),
    ]
