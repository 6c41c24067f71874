from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0024_automatic_approvals"),
    ]

    operations = [
        migrations.AddField(
            model_name="benchmarkdataset",
            name="may_leave",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Only where nobody is told anything by them. Labels and groups are never sent",
                verbose_name="its inputs may be sent to endpoints hosted outside",
            ),
        ),
    ]
