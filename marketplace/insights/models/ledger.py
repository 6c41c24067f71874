"""The value ledger: lines of reuse, the quarters that finance signed, what publishing took (docs/value.md)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self, TypeVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import Capability, RegisteredModel, SearchRecord
from consumption.models import Subscription
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.core.field_limits import REASON
from marketplace.core.fields import LineField
from marketplace.insights.ledger import quarters, rules

SEES_ALL = ("executive", "finance", "auditor")


def money(**more: Any) -> "models.DecimalField[Any, Any]":
    """A column of US dollars and cents."""
    return models.DecimalField(max_digits=14, decimal_places=2, **more)


class LineKind(models.TextChoices):
    REUSE = "reuse", "Reuse"
    REVERSAL = "reversal", "Reversal"


class CostSize(models.TextChoices):
    SMALL = "S", "Small"
    MEDIUM = "M", "Medium"
    LARGE = "L", "Large"


class Grade(models.TextChoices):
    """How well a line is evidenced."""

    DOCUMENTED = "A", "Plan given up, documented"
    ATTESTED = "B", "Manager attests"
    USAGE = "C", "Usage only"


Row = TypeVar("Row", bound=models.Model)


class OfUnits(models.QuerySet[Row]):
    """Rows of a business unit about a model: lines of the ledger, and claims."""

    def visible_to(self, user: User) -> Self:
        """All for executives, finance and auditors; for others those of their own business units about models that they see."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.has_role(*SEES_ALL):
            return self
        return self.filter(
            business_unit__in=user.teams().values("business_unit"),
            model__in=RegisteredModel.objects.visible_to(user),
        )


class ReuseEventSet(OfUnits["ReuseEvent"]):
    def for_list(self) -> Self:
        """With what a row shows; `is_reversed` and `is_signed` are annotated."""
        reversals = ReuseEvent.objects.filter(reverses=OuterRef("pk"))
        signed = SignedQuarter.objects.filter(quarter=OuterRef("quarter"))
        return self.select_related(
            "team",
            "business_unit",
            "capability",
            "model__owner_team",
            "subscription__application",
            "confirmed_by",
        ).annotate(is_reversed=Exists(reversals), is_signed=Exists(signed))

    def for_page(self) -> Self:
        return self.for_list().select_related(
            "subscription__requested_by",
            "subscription__decided_by",
            "search_record__team",
            "reverses",
        )

    def in_year(self, year: int) -> Self:
        """Posted in the quarters of a fiscal year."""
        return self.filter(quarter__in=quarters.of_year(year))

    def standing(self) -> Self:
        """Lines that no reversal took back."""
        reversals = ReuseEvent.objects.filter(reverses=OuterRef("pk"))
        return self.filter(~Exists(reversals), kind=LineKind.REUSE)


