"""Who may call what: applications, plans and their terms, subscriptions."""

from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.plans import pricing
from consumption.plans.pricing import PriceKind
from marketplace.accounts.models import Team
from marketplace.core.decisions import Decided
from marketplace.core.field_limits import PROSE, REASON
from marketplace.core.fields import LineField, NameKeyField
from marketplace.core.transitions import state_constraint

OVERSEES = ("curator", "auditor", "admin", "finance")


class ApplicationSet(models.QuerySet):
    def visible_to(self, user):
        """The applications of one's teams; all of them for those who oversee."""
        if user.has_role(*OVERSEES):
            return self
        return self.filter(team__in=user.teams())

    def for_list(self):
        return self.select_related("team__business_unit").annotate(
            active_subscriptions=models.Count(
                "subscriptions", Q(subscriptions__state=SubscriptionState.ACTIVE)
            )
        )


class Application(models.Model):
    """A consumer's system: owns subscriptions and keys; its team pays."""

    class Environment(models.TextChoices):
        PROD = "prod", "Production"
        TEST = "test", "Test"

    NAME_MAX = 80  # characters

    name = LineField(max_length=NAME_MAX)
    name_key = NameKeyField()
    slug = models.SlugField(max_length=100, unique=True)
    team = models.ForeignKey(Team, models.PROTECT, related_name="applications")
    description = models.TextField(max_length=PROSE, blank=True)
    environment = models.CharField(max_length=10, choices=Environment, default=Environment.PROD)
    cost_centre = LineField(max_length=20, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    objects = ApplicationSet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name_key"], name="application_name_once_a_team"
            )
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("consumption:application", args=[self.slug])


class PlanSet(models.QuerySet):
    def visible_to(self, user):
        """The plans of models that the person may see."""
        return self.filter(model__in=RegisteredModel.objects.visible_to(user))


def between(least, most):
    """Validators of a number that may be both."""
    return [MinValueValidator(least), MaxValueValidator(most)]


class Terms(models.Model):
    """What a plan costs and allows. Money in millionths of the plan's currency; consumption.plans.pricing says what the kinds mean."""

    PRICE_MAX, CALLS_MAX = pricing.PRICE_MAX, pricing.CALLS_MAX

    rate_per_second = models.PositiveIntegerField(default=20, validators=between(1, 10**6))
    burst = models.PositiveIntegerField(default=40, validators=between(1, 10**6))
    concurrency = models.PositiveIntegerField(default=16, validators=between(1, 10**5))
    monthly_quota = models.BigIntegerField(
        null=True,
        blank=True,
        validators=between(1, CALLS_MAX),
        help_text="Calls a calendar month (UTC); empty: none",
    )
    price_kind = models.CharField(max_length=10, choices=PriceKind, default=PriceKind.PER_CALL)
    price_micros_per_1000 = models.BigIntegerField(
        "price per 1 000 calls, micro-units",
        default=0,
        validators=between(0, PRICE_MAX),
        help_text="Of a call beyond what is included and beyond all steps but the last",
    )
    monthly_fee_micros = models.BigIntegerField(
        "monthly fee, micro-units",
        default=0,
        validators=between(0, PRICE_MAX),
        help_text="A day of the month costs its part of it",
    )
    included_calls = models.BigIntegerField(
        "calls included", default=0, validators=between(0, CALLS_MAX), help_text="A calendar month"
    )
    price_steps = models.JSONField(
        "steps of the price",
        default=list,
        blank=True,
        help_text="[[last call of the step, micro-units for 1 000 calls], …]; the last step has null",
    )
    unit_cost_micros_per_1000 = models.BigIntegerField(
        "cost of 1 000 calls, micro-units",
        default=0,
        validators=between(0, PRICE_MAX),
        help_text="What they cost the publisher; the markup is added to it",
    )
    markup_basis_points = models.PositiveIntegerField(
        "markup, hundredths of a percent", default=0, validators=between(0, 10**6)
    )

    class Meta:
        abstract = True


