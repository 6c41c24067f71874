"""All tables of governance at once, as 0001 to 0023 made them step by step (docs/contributing.md, "Migrations")."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from governance import cards, gates, matrix, periods, tiering
from marketplace.core.canonical import digest

from marketplace.core.create_models import CreateModels


FORWARD = r"""
CREATE FUNCTION governance_immutable()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION '% rows are immutable', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER governance_decision_immutable BEFORE UPDATE ON governance_decision FOR EACH ROW EXECUTE FUNCTION governance_immutable();
CREATE TRIGGER governance_gateresult_immutable BEFORE UPDATE ON governance_gateresult FOR EACH ROW EXECUTE FUNCTION governance_immutable();
CREATE TRIGGER governance_policyversion_immutable BEFORE UPDATE ON governance_policyversion FOR EACH ROW EXECUTE FUNCTION governance_immutable();
CREATE TRIGGER governance_tierassessment_immutable BEFORE UPDATE ON governance_tierassessment FOR EACH ROW EXECUTE FUNCTION governance_immutable();
CREATE TRIGGER governance_amendmentdecision_immutable BEFORE UPDATE ON governance_amendmentdecision FOR EACH ROW EXECUTE FUNCTION governance_immutable();
CREATE TRIGGER governance_evaluation_immutable BEFORE UPDATE ON governance_evaluation FOR EACH ROW EXECUTE FUNCTION governance_immutable();
CREATE TRIGGER governance_reviewround_immutable BEFORE UPDATE ON governance_reviewround FOR EACH ROW EXECUTE FUNCTION governance_immutable();
CREATE TRIGGER governance_benchmarkdataset_immutable BEFORE UPDATE ON governance_benchmarkdataset FOR EACH ROW EXECUTE FUNCTION governance_immutable();
CREATE TRIGGER governance_benchmarkrows_immutable BEFORE UPDATE ON governance_benchmarkrows FOR EACH ROW EXECUTE FUNCTION governance_immutable();
CREATE TRIGGER governance_comment_immutable BEFORE UPDATE ON governance_comment FOR EACH ROW EXECUTE FUNCTION governance_immutable();
"""
BACKWARD = """
DROP FUNCTION governance_immutable() CASCADE;
"""


TEXTS = {
    "tiering": tiering.POLICY,
    "card_schema": cards.POLICY,
    "review_matrix": matrix.POLICY,
    "gates": gates.POLICY,
    "periods": periods.POLICY | {periods.CHANGE_NOTICE: 30},
}


def write(apps, schema_editor):
    policies = apps.get_model("governance", "PolicyVersion").objects
    for kind, text in TEXTS.items():
        policies.get_or_create(
            kind=kind, sha256=digest(text), defaults={"semver": text["semver"], "body": text}
        )


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0007_people"),
        ("catalog", "0001_squashed_0022_recommended_for"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateModels(
            [
                migrations.CreateModel(
                    name="Amendment",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "changes",
                            models.JSONField(
                                help_text="field → {before, after}; choices by their slug"
                            ),
                        ),
                        (
                            "weight",
                            models.CharField(
                                choices=[("spelling", "Spelling only"), ("facts", "Facts")],
                                max_length=10,
                            ),
                        ),
                        ("reason", models.TextField(max_length=4000)),
                        (
                            "tier",
                            models.CharField(
                                help_text="The model's risk tier when it was proposed; decides who is needed",
                                max_length=12,
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Being reviewed"),
                                    ("approved", "Approved"),
                                    ("refused", "Refused"),
                                    ("withdrawn", "Withdrawn"),
                                ],
                                default="open",
                                max_length=10,
                            ),
                        ),
                        ("proposed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("due_at", models.DateTimeField()),
                        ("decided_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "model",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="amendments",
                                to="catalog.registeredmodel",
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
                        "ordering": ["-proposed_at", "-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "approved", "refused", "withdrawn"])
                                ),
                                name="amendment_state",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BenchmarkDataset",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=80, unique=True)),
                        (
                            "task",
                            models.CharField(
                                choices=[
                                    ("binary", "Binary classification"),
                                    ("multiclass", "Classification into several classes"),
                                    ("regression", "Regression"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "label",
                            models.CharField(help_text="The column with the truth", max_length=100),
                        ),
                        (
                            "positive",
                            models.CharField(
                                blank=True,
                                help_text="Binary: the label's value that the score is about",
                                max_length=60,
                            ),
                        ),
                        (
                            "positive_is_favourable",
                            models.BooleanField(
                                default=True,
                                help_text="Whether the positive answer is good for the person",
                            ),
                        ),
                        (
                            "cutoff",
                            models.FloatField(
                                default=0.5, help_text="Scores from here on count as positive"
                            ),
                        ),
                        (
                            "floor",
                            models.FloatField(
                                blank=True,
                                help_text="What the primary metric must reach",
                                null=True,
                            ),
                        ),
                        (
                            "output",
                            models.CharField(
                                blank=True,
                                help_text="The version's output; empty: its first",
                                max_length=100,
                            ),
                        ),
                        (
                            "groups",
                            models.JSONField(
                                default=list,
                                help_text="Columns that say who belongs to which group",
                            ),
                        ),
                        ("columns", models.JSONField(default=list)),
                        ("rows", models.PositiveIntegerField()),
                        ("size", models.PositiveIntegerField(help_text="Bytes")),
                        ("sha256", models.CharField(max_length=64)),
                        ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "capability",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="benchmarks",
                                to="catalog.capability",
                            ),
                        ),
                        (
                            "model",
                            models.ForeignKey(
                                blank=True,
                                help_text="Empty: for all models of the capability",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="benchmarks",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "uploaded_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                    },
                ),
                migrations.CreateModel(
                    name="Evaluation",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("declared", "Declared by the team"),
                                    ("independent", "Measured by the marketplace"),
                                    ("consumer", "Measured by a consumer"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "suite",
                            models.CharField(
                                help_text="What was run, with its version", max_length=80
                            ),
                        ),
                        ("metric", models.CharField(max_length=60)),
                        (
                            "slice",
                            models.CharField(
                                blank=True, help_text="Empty: all rows", max_length=120
                            ),
                        ),
                        ("value", models.FloatField()),
                        (
                            "low",
                            models.FloatField(
                                blank=True, help_text="95 % interval, lower end", null=True
                            ),
                        ),
                        (
                            "high",
                            models.FloatField(
                                blank=True, help_text="95 % interval, upper end", null=True
                            ),
                        ),
                        (
                            "n",
                            models.PositiveIntegerField(
                                blank=True, help_text="Rows it was computed over", null=True
                            ),
                        ),
                        ("threshold", models.FloatField(blank=True, null=True)),
                        (
                            "baseline",
                            models.FloatField(
                                blank=True, help_text="What a naive model reaches", null=True
                            ),
                        ),
                        (
                            "data",
                            models.CharField(help_text="The data set, in words", max_length=200),
                        ),
                        ("data_sha256", models.CharField(blank=True, max_length=64)),
                        (
                            "artifact_sha256",
                            models.CharField(
                                help_text="Of the version's graph, or of its address", max_length=64
                            ),
                        ),
                        (
                            "environment",
                            models.CharField(
                                blank=True, help_text="Versions of the tools", max_length=200
                            ),
                        ),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="evaluations",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("kind__in", ["declared", "independent", "consumer"])
                                ),
                                name="evaluation_kind",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("value__gte", -1000000000000000.0),
                                    ("value__lte", 1000000000000000.0),
                                ),
                                name="evaluation_value_is_a_number",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("high", None), ("low", None)),
                                    ("low__lte", models.F("high")),
                                    _connector="OR",
                                ),
                                name="evaluation_interval_in_order",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="GateResult",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("gate", models.CharField(max_length=40)),
                        (
                            "verdict",
                            models.CharField(
                                choices=[
                                    ("pass", "Passed"),
                                    ("fail", "Failed"),
                                    ("inconclusive", "Inconclusive"),
                                    ("not_applicable", "Not applicable"),
                                    ("error", "Could not run"),
                                ],
                                max_length=16,
                            ),
                        ),
                        (
                            "severity",
                            models.CharField(
                                choices=[
                                    ("block", "Blocks"),
                                    ("warn", "Warns"),
                                    ("info", "Informs"),
                                ],
                                max_length=6,
                            ),
                        ),
                        ("summary", models.TextField()),
                        ("metrics", models.JSONField(default=dict)),
                        ("tool", models.CharField(max_length=80)),
                        ("manifest_sha256", models.CharField(max_length=64)),
                        ("duration_ms", models.PositiveIntegerField(default=0)),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "remedy",
                            models.TextField(
                                blank=True, help_text="What to do about it; empty when it passed"
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="gate_results",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["gate", "-id"],
                    },
                ),
                migrations.CreateModel(
                    name="PolicyVersion",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("kind", models.SlugField(max_length=30)),
                        ("semver", models.CharField(max_length=20)),
                        ("body", models.JSONField()),
                        ("sha256", models.CharField(max_length=64)),
                        ("effective_from", models.DateTimeField(default=django.utils.timezone.now)),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("kind", "sha256"), name="policy_text_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Review",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("curation", "Curation"),
                                    ("evaluation", "Independent evaluation"),
                                    ("fairness", "Fairness"),
                                    ("security", "Security and safety"),
                                    ("legal", "Legal and compliance"),
                                    ("final", "Final approval"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("round", models.PositiveSmallIntegerField(default=1)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Open"),
                                    ("approved", "Approved"),
                                    ("changes_requested", "Changes requested"),
                                    ("rejected", "Rejected"),
                                    ("void", "Void"),
                                ],
                                default="open",
                                max_length=20,
                            ),
                        ),
                        ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("due_at", models.DateTimeField()),
                        ("decided_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "remind_at",
                            models.DateTimeField(
                                blank=True,
                                help_text="When its next reminder is due; empty: never",
                                null=True,
                            ),
                        ),
                        (
                            "assignee",
                            models.ForeignKey(
                                blank=True,
                                help_text="Who has it first; the others who may decide it still may",
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="assigned_reviews",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "kept_from",
                            models.ForeignKey(
                                blank=True,
                                help_text="The review of an earlier round whose approval still holds",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="governance.review",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="reviews",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["due_at", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "open",
                                            "approved",
                                            "changes_requested",
                                            "rejected",
                                            "void",
                                        ],
                                    )
                                ),
                                name="review_state",
                            ),
                            models.UniqueConstraint(
                                fields=("version", "kind", "round"), name="review_once_a_round"
                            ),
                        ],
                        "indexes": [
                            models.Index(fields=["due_at", "-id"], name="review_most_urgent"),
                            models.Index(
                                condition=models.Q(("state", "open")),
                                fields=["remind_at"],
                                name="review_to_remind",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ReviewRound",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("number", models.PositiveSmallIntegerField()),
                        (
                            "submission",
                            models.JSONField(help_text="part → content, as it was submitted"),
                        ),
                        ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="rounds",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["number"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("version", "number"), name="review_round_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RoleChange",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("decided_at", models.DateTimeField(blank=True, null=True)),
                        ("decision_reason", models.TextField(blank=True, max_length=4000)),
                        ("reason", models.TextField(max_length=4000)),
                        ("proposed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "role",
                            models.CharField(
                                choices=[
                                    ("curator", "Marketplace manager"),
                                    ("evaluator", "Independent evaluator"),
                                    ("fairness_reviewer", "Fairness reviewer"),
                                    ("security_reviewer", "Security reviewer"),
                                    ("legal_reviewer", "Legal reviewer"),
                                    ("model_risk_officer", "Model risk officer"),
                                    ("governance_lead", "Governance lead"),
                                    ("operator", "Platform operator"),
                                    ("finance", "Finance"),
                                    ("executive", "Executive"),
                                    ("auditor", "Auditor"),
                                    ("admin", "Administrator"),
                                ],
                                max_length=30,
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Waits for a second person"),
                                    ("granted", "Granted"),
                                    ("refused", "Refused"),
                                ],
                                default="open",
                                max_length=8,
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
                            "grant",
                            models.OneToOneField(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="change",
                                to="accounts.rolegrant",
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
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="role_changes",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["open", "granted", "refused"])),
                                name="role_change_state",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state", "open")),
                                fields=("user", "role"),
                                name="role_change_once_at_a_time",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("proposed_by", models.F("user")), _negated=True
                                ),
                                name="role_change_not_for_oneself",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("decided_by", None),
                                    models.Q(
                                        models.Q(
                                            ("decided_by", models.F("proposed_by")), _negated=True
                                        ),
                                        models.Q(("decided_by", models.F("user")), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                                name="role_change_decided_by_another",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "granted"), _negated=True),
                                    ("role__in", ["operator", "finance", "executive"]),
                                    ("decided_by__isnull", False),
                                    _connector="OR",
                                ),
                                name="role_change_of_two_people",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SamePurposeCase",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("decided_at", models.DateTimeField(blank=True, null=True)),
                        ("decision_reason", models.TextField(blank=True, max_length=4000)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Open"),
                                    ("gone", "No longer alike"),
                                    ("primary_chosen", "One is recommended"),
                                    ("segmented", "Each for its own cases"),
                                    ("merged", "To become one"),
                                    ("coexist", "Both stay"),
                                ],
                                default="open",
                                max_length=14,
                            ),
                        ),
                        (
                            "likeness",
                            models.FloatField(help_text="0..1, the weighted sum of the parts"),
                        ),
                        (
                            "parts",
                            models.JSONField(
                                default=dict, help_text="text, inputs, task, consumers: each 0..1"
                            ),
                        ),
                        (
                            "evidence",
                            models.JSONField(
                                default=list,
                                help_text="Sentences that were true when it was decided",
                            ),
                        ),
                        ("review_on", models.DateField(blank=True, null=True)),
                        ("found_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("compared_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                            "first",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "primary",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="catalog.registeredmodel",
                            ),
                        ),
                        (
                            "second",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="catalog.registeredmodel",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "open",
                                            "gone",
                                            "primary_chosen",
                                            "segmented",
                                            "merged",
                                            "coexist",
                                        ],
                                    )
                                ),
                                name="case_state",
                            ),
                            models.UniqueConstraint(
                                fields=("first", "second"), name="case_once_a_pair"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("first__lt", models.F("second"))),
                                name="case_pair_in_order",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("primary__isnull", False), ("state", "primary_chosen")
                                    ),
                                    models.Q(
                                        models.Q(("state", "primary_chosen"), _negated=True),
                                        ("primary", None),
                                    ),
                                    _connector="OR",
                                ),
                                name="case_primary_where_chosen",
                            ),
                        ],
                        "indexes": [
                            models.Index(fields=["second"], name="cases_of_second"),
                            models.Index(
                                condition=models.Q(("review_on__isnull", False)),
                                fields=["review_on"],
                                name="cases_due",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SourceVerification",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "source",
                            models.SlugField(
                                help_text="An id of governance.controls.SOURCES", max_length=30
                            ),
                        ),
                        (
                            "applies_from",
                            models.DateField(
                                blank=True,
                                help_text="From when the company has to keep it",
                                null=True,
                            ),
                        ),
                        ("note", models.TextField(max_length=4000)),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-at", "-id"],
                    },
                ),
                migrations.CreateModel(
                    name="Thread",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "anchor",
                            models.CharField(
                                help_text="What it is about (governance.threads)", max_length=140
                            ),
                        ),
                        ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("resolved_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "opened_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "resolved_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="threads",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("resolved_at", None), ("resolved_by", None)),
                                    models.Q(
                                        ("resolved_at__isnull", False),
                                        ("resolved_by__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="thread_resolved_by_somebody",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Waiver",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("decided_at", models.DateTimeField(blank=True, null=True)),
                        ("decision_reason", models.TextField(blank=True, max_length=4000)),
                        ("reason", models.TextField(max_length=4000)),
                        ("proposed_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("gate", models.CharField(max_length=40)),
                        ("manifest_sha256", models.CharField(max_length=64)),
                        (
                            "instead",
                            models.TextField(
                                help_text="The compensating control",
                                max_length=4000,
                                verbose_name="what is done instead",
                            ),
                        ),
                        ("ends_on", models.DateField(help_text="The last day on which it holds")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Asked for"),
                                    ("granted", "In force"),
                                    ("refused", "Refused"),
                                    ("ended", "Ended"),
                                ],
                                default="open",
                                max_length=8,
                            ),
                        ),
                        (
                            "alternatives",
                            models.TextField(
                                blank=True,
                                help_text="Of a justification of a failed fairness check",
                                max_length=4000,
                                verbose_name="which less unequal alternatives were tried",
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
                            "proposed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="waivers",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["ends_on", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "granted", "refused", "ended"])
                                ),
                                name="waiver_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("decided_by", None),
                                    models.Q(
                                        ("decided_by", models.F("proposed_by")), _negated=True
                                    ),
                                    _connector="OR",
                                ),
                                name="waiver_decided_by_another",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["open", "granted"])),
                                fields=("version", "gate", "manifest_sha256"),
                                name="waiver_once_at_a_time",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Absence",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("starts_on", models.DateField()),
                        ("ends_on", models.DateField()),
                        ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="absences",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["starts_on", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("ends_on__gte", models.F("starts_on"))),
                                name="absence_in_order",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="AmendmentDecision",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("curation", "Curation"),
                                    ("evaluation", "Independent evaluation"),
                                    ("fairness", "Fairness"),
                                    ("security", "Security and safety"),
                                    ("legal", "Legal and compliance"),
                                    ("final", "Final approval"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("open", "Being reviewed"),
                                    ("approved", "Approved"),
                                    ("refused", "Refused"),
                                    ("withdrawn", "Withdrawn"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("reason", models.TextField(max_length=4000)),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "amendment",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="decisions",
                                to="governance.amendment",
                            ),
                        ),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["at"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("amendment", "kind"), name="amendment_decided_once_a_kind"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BenchmarkRows",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("csv", models.BinaryField()),
                        (
                            "dataset",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="content",
                                to="governance.benchmarkdataset",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "benchmark rows",
                    },
                ),
                migrations.CreateModel(
                    name="Decision",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("open", "Open"),
                                    ("approved", "Approved"),
                                    ("changes_requested", "Changes requested"),
                                    ("rejected", "Rejected"),
                                    ("void", "Void"),
                                ],
                                max_length=20,
                            ),
                        ),
                        ("reason", models.TextField(max_length=4000)),
                        (
                            "no_conflict",
                            models.BooleanField(verbose_name="declared no conflict of interest"),
                        ),
                        ("manifest_sha256", models.CharField(max_length=64)),
                        ("card_sha256", models.CharField(max_length=64)),
                        (
                            "evidence",
                            models.JSONField(
                                default=list, help_text="ids of the gate results that were shown"
                            ),
                        ),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "checklist",
                            models.JSONField(
                                default=list,
                                help_text="point, asks, source, answer, note (governance.checklists.Answered)",
                            ),
                        ),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="decisions",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "policy",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="governance.policyversion",
                            ),
                        ),
                        (
                            "review",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="decision",
                                to="governance.review",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["at"],
                    },
                ),
                migrations.CreateModel(
                    name="EvaluationRun",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "Waiting"),
                                    ("running", "Running"),
                                    ("scored", "Scored"),
                                    ("broken", "Could not run"),
                                ],
                                default="waiting",
                                max_length=8,
                            ),
                        ),
                        ("manifest_sha256", models.CharField(max_length=64)),
                        ("seed", models.PositiveIntegerField(default=0)),
                        ("summary", models.TextField(blank=True)),
                        (
                            "record",
                            models.JSONField(
                                default=dict,
                                help_text="What a replay needs to get the same figures",
                            ),
                        ),
                        ("metrics_sha256", models.CharField(blank=True, max_length=64)),
                        ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("started_at", models.DateTimeField(blank=True, null=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "dataset",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="runs",
                                to="governance.benchmarkdataset",
                            ),
                        ),
                        (
                            "requested_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="evaluation_runs",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["waiting", "running", "scored", "broken"])
                                ),
                                name="evaluation_run_state",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["waiting", "running"])),
                                fields=("version", "dataset"),
                                name="evaluation_run_once_at_a_time",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PolicyChange",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
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
                            models.DateTimeField(
                                help_text="When it begins; if decided later, then"
                            ),
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
                            "proposed_by",
                            models.ForeignKey(
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
                                    models.Q(
                                        ("decided_by", models.F("proposed_by")), _negated=True
                                    ),
                                    _connector="OR",
                                ),
                                name="policy_change_decided_by_another",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "approved"), _negated=True),
                                    models.Q(
                                        ("decided_by__isnull", False), ("policy__isnull", False)
                                    ),
                                    _connector="OR",
                                ),
                                name="policy_change_of_two_people",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Comment",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("text", models.TextField(max_length=2000)),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "thread",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="comments",
                                to="governance.thread",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["id"],
                    },
                ),
                migrations.CreateModel(
                    name="TierAssessment",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("answers", models.JSONField()),
                        ("tier", models.CharField(max_length=12)),
                        ("score", models.PositiveSmallIntegerField()),
                        ("reasons", models.JSONField(default=list)),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "answered_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "policy",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="governance.policyversion",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="assessments",
                                to="catalog.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-at", "-id"],
                        "get_latest_by": ["at", "id"],
                    },
                ),
                migrations.CreateModel(
                    name="Condition",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("text", models.TextField(max_length=4000)),
                        ("due_on", models.DateField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "To do"),
                                    ("fulfilled", "To be confirmed"),
                                    ("confirmed", "Confirmed"),
                                ],
                                default="open",
                                max_length=10,
                            ),
                        ),
                        ("evidence", models.TextField(blank=True, max_length=4000)),
                        ("fulfilled_at", models.DateTimeField(blank=True, null=True)),
                        ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "returned",
                            models.TextField(
                                blank=True,
                                help_text="Why the evidence was not enough, the last time",
                                max_length=4000,
                            ),
                        ),
                        (
                            "suspended_at",
                            models.DateTimeField(
                                blank=True,
                                help_text="When its version was stopped because of it",
                                null=True,
                            ),
                        ),
                        (
                            "confirmed_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "fulfilled_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "owner",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="conditions",
                                to="catalog.modelversion",
                            ),
                        ),
                        (
                            "decision",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="conditions",
                                to="governance.decision",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["due_on", "id"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "fulfilled", "confirmed"])
                                ),
                                name="condition_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("confirmed_by", None),
                                    models.Q(
                                        ("confirmed_by", models.F("fulfilled_by")), _negated=True
                                    ),
                                    _connector="OR",
                                ),
                                name="condition_confirmed_by_another",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "open")),
                                fields=["due_on"],
                                name="condition_due",
                            )
                        ],
                    },
                ),
            ]
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        # The first version of each policy is the product's own text.
        migrations.RunPython(write, migrations.RunPython.noop),
    ]
