"""Roll-up of who uses which model, for the uses that count nothing in the ledger (docs/value.md, "When use qualifies")."""

from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef

from catalog.models import RegisteredModel
from consumption.models import Subscription
from marketplace.accounts.models import Team, User
from marketplace.insights.models.ledger import SEES_ALL, LineKind, ReuseEvent


class ModelUseSet(models.QuerySet["ModelUse"]):
    def visible_to(self, user: User) -> Self:
        """All for executives, finance and auditors; for others those of their own business units of models that they see."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.has_role(*SEES_ALL):
            return self
        return self.filter(
            team__business_unit__in=user.teams().values("business_unit"),
            model__in=RegisteredModel.objects.visible_to(user),
        )

    def without_line(self) -> Self:
        """Those that no line of the ledger is about; `has_line`: another model has one for the same team and capability."""
        lines = ReuseEvent.objects.filter(kind=LineKind.REUSE, team=OuterRef("team"))
        own = lines.filter(model=OuterRef("model"))
        alike = lines.filter(capability=OuterRef("model__capability"))
        return self.filter(~Exists(own)).annotate(has_line=Exists(alike))

    def for_page(self) -> Self:
        """The most calls first, with what a row shows."""
        rows = self.select_related("team__business_unit", "model", "subscription")
        return rows.order_by("-calls", "pk")


class ModelUse(models.Model):
    """A team called a model in the last year, as the ledger's sweep counted it. Writer: ledger.uses.

    `calls` and `days` are answered calls of production systems in the window of the ledger, 90 days.
    """

    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="+")
    subscription = models.ForeignKey(
        Subscription,
        models.CASCADE,
        related_name="+",
        help_text="A production one if there is, that says what the team would have done if one does",
    )
    in_production = models.BooleanField()
    calls = models.BigIntegerField()
    days = models.PositiveIntegerField()

    objects = ModelUseSet.as_manager()

    class Meta:
        ordering = ["-calls", "id"]
        constraints = [
            models.UniqueConstraint(fields=["team", "model"], name="model_use_once_a_team")
        ]
        indexes = [models.Index(fields=["-calls"], name="model_use_most_calls")]

    def __str__(self) -> str:
        return f"{self.team}, {self.model}"