# Kinds without a fee, without steps or without a price of a call have none in the database either.
PRICE_FITS_ITS_KIND = (
    Q(price_kind__in=[kind.value for kind in PriceKind])
    & (Q(monthly_fee_micros=0) | Q(price_kind__in=[PriceKind.INCLUDED.value, PriceKind.FLAT.value]))
    & (Q(included_calls=0) | Q(price_kind=PriceKind.INCLUDED.value))
    & (Q(price_steps=[]) | Q(price_kind=PriceKind.GRADUATED.value))
    & (Q(price_micros_per_1000=0) | ~Q(price_kind__in=[PriceKind.FREE.value, PriceKind.FLAT.value]))
)


class Plan(Terms):
    """What a model's publisher offers: limits, price, and whether the owner must say yes.

    The limits and the price here are those in force now, for the gateway and for lists; consumption.plans.terms writes them. What a
    call costs is never read from here: PlanTerms say what was in force when it was made (docs/money.md).
    """

    class Approval(models.TextChoices):
        AUTOMATIC = "automatic", "At once"
        OWNER = "owner", "After the owner's approval"

    NAME_MAX = 40  # characters

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="plans")
    slug = models.SlugField(max_length=30)
    name = LineField(max_length=NAME_MAX)
    approval = models.CharField(max_length=10, choices=Approval, default=Approval.AUTOMATIC)
    currency = models.CharField(
        max_length=3,
        default="USD",
        help_text="ISO 4217. Never changes: another currency is another plan",
    )
    is_offered = models.BooleanField(default=True)
    is_always_on = models.BooleanField(
        "always on",
        default=False,
        help_text="The model does not sleep while this plan has subscribers.",
    )

    objects = PlanSet.as_manager()

    class Meta:
        ordering = ["price_micros_per_1000", "monthly_quota"]
        indexes = [
            models.Index(fields=["model"], condition=Q(is_always_on=True), name="plan_always_on")
        ]
        constraints = [
            models.UniqueConstraint(fields=["model", "slug"], name="plan_once_a_model"),
            models.CheckConstraint(
                condition=Q(rate_per_second__gt=0, burst__gt=0, concurrency__gt=0),
                name="plan_limits_positive",
            ),
            models.CheckConstraint(
                condition=Q(price_micros_per_1000__range=(0, Terms.PRICE_MAX)),
                name="plan_price_within_bounds",
            ),
            models.CheckConstraint(condition=PRICE_FITS_ITS_KIND, name="plan_price_fits_its_kind"),
        ]

    def __str__(self):
        return self.name

    @property
    def price_in_words(self) -> str:
        """ "4.00 USD per 1,000 calls", "250.00 USD a month, all calls included"."""
        return pricing.in_words(self, self.currency)

    def cost_of(self, calls: int) -> Decimal:
        """What a month with so many calls would cost at the price in force now, in the plan's currency, exact."""
        return pricing.amount(pricing.price_month(pricing.Price.of(self), calls))


class PlanTermsSet(models.QuerySet):
    def due(self):
        """What has begun, newest first: the first of a plan is in force."""
        return self.filter(effective_from__lte=timezone.now()).order_by("-effective_from")


