"""What a unit, a team or a cost centre may spend in a month, and the subscriptions that a used-up budget stopped."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from consumption.models.access import OVERSEES, Subscription
from consumption.models.statements import MICROS_MAX
from marketplace.accounts.models import BusinessUnit, Team, User


class BudgetSet(models.QuerySet["Budget"]):
    def visible_to(self, user: User) -> "BudgetSet":
        """Those of one's teams, of their units and of their cost centres; all for those who oversee."""
        if user.has_role(*OVERSEES):
            return self
        teams = Team.objects.filter(pk__in=user.team_ids())
        centres = [name for name in teams.values_list("cost_centre", flat=True) if name]
        units = teams.values("business_unit")
        return self.filter(Q(team__in=teams) | Q(unit__in=units) | Q(cost_centre__in=centres))

    def in_month(self, month: object) -> "BudgetSet":
        """Those that hold in a month."""
        return self.filter(Q(until_month=None) | Q(until_month__gt=month), from_month__lte=month)

    def for_list(self) -> "BudgetSet":
        return self.select_related("unit", "team", "set_by")


class Budget(models.Model):
    """An amount a calendar month (UTC) for one business unit, one team or one cost centre, from a month on until (before) another.

    A soft budget tells; a hard one also stops the calls that cost something once it is used up (docs/budgets.md). Its amount never
    changes: another amount is another budget that follows it.
    """

    unit = models.ForeignKey(BusinessUnit, models.PROTECT, null=True, related_name="+")
    team = models.ForeignKey(Team, models.PROTECT, null=True, related_name="+")
    cost_centre = models.CharField(max_length=20, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    amount_micros = models.BigIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(MICROS_MAX)]
    )
    is_hard = models.BooleanField(default=False)
    from_month = models.DateField()
    until_month = models.DateField(null=True, help_text="The first month without it")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    objects = BudgetSet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(unit__isnull=False, team=None, cost_centre="")
                    | Q(unit=None, team__isnull=False, cost_centre="")
                    | (Q(unit=None, team=None) & ~Q(cost_centre=""))
                ),
                name="budget_of_one_thing",
            ),
            models.CheckConstraint(condition=Q(amount_micros__gt=0), name="budget_positive"),
        ]

    def __str__(self) -> str:
        return f"Budget of {self.whose}"

    @property
    def whose(self) -> str:
        """The unit, team or cost centre."""
        return str(self.unit or self.team or f"cost centre {self.cost_centre}")


class BudgetStop(models.Model):
    """A subscription that a used-up hard budget paused. It goes on with the next month, or when the budget allows more."""

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="budget_stops")
    budget = models.ForeignKey(Budget, models.PROTECT, related_name="stops")
    month = models.DateField()
    stopped_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscription"],
                condition=Q(ended_at=None),
                name="budget_stop_open_once_a_subscription",
            )
        ]
