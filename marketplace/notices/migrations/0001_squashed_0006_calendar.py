"""All tables of notices at once, as 0001 to 0006 made them step by step (docs/contributing.md, "Migrations")."""

import datetime
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from marketplace.core.create_models import CreateModels


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0007_people"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateModels(
            [
                migrations.CreateModel(
                    name="CalendarAddress",
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
                        ("nonce", models.UUIDField(default=uuid.uuid4)),
                        ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "person",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="calendar_address",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Letter",
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
                            "message_id",
                            models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
                        ),
                        ("address", models.EmailField(max_length=254)),
                        ("subject", models.CharField(max_length=220)),
                        ("text", models.TextField()),
                        ("html", models.TextField()),
                        (
                            "kinds",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=40), size=None
                            ),
                        ),
                        ("is_digest", models.BooleanField(default=False)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("queued", "Waiting"),
                                    ("sent", "Sent"),
                                    ("failed", "Not delivered"),
                                ],
                                default="queued",
                                max_length=10,
                            ),
                        ),
                        ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("try_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("tries", models.PositiveSmallIntegerField(default=0)),
                        ("sent_at", models.DateTimeField(blank=True, null=True)),
                        ("problem", models.CharField(blank=True, max_length=300)),
                        (
                            "recipient",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="letters",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-made_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["queued", "sent", "failed"])),
                                name="letter_state",
                            )
                        ],
                        "indexes": [
                            models.Index(fields=["recipient", "-made_at"], name="letter_newest"),
                            models.Index(
                                condition=models.Q(("state", "queued")),
                                fields=["try_at"],
                                name="letter_to_send",
                            ),
                            models.Index(fields=["made_at"], name="letter_made"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="NoticeSettings",
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
                        ("time_zone", models.CharField(default="UTC", max_length=40)),
                        ("quiet_from", models.TimeField(blank=True, null=True)),
                        ("quiet_until", models.TimeField(blank=True, null=True)),
                        (
                            "digest_day",
                            models.PositiveSmallIntegerField(
                                choices=[
                                    (0, "Monday"),
                                    (1, "Tuesday"),
                                    (2, "Wednesday"),
                                    (3, "Thursday"),
                                    (4, "Friday"),
                                    (5, "Saturday"),
                                    (6, "Sunday"),
                                ],
                                default=0,
                            ),
                        ),
                        ("digest_at", models.TimeField(default=datetime.time(8, 0))),
                        (
                            "person",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="notice_settings",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("quiet_from", None), ("quiet_until", None)),
                                    models.Q(
                                        ("quiet_from__isnull", False),
                                        ("quiet_until__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="quiet_hours_whole",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("digest_day__lte", 6)),
                                name="digest_day_of_week",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Preference",
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
                        ("kind", models.CharField(max_length=40)),
                        ("page", models.BooleanField(default=True)),
                        (
                            "mail",
                            models.CharField(
                                choices=[
                                    ("now", "At once"),
                                    ("digest", "Weekly digest"),
                                    ("never", "Never"),
                                ],
                                max_length=10,
                            ),
                        ),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("person", "kind"), name="preference_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("mail__in", ["now", "digest", "never"])),
                                name="preference_mail",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Watch",
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
                        ("model", models.CharField(max_length=100)),
                        (
                            "level",
                            models.CharField(
                                choices=[("watched", "Watched"), ("muted", "Not watched")],
                                max_length=10,
                            ),
                        ),
                        (
                            "person",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="watches",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["model"],
                        "constraints": [
                            models.UniqueConstraint(fields=("person", "model"), name="watch_once"),
                            models.CheckConstraint(
                                condition=models.Q(("level__in", ["watched", "muted"])),
                                name="watch_level",
                            ),
                        ],
                        "indexes": [models.Index(fields=["model", "level"], name="watch_of_model")],
                    },
                ),
                migrations.CreateModel(
                    name="Webhook",
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
                        ("application", models.CharField(blank=True, max_length=100)),
                        ("name", models.CharField(max_length=60)),
                        ("url", models.CharField(max_length=500)),
                        (
                            "format",
                            models.CharField(
                                choices=[
                                    ("standard", "Signed CloudEvents"),
                                    ("slack", "Slack message"),
                                    ("teams", "Microsoft Teams card"),
                                ],
                                default="standard",
                                max_length=10,
                            ),
                        ),
                        (
                            "kinds",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=40),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("pending", "Not proven yet"),
                                    ("active", "Active"),
                                    ("disabled", "Switched off"),
                                    ("removed", "Removed"),
                                ],
                                default="pending",
                                max_length=10,
                            ),
                        ),
                        ("secret", models.BinaryField()),
                        ("old_secret", models.BinaryField(null=True)),
                        ("old_secret_until", models.DateTimeField(blank=True, null=True)),
                        ("challenge", models.CharField(blank=True, max_length=40)),
                        (
                            "challenge_at",
                            models.DateTimeField(
                                blank=True,
                                help_text="When the challenge is to be sent; empty: it was",
                                null=True,
                            ),
                        ),
                        ("wrong_codes", models.PositiveSmallIntegerField(default=0)),
                        ("failing_since", models.DateTimeField(blank=True, null=True)),
                        ("problem", models.CharField(blank=True, max_length=300)),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "created_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="webhooks",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name", "pk"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["pending", "active", "disabled", "removed"])
                                ),
                                name="webhook_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("format__in", ["standard", "slack", "teams"])),
                                name="webhook_format",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("old_secret", None),
                                    ("old_secret_until__isnull", False),
                                    _connector="OR",
                                ),
                                name="webhook_old_secret_ends",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("challenge_at__isnull", False)),
                                fields=["challenge_at"],
                                name="webhook_to_challenge",
                            ),
                            models.Index(fields=["team", "state"], name="webhook_of_team"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WebhookEvent",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=uuid.uuid4,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("kind", models.CharField(max_length=40)),
                        ("key", models.CharField(max_length=120)),
                        ("title", models.CharField(max_length=200)),
                        ("body", models.TextField(blank=True)),
                        ("url", models.CharField(blank=True, max_length=300)),
                        ("model", models.CharField(blank=True, max_length=100)),
                        ("application", models.CharField(blank=True, max_length=100)),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="accounts.team",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("team", "key"), name="webhook_event_once"
                            )
                        ],
                        "indexes": [models.Index(fields=["at"], name="webhook_event_age")],
                    },
                ),
                migrations.CreateModel(
                    name="Notice",
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
                        ("kind", models.CharField(max_length=40)),
                        ("title", models.CharField(max_length=200)),
                        ("body", models.TextField(blank=True)),
                        ("url", models.CharField(blank=True, max_length=300)),
                        ("key", models.CharField(max_length=120)),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("read_at", models.DateTimeField(blank=True, null=True)),
                        ("application", models.CharField(blank=True, max_length=100)),
                        ("mail_at", models.DateTimeField(blank=True, null=True)),
                        ("model", models.CharField(blank=True, max_length=100)),
                        (
                            "letter",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="notices",
                                to="notices.letter",
                            ),
                        ),
                        (
                            "recipient",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="notices",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-at"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("recipient", "key"), name="notice_told_once"
                            )
                        ],
                        "indexes": [
                            models.Index(
                                fields=["recipient", "read_at"],
                                name="notices_not_recipie_d8909a_idx",
                            ),
                            models.Index(fields=["key"], name="notice_of_occasion"),
                            models.Index(fields=["recipient", "-at"], name="notice_newest"),
                            models.Index(
                                condition=models.Q(("mail_at__isnull", False)),
                                fields=["mail_at"],
                                name="notice_to_mail",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WebhookDelivery",
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
                            "message_id",
                            models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("pending", "Waiting"),
                                    ("delivered", "Delivered"),
                                    ("failed", "Given up"),
                                ],
                                default="pending",
                                max_length=10,
                            ),
                        ),
                        ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("try_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("tries", models.PositiveSmallIntegerField(default=0)),
                        ("delivered_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "webhook",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="deliveries",
                                to="notices.webhook",
                            ),
                        ),
                        (
                            "event",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="deliveries",
                                to="notices.webhookevent",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-made_at", "-pk"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("webhook", "event"), name="webhook_delivery_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["pending", "delivered", "failed"])
                                ),
                                name="webhook_delivery_state",
                            ),
                        ],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "pending")),
                                fields=["try_at"],
                                name="webhook_delivery_due",
                            ),
                            models.Index(
                                fields=["webhook", "-made_at"], name="webhook_delivery_newest"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WebhookTry",
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
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("status", models.PositiveSmallIntegerField(null=True)),
                        ("took_ms", models.PositiveIntegerField()),
                        ("problem", models.CharField(blank=True, max_length=300)),
                        ("answer", models.TextField(blank=True)),
                        (
                            "delivery",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="log",
                                to="notices.webhookdelivery",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-at", "-pk"],
                    },
                ),
            ]
        ),
    ]