class PlanTerms(Terms):
    """What a plan costs and allows from a moment on, until its next terms begin; its first terms also hold for all time before.

    Rows that have begun are never changed or deleted, and none begins in the past: the database refuses it. So a call is worth
    for ever what it was worth when it was made.
    """

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="terms")
    effective_from = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="Empty: before terms were kept",
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = PlanTermsSet.as_manager()

    class Meta:
        ordering = ["plan", "effective_from"]
        indexes = [
            models.Index(
                fields=["plan"], condition=Q(monthly_fee_micros__gt=0), name="plan_terms_with_a_fee"
            ),
            models.Index(
                fields=["plan"],
                condition=Q(price_kind__in=[kind.value for kind in pricing.STEPPED]),
                name="plan_terms_with_steps",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "effective_from"], name="plan_terms_begin_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    rate_per_second__gt=0,
                    burst__gt=0,
                    concurrency__gt=0,
                    price_micros_per_1000__gte=0,
                ),
                name="plan_terms_positive",
            ),
            models.CheckConstraint(
                condition=Q(price_micros_per_1000__lte=Terms.PRICE_MAX),
                name="plan_terms_price_within_bounds",
            ),
            models.CheckConstraint(
                condition=PRICE_FITS_ITS_KIND, name="plan_terms_price_fits_its_kind"
            ),
        ]

    def __str__(self):
        return f"{self.plan} from {self.effective_from:%Y-%m-%d}"


class SubscriptionState(models.TextChoices):
    PENDING = "pending", "Waiting for approval"
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    DENIED = "denied", "Denied"
    WITHDRAWN = "withdrawn", "Withdrawn"
    CLOSED = "closed", "Closed"


class DataClass(models.TextChoices):
    """The most sensitive data that a consumer sends or brings."""

    PUBLIC = "public", "Public"
    INTERNAL = "internal", "Internal"
    CONFIDENTIAL = "confidential", "Confidential"
    PERSONAL = "personal", "Personal"
    SPECIAL = "special", "Special categories of personal data"


class PauseReason(models.TextChoices):
    UNCONFIRMED = "unconfirmed", "Nobody confirmed that it is still used"
    BUDGET = "budget", "A hard budget is used up"


class SubscriptionSet(models.QuerySet):
    def visible_to(self, user):
        """The consumer's team, the publisher's team, and those who oversee. Ids are asked for first: two indexes find the rows."""
        if user.has_role(*OVERSEES):
            return self
        teams = user.team_ids()
        applications = Application.objects.filter(team__in=teams).values_list("pk", flat=True)
        models_ = RegisteredModel.objects.filter(owner_team__in=teams).values_list("pk", flat=True)
        return self.filter(Q(application__in=list(applications)) | Q(model__in=list(models_)))

    def held_by(self, user):
        """The subscriptions of one's own teams. Their ids are asked for first: for_list joins more than Postgres orders freely."""
        return self.filter(application__team__in=user.team_ids())

    def for_list(self):
        return self.select_related(
            "application__team__business_unit",
            "model__owner_team",
            "plan",
            "pinned_version",
            "held_version",
            "requested_by",
        )

    def open(self):
        """One at a time per application and model."""
        return self.filter(state__in=Subscription.OPEN)

    def going_on(self):
        """The open ones, and those that were denied lately: one may ask again."""
        since = timezone.now() - Subscription.ASK_AGAIN_WITHIN
        lately = Q(state=SubscriptionState.DENIED, decided_at__gte=since)
        return self.filter(Q(state__in=Subscription.OPEN) | lately)

    def granted(self):
        """Whose people use the model: approved and not ended. A paused one rests, and learns what happens to the model."""
        return self.filter(state__in=(SubscriptionState.ACTIVE, SubscriptionState.PAUSED))


class Hold(models.TextChoices):
    """Why newer versions do not reach a subscription by themselves."""

    NONE = "", "Not held"
    TEAM = "team", "Held by its team"
    ROLLED_BACK = "rolled_back", "Rolled back by its team"
    EXAMPLES = "examples", "Newer versions pass its examples first"
    UPDATE = "update", "An update reaches it apart from the others"


