"""Months that finance closed, what was charged in them, and what is disputed, shared and adjusted (docs/statements.md)."""

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models.access import OVERSEES, PlanTerms, Subscription
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.core.decisions import Decided
from marketplace.core.field_limits import REASON
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

MICROS_MAX = 10**16


class ChargeKind(models.TextChoices):
    USAGE = "usage", "Calls"
    FEE = "fee", "Monthly fee"
    CORRECTION = "correction", "Correction"
    PLATFORM = "platform", "Platform, shared"
    ADJUSTMENT = "adjustment", "Adjustment"


class ClosedMonth(models.Model):
    """A month whose statements are final. Never changed: the database refuses it, and the record of the close holds `sha256`.

    `reconciled` is what was compared when it was closed: {"units": {events, hours, days}, "cost": {events, days, lines}}, exact text.
    """

    month = models.DateField(primary_key=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(default=timezone.now)
    line_count = models.IntegerField()
    totals = models.JSONField(help_text="{currency: charged and shown, as decimal text}")
    reconciled = models.JSONField()
    sha256 = models.CharField(
        max_length=64, help_text="Of all lines (consumption.statements.closing)"
    )

    def __str__(self) -> str:
        return f"Statements of {self.month:%B %Y}"

    def get_absolute_url(self) -> str:
        return f"{reverse('consumption:statement')}?month={self.month:%Y-%m}"


class LateMonth(models.Model):
    """A closed month whose roll-ups changed afterwards: the next statement looks for corrections of it. Writer: the roll-up."""

    month = models.DateField(primary_key=True)


class ChargeLine(models.Model):
    """One line of a closed month: who pays what for what. Written by the close, and never changed or deleted.

    `cost` is exact, `amount` is what is charged: rounded half to even to the currency's digits. `key` names the line as the open
    month did, so that a dispute finds it.
    """

    month = models.DateField(db_index=True)
    key = models.CharField(max_length=32)
    kind = models.CharField(max_length=10, choices=ChargeKind)
    business_unit = models.ForeignKey(BusinessUnit, models.PROTECT, related_name="+")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    cost_centre = models.CharField(max_length=20, blank=True)
    subscription = models.ForeignKey(Subscription, models.PROTECT, null=True, related_name="+")
    version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    terms = models.ForeignKey(PlanTerms, models.PROTECT, null=True, related_name="+")
    about = models.DateField(null=True, help_text="The month that a correction corrects")
    calls = models.BigIntegerField(default=0)
    ok = models.BigIntegerField(default=0)
    client_errors = models.BigIntegerField(default=0)
    upstream_errors = models.BigIntegerField(default=0)
    aborted = models.BigIntegerField(default=0)
    unknown = models.BigIntegerField(default=0)
    units = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    cost = models.DecimalField(max_digits=38, decimal_places=9)
    amount = models.DecimalField(max_digits=24, decimal_places=4)
    description = models.CharField(max_length=REASON, blank=True)
    is_charged = models.BooleanField(help_text="Charged back; else only shown to the unit")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["month", "key"], name="charge_line_once_a_month")
        ]


class OfTheBooksSet(models.QuerySet[Any]):
    def visible_to(self, user: User) -> "OfTheBooksSet":
        """Those who oversee."""
        return self if user.has_role(*OVERSEES) else self.none()


class UnitCharging(models.Model):
    """From a month on, a business unit is charged for what it uses; or is only shown it. Before the first row it is shown."""

    unit = models.ForeignKey(BusinessUnit, models.PROTECT, related_name="charging")
    from_month = models.DateField()
    is_charged = models.BooleanField()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    objects = OfTheBooksSet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["unit", "from_month"], name="unit_charging_once_a_month"
            )
        ]


class SharedCost(models.Model):
    """What the platform costs a month, split among the units that used it, from a month on until (before) another.

    `shares` of the method "fixed": {business unit's slug: percent}, together 100.
    """

    class Method(models.TextChoices):
        CALLS = "calls", "By billed calls"
        SUBSCRIPTIONS = "subscriptions", "By subscriptions in use"
        EVEN = "even", "Evenly"
        FIXED = "fixed", "Fixed shares"

    name = LineField(max_length=80)
    currency = models.CharField(max_length=3, default="USD")
    amount_micros = models.BigIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(MICROS_MAX)],
        help_text="A month, in millionths of the currency",
    )
    method = models.CharField(max_length=13, choices=Method)
    shares = models.JSONField(default=dict, blank=True)
    from_month = models.DateField()
    until_month = models.DateField(null=True, help_text="The first month without it")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    objects = OfTheBooksSet.as_manager()

    class Meta:
        ordering = ["from_month", "id"]

    def __str__(self) -> str:
        return self.name


class DisputeState(models.TextChoices):
    OPEN = "open", "Waits for an answer"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"


class DisputeSet(models.QuerySet["Dispute"]):
    def visible_to(self, user: User) -> "DisputeSet":
        """The team's own, and all for those who oversee."""
        if user.has_role(*OVERSEES):
            return self
        return self.filter(team__in=user.team_ids())

    def open(self) -> "DisputeSet":
        return self.filter(state=DisputeState.OPEN)

    def for_list(self) -> "DisputeSet":
        return self.select_related("team__business_unit", "opened_by", "decided_by")


class Dispute(Decided):
    """A team says that a line of its statement is wrong; finance answers, never somebody of the team.

    `line_key` is the line's in its month; `about` and `amount` say what it was when the dispute was opened.
    """

    State = DisputeState
    MOVES = {
        DisputeState.OPEN: {
            DisputeState.ACCEPTED,
            DisputeState.REJECTED,
            DisputeState.WITHDRAWN,
        }
    }

    month = models.DateField()
    line_key = models.CharField(max_length=32)
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    about = models.CharField(max_length=300)
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=24, decimal_places=4)
    reason = models.TextField(max_length=REASON)
    state = models.CharField(max_length=10, choices=DisputeState, default=DisputeState.OPEN)
    credit = models.DecimalField(
        max_digits=24, decimal_places=4, null=True, help_text="What is given back, when accepted"
    )
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(default=timezone.now)

    objects = DisputeSet.as_manager()

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            state_constraint(DisputeState, "dispute_state"),
            models.UniqueConstraint(
                fields=["month", "line_key"],
                condition=Q(state=DisputeState.OPEN.value),
                name="dispute_open_once_a_line",
            ),
        ]

    def __str__(self) -> str:
        return f"Dispute {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("consumption:dispute", args=[self.pk])


class Adjustment(models.Model):
    """An amount on one team's statement of an open month, given by finance with a reason: the answer to a dispute. Never changed."""

    month = models.DateField(db_index=True)
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    business_unit = models.ForeignKey(BusinessUnit, models.PROTECT, related_name="+")
    cost_centre = models.CharField(max_length=20, blank=True)
    about = models.DateField(help_text="The month of the line that it mends")
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=24, decimal_places=4)
    description = models.CharField(max_length=REASON)
    dispute = models.OneToOneField(Dispute, models.PROTECT, related_name="adjustment")
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    given_at = models.DateTimeField(default=timezone.now)
