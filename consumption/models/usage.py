"""What was called: events, roll-ups, rejections, quotas. Metering writes them."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.models.access import OVERSEES, PlanTerms, Subscription
from consumption.models.keys import ApiKey
from marketplace.accounts.models import BusinessUnit, Team


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


class JournalPosition(models.Model):
    """How far one segment of a usage journal was copied to Postgres; moved in the same transaction as the events."""

    segment = models.CharField(max_length=120, primary_key=True)
    offset = models.BigIntegerField(default=0)
    shipped_at = models.DateTimeField(auto_now=True)


class OfSubscriptionSet(models.QuerySet):
    def visible_to(self, user):
        """Of the subscriptions that the person may see."""
        return self.filter(subscription__in=Subscription.objects.visible_to(user))


class UsageSet(models.QuerySet):
    def visible_to(self, user):
        """What the person's teams called and paid for, and what was called of their models.

        Ids are asked for first: two indexes find the rows.
        """
        if user.has_role(*OVERSEES):
            return self
        teams = user.team_ids()
        versions = ModelVersion.objects.filter(model__owner_team__in=teams).order_by()
        return self.filter(
            Q(team__in=teams) | Q(version__in=list(versions.values_list("pk", flat=True)))
        )


class UsageBucket(models.Model):
    """Usage of one subscription on one version in one period, recomputed from events. Integers only; the cost is exact.

    `team`, `business_unit` and `terms` are what was true when the calls were made: where one of them changed within the
    period, there is a row for each. `cost` is units × price, in the currency of the terms' plan.
    """

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="+")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+", help_text="Who paid")
    business_unit = models.ForeignKey(
        BusinessUnit, models.PROTECT, related_name="+", help_text="The team's unit then"
    )
    terms = models.ForeignKey(
        PlanTerms, models.PROTECT, related_name="+", help_text="The price in force then"
    )
    calls = models.BigIntegerField()
    ok = models.BigIntegerField()
    client_errors = models.BigIntegerField()
    upstream_errors = models.BigIntegerField()
    aborted = models.BigIntegerField()
    unknown = models.BigIntegerField()
    units = models.BigIntegerField(help_text="Calls that are billed")
    cost = models.DecimalField(
        max_digits=38,
        decimal_places=9,
        help_text="Exact: a billionth is a micro-unit for 1 000 calls",
    )
    duration_us = models.BigIntegerField()
    p50_us = models.BigIntegerField(null=True)
    p95_us = models.BigIntegerField(null=True)
    p99_us = models.BigIntegerField(null=True)
    first_at = models.DateTimeField(
        null=True, help_text="The first of its calls: where the price depends on a call's number"
    )

    objects = UsageSet.as_manager()

    class Meta:
        abstract = True

    @classmethod
    def constraints(cls, name, period, *others):
        """One row for each thing that was true, whose parts add up to its calls."""
        parts = F("ok") + F("client_errors") + F("upstream_errors") + F("aborted") + F("unknown")
        whose = [period, "subscription", "version", "team", "business_unit", "terms", *others]
        return [
            models.UniqueConstraint(fields=whose, name=f"{name}_once"),
            models.CheckConstraint(condition=Q(calls=parts), name=f"{name}_parts_add_up"),
        ]


class UsageHour(UsageBucket):
    hour = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["hour", "id"], name="usagehour_newest"),
            models.Index(fields=["team", "hour"], name="usagehour_of_team"),
        ]
        constraints = UsageBucket.constraints("usagehour", "hour")


class UsageDay(UsageBucket):
    day = models.DateField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["team", "day"], name="usageday_of_team")]
        constraints = UsageBucket.constraints("usageday", "day")


class FeeDay(models.Model):
    """One day's part of a subscription's monthly fee. Written once (consumption.metering.fees), and the database refuses to change it.

    Who paid, and on which terms, is what was true when the day began for the subscription; `version` is the one it was pinned to.
    """

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="+")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    business_unit = models.ForeignKey(BusinessUnit, models.PROTECT, related_name="+")
    terms = models.ForeignKey(PlanTerms, models.PROTECT, related_name="+")
    day = models.DateField(db_index=True)
    cost = models.DecimalField(max_digits=38, decimal_places=9)

    objects = UsageSet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "day"], name="feeday_once"),
        ]


class ChargedDay(models.Model):
    """A day (UTC) that is over and whose fees are all written. Writer: consumption.metering.fees."""

    day = models.DateField(primary_key=True)


class OfKey(models.Model):
    """Of one key. Events name it without a reference and outlive it, so a join must not lose what was called with it."""

    key = models.ForeignKey(
        ApiKey, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    environment = models.CharField(
        max_length=10, help_text="The application's when the calls were made"
    )

    class Meta:
        abstract = True


class KeyBucket(OfKey, UsageBucket):
    """The same usage by key and environment. `in_time`: answers within the version's promised p95; empty where none is promised."""

    in_time = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


class KeyHour(KeyBucket):
    hour = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["team", "hour"], name="keyhour_of_team")]
        constraints = UsageBucket.constraints("keyhour", "hour", "key", "environment")


