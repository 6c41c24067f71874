"""USERS: who may call what, and what they called."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from marketplace.accounts.models import Team
from marketplace.lib.transitions import state_constraint

OVERSEES = ("curator", "auditor", "admin", "finance")


class ApplicationSet(models.QuerySet):
    def visible_to(self, user):
        """The applications of one's teams; all of them for those who oversee."""
        if user.has_role(*OVERSEES):
            return self
        return self.filter(team__in=user.teams())

    def for_list(self):
        return self.select_related("team__business_unit").annotate(
            active_subscriptions=models.Count("subscriptions", Q(subscriptions__state=SubscriptionState.ACTIVE))
        )


class Application(models.Model):
    """A consumer's system: owns subscriptions and keys; its team pays."""

    class Environment(models.TextChoices):
        PROD = "prod", "Production"
        TEST = "test", "Test"

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=100, unique=True)
    team = models.ForeignKey(Team, models.PROTECT, related_name="applications")
    description = models.TextField(blank=True)
    environment = models.CharField(max_length=10, choices=Environment, default=Environment.PROD)
    cost_centre = models.CharField(max_length=20, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    objects = ApplicationSet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="application_name_once_a_team")]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("consumption:application", args=[self.slug])


class PlanSet(models.QuerySet):
    def visible_to(self, user):
        """The plans of models that the person may see."""
        return self.filter(model__in=RegisteredModel.objects.visible_to(user))


class Plan(models.Model):
    """What a model's publisher offers: limits, price, and whether the owner must say yes."""

    class Approval(models.TextChoices):
        AUTOMATIC = "automatic", "At once"
        OWNER = "owner", "After the owner's approval"

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="plans")
    slug = models.SlugField(max_length=30)
    name = models.CharField(max_length=40)
    rate_per_second = models.PositiveIntegerField(default=20)
    burst = models.PositiveIntegerField(default=40)
    concurrency = models.PositiveIntegerField(default=16)
    monthly_quota = models.BigIntegerField(null=True, blank=True, help_text="Calls a calendar month (UTC); empty: none")
    approval = models.CharField(max_length=10, choices=Approval, default=Approval.AUTOMATIC)
    price_micros_per_1000 = models.BigIntegerField("price per 1 000 calls, micro-units", default=0)
    currency = models.CharField(max_length=3, default="USD")
    is_offered = models.BooleanField(default=True)

    objects = PlanSet.as_manager()

    class Meta:
        ordering = ["price_micros_per_1000", "monthly_quota"]
        constraints = [
            models.UniqueConstraint(fields=["model", "slug"], name="plan_once_a_model"),
            models.CheckConstraint(
                condition=Q(rate_per_second__gt=0, burst__gt=0, concurrency__gt=0), name="plan_limits_positive"
            ),
        ]

    def __str__(self):
        return self.name


class SubscriptionState(models.TextChoices):
    PENDING = "pending", "Waiting for approval"
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    DENIED = "denied", "Denied"
    CLOSED = "closed", "Closed"


T = SubscriptionState


class SubscriptionSet(models.QuerySet):
    def visible_to(self, user):
        """The consumer's team, the publisher's team, and those who oversee."""
        if user.has_role(*OVERSEES):
            return self
        teams = user.teams()
        return self.filter(Q(application__team__in=teams) | Q(model__owner_team__in=teams))

    def held_by(self, user):
        """The subscriptions of one's own teams."""
        return self.filter(application__team__in=user.teams())

    def for_list(self):
        return self.select_related(
            "application__team__business_unit", "model__owner_team", "plan", "pinned_version", "requested_by"
        )

    def open(self):
        """One at a time per application and model."""
        return self.filter(state__in=Subscription.OPEN)


