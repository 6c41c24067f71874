"""Value that a team claims beyond avoided cost: revenue, lower cost, losses avoided (docs/value.md, "Claims")."""

from typing import Any, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import BusinessUnit, Team
from marketplace.core.decisions import Decided
from marketplace.core.field_limits import REASON
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint
from marketplace.insights.ledger import quarters, rules
from marketplace.insights.models.ledger import OfUnits, money


class ClaimState(models.TextChoices):
    DRAFT = "draft", "Draft"
    OWNER_CONFIRMED = "owner_confirmed", "Confirmed by its owner"
    VALIDATED = "finance_validated", "Validated by finance"
    REJECTED = "rejected", "Rejected"


class ClaimKind(models.TextChoices):
    REVENUE = "revenue", "New revenue"
    COST = "cost", "Lower cost"
    LOSS_AVOIDED = "loss_avoided", "Losses avoided"


class ValueClaimSet(OfUnits["ValueClaim"]):
    def for_list(self) -> Self:
        return self.select_related(
            "team", "business_unit", "model", "claimed_by", "owner_confirmed_by", "decided_by"
        )

    def counted(self) -> Self:
        """Those that the headline counts."""
        return self.filter(state=ClaimState.VALIDATED)


class ValueClaim(Decided):
    """What a team says that a model brings in a year, USD; counted once finance validated it.

    `value` = gross × attribution. `acceleration` is what came earlier than a build would have brought it; 0 where the same use is an
    avoided cost, unless finance says that it is independent.
    """

    State = ClaimState
    MOVES = {
        ClaimState.DRAFT: {ClaimState.OWNER_CONFIRMED, ClaimState.REJECTED},
        ClaimState.OWNER_CONFIRMED: {ClaimState.VALIDATED, ClaimState.REJECTED},
    }

    title = LineField(max_length=120)
    kind = models.CharField(max_length=12, choices=ClaimKind)
    team = models.ForeignKey(Team, models.PROTECT, related_name="value_claims")
    business_unit = models.ForeignKey(BusinessUnit, models.PROTECT, related_name="+")
    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="value_claims")
    quarter = models.DateField(help_text="The first day of the quarter that the value is of")
    gross = money(validators=[MinValueValidator(1), MaxValueValidator(rules.MOST)])
    attribution_percent = models.PositiveSmallIntegerField(
        default=rules.ATTRIBUTION_MOST, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    attribution_reason = models.TextField(max_length=REASON, blank=True)
    method = models.TextField(max_length=REASON)
    evidence = models.TextField(max_length=REASON)
    state = models.CharField(max_length=18, choices=ClaimState, default=ClaimState.DRAFT)
    claimed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    claimed_at = models.DateTimeField(default=timezone.now)
    owner_confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    owner_confirmed_at = models.DateTimeField(null=True, blank=True)
    posted_quarter = models.DateField(
        null=True, blank=True, help_text="The first day of the quarter that counts it"
    )
    is_independent = models.BooleanField(
        default=False, help_text="Finance: the acceleration is no part of an avoided cost"
    )
    weeks_saved = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    acceleration = money(default=0)

    objects = ValueClaimSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(ClaimState, "value_claim_state"),
            models.CheckConstraint(
                condition=~Q(state="finance_validated")
                | Q(decided_by__isnull=False, posted_quarter__isnull=False),
                name="value_claim_validated_whole",
            ),
            models.CheckConstraint(
                condition=Q(attribution_percent__lte=rules.ATTRIBUTION_MOST)
                | ~Q(attribution_reason=""),
                name="value_claim_attribution_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("insights:claim", args=[self.pk])

    @property
    def value(self) -> Any:
        """What is claimed of the gross value."""
        return rules.attributed(self.gross, self.attribution_percent)

    @property
    def counts(self) -> Any:
        """What the headline takes, USD: nothing before finance validated it."""
        if self.state != ClaimState.VALIDATED:
            return 0 * self.gross
        return self.value + self.acceleration

    @property
    def quarter_name(self) -> str:
        return quarters.name_of(self.quarter)