class ReuseEvent(models.Model):
    """A line of the ledger: a team reuses a model in the place of one that it would have built or bought; or takes a line back.

    Amounts are USD. Every input of the amounts stands in the row, so that the line can be worked out again outside the product.
    `quarter` is where it is posted; once finance signed that quarter, the database refuses to change or delete the line.
    """

    Kind = LineKind

    kind = models.CharField(max_length=8, choices=LineKind, default=LineKind.REUSE)
    team = models.ForeignKey(Team, models.PROTECT, related_name="reuse_events")
    business_unit = models.ForeignKey(
        BusinessUnit, models.PROTECT, related_name="+", help_text="The team's when it qualified"
    )
    capability = models.ForeignKey(Capability, models.PROTECT, related_name="+")
    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="reuse_events")
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="reuse_events")
    qualified_on = models.DateField(help_text="The day on which the calls sufficed")
    window_from = models.DateField(help_text="The first day of the calls that are counted")
    calls = models.BigIntegerField(help_text="Answered in production until then")
    days = models.PositiveIntegerField(help_text="With an answered call")
    counterfactual = models.CharField(
        max_length=20, choices=Subscription.COUNTERFACTUALS, blank=True
    )
    complexity: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, help_text="Answers of ledger.sizing"
    )
    size = models.CharField(max_length=1, choices=CostSize)
    licence_price = money(null=True, blank=True, help_text="Twelve months of what would be bought")
    booked_cost = money(null=True, blank=True, help_text="What building took the publisher")
    cost_low = money()
    cost_mid = money()
    cost_high = money()
    grade = models.CharField(max_length=1, choices=Grade)
    confidence = models.DecimalField(max_digits=4, decimal_places=2)
    share = models.DecimalField(max_digits=4, decimal_places=2)
    integration_logged = money(null=True, blank=True, validators=[MinValueValidator(0)])
    integration = money()
    low = money()
    mid = money()
    high = money()
    rules_version = models.CharField(max_length=20, default=rules.VERSION)
    quarter = models.DateField(
        db_index=True, help_text="The first day of the quarter it is posted in"
    )
    search_record = models.ForeignKey(
        SearchRecord, models.PROTECT, null=True, blank=True, related_name="+"
    )
    plan_reference = LineField(max_length=120, blank=True)
    plan_amount = money(null=True, blank=True)
    plan_ended_on = models.DateField(null=True, blank=True)
    plan_text = models.TextField(max_length=REASON, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmation = models.TextField(max_length=REASON, blank=True)
    described_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversal"
    )
    reason = models.TextField(max_length=REASON, blank=True, help_text="Of a reversal")
    posted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    posted_at = models.DateTimeField(default=timezone.now)

    objects = ReuseEventSet.as_manager()

    class Meta:
        ordering = ["quarter", "qualified_on", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "capability"],
                condition=Q(kind="reuse"),
                name="reuse_once_a_team_and_capability",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind="reuse", reverses=None, low__gte=0, low__lte=F("mid"), mid__lte=F("high")
                )
                | Q(kind="reversal", reverses__isnull=False, low__lte=0, high__lte=0),
                name="reuse_line_whole",
            ),
            models.CheckConstraint(
                condition=~Q(kind="reversal") | ~Q(reason=""), name="reversal_has_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(grade__in=[g.value for g in Grade]), name="reuse_grade"
            ),
            models.CheckConstraint(
                condition=Q(size__in=[s.value for s in CostSize]), name="reuse_size"
            ),
        ]
        indexes = [
            models.Index(fields=["business_unit", "capability"], name="reuse_of_unit"),
            models.Index(
                fields=["qualified_on"], condition=Q(kind="reuse"), name="reuse_qualified"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team}, {self.model}"

    def get_absolute_url(self) -> str:
        return f"{reverse('insights:value')}?year={quarters.year_of(self.quarter)}&line={self.pk}#line-{self.pk}"

    @property
    def quarter_name(self) -> str:
        return quarters.name_of(self.quarter)

    @property
    def is_reversal(self) -> bool:
        return self.kind == LineKind.REVERSAL

    @property
    def has_plan(self) -> bool:
        """Is the plan that was given up documented: what it was, what it would have cost, when it ended?"""
        return bool(
            self.plan_reference and self.plan_text and self.plan_amount and self.plan_ended_on
        )

    @property
    def takes_back_until(self) -> date:
        """Use that stops before this day takes the line back."""
        return self.qualified_on + rules.KEPT_UP


class SignedQuarter(models.Model):
    """A quarter of the ledger that finance signed. Never changed; its lines, and claims posted in it, do not change any more either.

    `sha256` is over all lines and validated claims (ledger.signing); the record of the signature holds it with the sums.
    """

    quarter = models.DateField(primary_key=True)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(default=timezone.now)
    line_count = models.IntegerField()
    low = money()
    mid = money()
    high = money()
    claims = money(default=Decimal(0))
    sha256 = models.CharField(max_length=64)
    audit_event_id = models.BigIntegerField(help_text="The act on the record")

    class Meta:
        ordering = ["-quarter"]

    def __str__(self) -> str:
        return f"Value of {quarters.name_of(self.quarter)}"

    def get_absolute_url(self) -> str:
        return reverse("insights:quarter", args=[quarters.name_of(self.quarter)])

    @property
    def name(self) -> str:
        return quarters.name_of(self.quarter)


class EffortKind(models.TextChoices):
    BUILD = "build", "Building it, USD"
    PUBLICATION = "publication", "Publishing it, hours"


class PublishingEffortSet(models.QuerySet["PublishingEffort"]):
    def visible_to(self, user: User) -> Self:
        """The owner team's own; all for executives, finance and auditors."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.has_role(*SEES_ALL):
            return self
        return self.filter(model__owner_team__in=user.teams())


class PublishingEffort(models.Model):
    """What a model took its owners: money to build it, or hours to publish it. Rows are added, never changed."""

    Kind = EffortKind

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="efforts")
    kind = models.CharField(max_length=12, choices=EffortKind)
    amount = money(validators=[MinValueValidator(Decimal("0.01"))])
    note = LineField(max_length=200, help_text="Where it is booked")
    spent_on = models.DateField()
    logged_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    logged_at: "models.DateTimeField[Any, datetime]" = models.DateTimeField(default=timezone.now)

    objects = PublishingEffortSet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.model}: {self.get_kind_display().lower()}"