class Subscription(models.Model):
    """An application's right to call a model under a plan, and how it follows the model's versions."""

    class Policy(models.TextChoices):
        PIN_EXACT = "pin_exact", "Stay on exactly this version"
        AUTO_PATCH = "auto_patch", "Take patches by itself"
        AUTO_MINOR = "auto_minor", "Take patches and minor updates by itself"

    State = SubscriptionState
    MOVES = {
        T.PENDING: {T.ACTIVE, T.DENIED, T.CLOSED},
        T.ACTIVE: {T.PAUSED, T.CLOSED},
        T.PAUSED: {T.ACTIVE, T.CLOSED},
        T.DENIED: {T.PENDING},
    }
    OPEN = (T.PENDING, T.ACTIVE, T.PAUSED)

    application = models.ForeignKey(Application, models.PROTECT, related_name="subscriptions")
    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    state = models.CharField(max_length=10, choices=SubscriptionState, default=SubscriptionState.PENDING)
    version_policy = models.CharField(max_length=12, choices=Policy, default=Policy.AUTO_MINOR)
    pinned_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="pinned_subscriptions")
    purpose = models.TextField()
    expected_calls_a_month = models.BigIntegerField(null=True, blank=True)
    counterfactual = models.CharField(
        max_length=20,
        blank=True,
        choices=[
            ("would_build", "We would build our own"),
            ("would_buy", "We would buy one"),
            ("would_do_without", "We would do without"),
        ],
    )
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)

    objects = SubscriptionSet.as_manager()

    class Meta:
        ordering = ["-requested_at"]
        constraints = [
            state_constraint(SubscriptionState, "subscription_state"),
            models.UniqueConstraint(
                fields=["application", "model"],
                condition=Q(state__in=["pending", "active", "paused"]),
                name="subscription_open_once",
            ),
        ]

    def __str__(self):
        return f"{self.application} → {self.model}"

    def get_absolute_url(self):
        return reverse("consumption:application", args=[self.application.slug]) + f"#subscription-{self.pk}"


class KeyState(models.TextChoices):
    ACTIVE = "active", "Active"
    ROTATING = "rotating", "Ending (replaced)"
    REVOKED = "revoked", "Revoked"


class ApiKeySet(models.QuerySet):
    def visible_to(self, user):
        """The keys of one's own teams; all for those who oversee. Publishers see no keys."""
        if user.has_role(*OVERSEES, "operator"):
            return self
        return self.filter(subscription__application__team__in=user.teams())

    def for_list(self):
        return self.select_related("subscription__application__team", "subscription__model", "created_by")


class ApiKey(models.Model):
    """The credential of one subscription. Only its MAC is kept; the text is shown once."""

    State = KeyState
    MOVES = {
        KeyState.ACTIVE: {KeyState.ROTATING, KeyState.REVOKED},
        KeyState.ROTATING: {KeyState.REVOKED},
    }

    kid = models.CharField(max_length=8, unique=True)
    mac = models.CharField(max_length=64, help_text="hex HMAC-SHA256(pepper, key)")
    pepper_version = models.PositiveSmallIntegerField(default=1)
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="keys")
    name = models.CharField(max_length=60, default="Key")
    state = models.CharField(max_length=10, choices=KeyState, default=KeyState.ACTIVE)
    epoch = models.BigIntegerField(default=0, help_text="grows with each change; a loader refuses an older one")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="Coarse. Writer: metering")
    networks = models.JSONField(default=list, db_default=[], blank=True, help_text="CIDR texts that it works from; none: anywhere")

    objects = ApiKeySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            state_constraint(KeyState, "apikey_state"),
            models.UniqueConstraint(
                fields=["subscription", "name"], condition=Q(state="active"), name="apikey_one_active_a_name"
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="apikey_expires_later"),
        ]

    def __str__(self):
        return f"mkc_{self.kid}…"

    @property
    def is_live(self):
        return self.state in (KeyState.ACTIVE, KeyState.ROTATING) and self.expires_at > timezone.now()


class LeakReport(models.Model):
    """Somebody told of leaked keys: a person, or a scanner, whose delivery counts once. What they sent is not kept."""

    source = models.CharField(max_length=40, help_text="The scanner's name; empty: a person")
    delivery = models.CharField(max_length=100, null=True, help_text="The scanner's id for it")
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "delivery"], name="leak_delivery_once")]
        indexes = [models.Index(fields=["reporter", "at"], name="leak_reports_of_person")]

    def __str__(self):
        return f"Leak report {self.pk}"


class Outcome(models.TextChoices):
    OK = "ok", "Answered"
    CLIENT_ERROR = "client_error", "Caller's error"
    UPSTREAM_ERROR = "upstream_error", "Model's error"
    ABORTED = "aborted", "Aborted"
    UNKNOWN = "unknown", "Unknown"
    REFUSED = "refused", "Refused by a limit"