class Subscription(Decided):
    """An application's right to call a model under a plan, and how it follows the model's versions."""

    class Policy(models.TextChoices):
        PIN_EXACT = "pin_exact", "Stay on exactly this version"
        AUTO_PATCH = "auto_patch", "Take patches automatically"
        AUTO_MINOR = "auto_minor", "Take patches and minor updates automatically"

    State = SubscriptionState
    MOVES = {
        SubscriptionState.PENDING: {
            SubscriptionState.ACTIVE,
            SubscriptionState.DENIED,
            SubscriptionState.WITHDRAWN,
            SubscriptionState.CLOSED,
        },
        SubscriptionState.ACTIVE: {SubscriptionState.PAUSED, SubscriptionState.CLOSED},
        SubscriptionState.PAUSED: {SubscriptionState.ACTIVE, SubscriptionState.CLOSED},
        SubscriptionState.DENIED: {SubscriptionState.PENDING},
    }
    OPEN = (SubscriptionState.PENDING, SubscriptionState.ACTIVE, SubscriptionState.PAUSED)
    COUNTERFACTUALS = [
        ("would_build", "We would build our own"),
        ("would_buy", "We would buy one"),
        ("would_do_without", "We would do without"),
    ]
    ASK_AGAIN_WITHIN = timedelta(days=30)  # so long a denied request is something to do

    application = models.ForeignKey(Application, models.PROTECT, related_name="subscriptions")
    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    state = models.CharField(
        max_length=10, choices=SubscriptionState, default=SubscriptionState.PENDING
    )
    version_policy = models.CharField(max_length=12, choices=Policy, default=Policy.AUTO_MINOR)
    pinned_version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="pinned_subscriptions"
    )
    hold = models.CharField(max_length=12, choices=Hold, default="", db_default="", blank=True)
    held_version = models.ForeignKey(
        ModelVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="No higher version answers by itself",
    )
    held_until = models.DateTimeField(null=True, blank=True)
    updates_seen_at = models.DateTimeField(
        null=True, blank=True, help_text="Up to when its examples were run on what was published"
    )
    purpose = models.TextField(max_length=REASON)
    expected_calls_a_month = models.BigIntegerField(null=True, blank=True)
    counterfactual = models.CharField(
        max_length=20,
        blank=True,
        choices=COUNTERFACTUALS,
    )
    data_class = models.CharField(max_length=12, choices=DataClass, blank=True)
    use = models.JSONField(
        default=dict,
        blank=True,
        help_text="Answers about this use: people, autonomy, materiality, regulated",
    )
    use_tier = models.CharField(
        max_length=12, blank=True, help_text="Risk tier of this use; empty: as the model's"
    )
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    ends_on = models.DateField(null=True, blank=True, help_text="Its last day (UTC); empty: open")
    confirm_by = models.DateField(
        null=True, blank=True, help_text="The last day (UTC) on which its team confirms the use"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    paused_because = models.CharField(max_length=12, choices=PauseReason, blank=True)

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
            models.CheckConstraint(
                condition=Q(hold="", held_version=None)
                | ~Q(hold="") & Q(held_version__isnull=False),
                name="subscription_held_at_a_version",
            ),
        ]
        indexes = [
            models.Index(fields=["held_until"], condition=~Q(hold=""), name="subscription_held"),
            models.Index(
                fields=["requested_at"], condition=Q(state="pending"), name="subscription_waiting"
            ),
            models.Index(
                fields=["ends_on"],
                condition=Q(state__in=["active", "paused"]),
                name="subscription_ending",
            ),
            models.Index(
                fields=["confirm_by"],
                condition=Q(state__in=["active", "paused"]),
                name="subscription_to_confirm",
            ),
        ]

    def __str__(self):
        return f"{self.application} → {self.model}"

    @property
    def is_open(self):
        return self.state in self.OPEN

    def get_absolute_url(self):
        return (
            reverse("consumption:application", args=[self.application.slug])
            + f"#subscription-{self.pk}"
        )


class SubscriptionPlan(models.Model):
    """Which plan a subscription was on from when on. Writer: the database, with each change of `Subscription.plan`."""

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="plans")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+")
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "since"], name="subscription_plan_since_once"
            )
        ]
