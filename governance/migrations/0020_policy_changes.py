"""Another text of a policy that one person proposes and a second one agrees to."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0019_role_changes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PolicyChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decision_reason", models.TextField(blank=True, max_length=4000)),
                ("reason", models.TextField(max_length=4000)),
                ("proposed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("tiering", "Risk questionnaire"),
                            ("card_schema", "Model card"),
                            ("review_matrix", "Reviews and checklists"),
                            ("gates", "Automatic checks"),
                            ("periods", "Periods and notices"),
                        ],
                        max_length=30,
                    ),
                ),
                ("before", models.JSONField(help_text="The text that it changes")),
                ("after", models.JSONField(help_text="The whole text that it proposes")),
                (
                    "effective_from",
                    models.DateTimeField(help_text="When it begins; if decided later, then"),
                ),
                (
                    "effect",
                    models.JSONField(
                        default=dict,
                        help_text="How many versions it concerned when it was proposed, by effect",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Waits for a second person"),
                            ("approved", "Approved"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "policy",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="change",
                        to="governance.policyversion",
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["open", "approved", "refused", "withdrawn"])
                        ),
                        name="policy_change_state",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("kind",),
                        name="policy_change_once_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("decided_by", None),
                            models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="policy_change_decided_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "approved"), _negated=True),
                            models.Q(("decided_by__isnull", False), ("policy__isnull", False)),
                            _connector="OR",
                        ),
                        name="policy_change_of_two_people",
                    ),
                ],
            },
        ),
    ]