class UsageEvent(models.Model):
    """One call. The table is partitioned by `at` (see the migration) and only metering writes it.

    Plain ids, no foreign keys: an event outlives what it names, and its insert must never fail on a lookup.
    """

    event_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    subscription_id = models.BigIntegerField()
    key_id = models.BigIntegerField()
    application_id = models.BigIntegerField()
    team_id = models.BigIntegerField()
    model_id = models.BigIntegerField()
    version_id = models.BigIntegerField()
    outcome = models.CharField(max_length=16, choices=Outcome)
    http_status = models.IntegerField()
    units = models.BigIntegerField()
    duration_us = models.BigIntegerField()
    request_bytes = models.BigIntegerField(default=0)
    response_bytes = models.BigIntegerField(default=0)
    environment = models.CharField(max_length=10, default="prod")
    is_demo = models.BooleanField(default=False)

    class Meta:
        managed = False
        db_table = "consumption_usageevent"


class SpoolOffset(models.Model):
    """How far a gateway's spool file was copied to Postgres; moved in the same transaction as the events."""

    spool = models.CharField(max_length=120, primary_key=True)
    offset = models.BigIntegerField(default=0)
    shipped_at = models.DateTimeField(auto_now=True)


class OfSubscriptionSet(models.QuerySet):
    def visible_to(self, user):
        """Of the subscriptions that the person may see."""
        return self.filter(subscription__in=Subscription.objects.visible_to(user))


class UsageBucket(models.Model):
    """Usage of one subscription on one version in one period, recomputed from events. Integers only."""

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="+")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    calls = models.BigIntegerField()
    ok = models.BigIntegerField()
    client_errors = models.BigIntegerField()
    upstream_errors = models.BigIntegerField()
    aborted = models.BigIntegerField()
    unknown = models.BigIntegerField()
    refused = models.BigIntegerField()
    units = models.BigIntegerField()
    duration_us = models.BigIntegerField()
    p50_us = models.BigIntegerField(null=True)
    p95_us = models.BigIntegerField(null=True)
    p99_us = models.BigIntegerField(null=True)

    objects = OfSubscriptionSet.as_manager()

    class Meta:
        abstract = True


class UsageHour(UsageBucket):
    hour = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hour", "subscription", "version"], name="usagehour_once")]


class UsageDay(UsageBucket):
    day = models.DateField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "subscription", "version"], name="usageday_once")]


class RefusedHour(models.Model):
    """Calls of one subscription that one limit turned away in one hour, before a model was asked. Writer: refusals.Ledger."""

    hour = models.DateTimeField(db_index=True)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="+")
    limit = models.CharField(max_length=12, help_text="A name of consumption.refusals.LIMITS")
    calls = models.BigIntegerField()
    last_at = models.DateTimeField()
    told = models.JSONField(default=dict, help_text="calls by gateway process: what each has told so far is not added again")

    objects = OfSubscriptionSet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hour", "subscription", "limit"], name="refusedhour_once")]


class QuotaPeriod(models.Model):
    """One subscription's quota in one calendar month: what gateways have leased never passes the quota.

    `leased` counts what gateways took and did not bring back, and calls of a time without a quota. `quota` is the plan's when it
    was last asked for, but never less than `leased`. Of a plan without a quota the period only counts.
    """

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="quota_periods")
    period_start = models.DateField()
    quota = models.BigIntegerField()
    leased = models.BigIntegerField(default=0)
    used = models.BigIntegerField(default=0, help_text="Settled from events. Writer: metering")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "period_start"], name="quota_once_a_period"),
            models.CheckConstraint(condition=Q(leased__lte=F("quota")), name="quota_never_overrun"),
        ]


class QuotaLease(models.Model):
    """What one gateway process took from a period and how much of it its shipped events spent.

    `granted - spent` goes back to the period when the process ends, or when all that a killed one journalled is settled.
    """

    period = models.ForeignKey(QuotaPeriod, models.CASCADE, related_name="leases")
    holder = models.CharField(max_length=120, db_index=True)
    granted = models.BigIntegerField(default=0)
    spent = models.BigIntegerField(default=0, help_text="Units of shipped events. Writer: metering")
    last_ask = models.BigIntegerField(default=0, help_text="The holder's number of the last change: one that comes again is answered, not done")
    last_granted = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["period", "holder"], name="quota_lease_once_a_holder")]


class StaleHour(models.Model):
    """An hour with events that its roll-up has not seen; written with the events, deleted with the recomputed rows.

    `touched_at` is when the first of them came.
    """

    hour = models.DateTimeField(primary_key=True)
    touched_at = models.DateTimeField(default=timezone.now)