class KeyDay(KeyBucket):
    day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["team", "day"], name="keyday_of_team")]
        constraints = UsageBucket.constraints("keyday", "day", "key", "environment")


class FailureBucket(OfKey):
    """Calls that were not answered, by how and with which status they ended; recomputed from events as UsageBucket is."""

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="+")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    team = models.ForeignKey(
        Team, models.PROTECT, db_index=False, related_name="+", help_text="Who called"
    )
    outcome = models.CharField(max_length=16, choices=Outcome)
    http_status = models.IntegerField()
    calls = models.BigIntegerField()

    objects = UsageSet.as_manager()
    WHOSE = ("subscription", "version", "team", "key", "environment", "outcome", "http_status")

    class Meta:
        abstract = True


class FailureHour(FailureBucket):
    hour = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["team", "hour"], name="failurehour_of_team")]
        constraints = [
            models.UniqueConstraint(fields=["hour", *FailureBucket.WHOSE], name="failurehour_once")
        ]


class FailureDay(FailureBucket):
    day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["team", "day"], name="failureday_of_team")]
        constraints = [
            models.UniqueConstraint(fields=["day", *FailureBucket.WHOSE], name="failureday_once")
        ]


class RejectedHour(models.Model):
    """Calls of one subscription that one limit rejected in one hour, before they were forwarded. Writer: rejections.RejectionImporter."""

    hour = models.DateTimeField(db_index=True)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="+")
    limit = models.CharField(
        max_length=12, help_text="A name of LIMITS in consumption/metering/rejections.py"
    )
    calls = models.BigIntegerField()
    last_at = models.DateTimeField()
    reported = models.JSONField(
        default=dict,
        help_text="calls by gateway process: what each has reported so far is not added again",
    )

    objects = OfSubscriptionSet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "subscription", "limit"], name="rejectedhour_once"
            )
        ]


class QuotaPeriodSet(models.QuerySet):
    def nearly_used(self):
        """Periods of which most is used; also those of plans without a quota, which only count."""
        return self.filter(used__gte=F("quota") * QuotaPeriod.NEARLY_USED_PERCENT / 100)


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

    NEARLY_USED_PERCENT = 80  # at an even pace six days before the month ends

    objects = QuotaPeriodSet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["period_start"],
                condition=Q(used__gte=F("quota") * 80 / 100),
                name="quota_nearly_used",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "period_start"], name="quota_once_a_period"
            ),
            models.CheckConstraint(condition=Q(leased__lte=F("quota")), name="quota_never_overrun"),
        ]


class QuotaLease(models.Model):
    """What one gateway process took from a period and how much of it its shipped events spent.

    `granted - spent` goes back to the period when the process ends, or when all that a killed one journalled is settled.
    """

    period = models.ForeignKey(QuotaPeriod, models.CASCADE, related_name="leases")
    owner = models.CharField(max_length=120, db_index=True)
    granted = models.BigIntegerField(default=0)
    spent = models.BigIntegerField(default=0, help_text="Units of shipped events. Writer: metering")
    last_request_id = models.BigIntegerField(
        default=0,
        help_text="The owner's id of its last request: a request that is repeated gets the same answer and changes nothing",
    )
    last_granted = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["period", "owner"], name="quota_lease_once_an_owner")
        ]


class StaleHour(models.Model):
    """An hour with events that its roll-up has not seen; written with the events, deleted with the recomputed rows.

    `touched_at` is when the first of them came.
    """

    hour = models.DateTimeField(primary_key=True)
    touched_at = models.DateTimeField(default=timezone.now)


class ReconciledDay(models.Model):
    """A day (UTC) of the reconciliation: when it was last counted and when it is due again. Writer: reconciliation."""

    day = models.DateField(primary_key=True)
    counted_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(db_index=True)


class ReconciledUsage(models.Model):
    """One team's calls of one day, counted from events, from hours and from days at one moment. Writer: reconciliation.

    `team` is empty for calls that have no price. Costs add up all currencies: they are only compared.
    """

    day = models.DateField(db_index=True)
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="+")
    events_calls = models.BigIntegerField()
    events_units = models.BigIntegerField()
    events_cost = models.DecimalField(max_digits=38, decimal_places=9)
    hours_calls = models.BigIntegerField()
    hours_units = models.BigIntegerField()
    hours_cost = models.DecimalField(max_digits=38, decimal_places=9)
    days_calls = models.BigIntegerField()
    days_units = models.BigIntegerField()
    days_cost = models.DecimalField(max_digits=38, decimal_places=9)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "team"], name="reconciled_usage_once", nulls_distinct=False
            )
        ]


class StaleFigures(models.Model):
    """A model whose figures in the catalog wait to be written anew. Writers: triggers on UsageHour, and each new day.

    `figures`: "usage" (consumption.metering.rollups writes them) or "service" (hosting.service_levels). `at` is when the first change came.
    """

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="+")
    figures = models.CharField(max_length=10)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["figures", "model"], name="stale_figures_once")
        ]


class FiguresDay(models.Model):
    """A day (UTC) with whose beginning all figures were marked: they look back 14 and 30 days, so each day moves them."""

    day = models.DateField(primary_key=True)
