from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0001_squashed_0022_recommended_for"),
    ]

    operations = [
        migrations.AlterField(
            model_name="modelcard",
            name="schema_version",
            field=models.CharField(default="card/1.1.0", max_length=20),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="suspends_at",
            field=models.DateTimeField(
                blank=True,
                help_text="Calls are refused from then on, unless it is reviewed again. Writer: governance",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="extended_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When that moment was put off, which is done once. Writer: governance",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="modelversion",
            index=models.Index(
                condition=models.Q(("suspends_at__isnull", False)),
                fields=["suspends_at"],
                name="version_suspends",
            ),
        ),
    ]
