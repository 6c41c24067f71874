"""What turned out to be true of predictions: reported by consumers by the id of the call (docs/feedback.md, "Outcomes")."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models.access import OVERSEES, Subscription
from marketplace.accounts.models import User

LABEL_MAX = 100  # characters
ROW_MAX = 999_999


class OutcomeReportSet(models.QuerySet["OutcomeReport"]):
    def visible_to(self, user: User) -> Self:
        """The consumer's team's own; those of one's models; all for those who oversee."""
        if user.has_role(*OVERSEES):
            return self
        teams = user.teams()
        return self.filter(
            Q(subscription__application__team__in=teams) | Q(version__model__owner_team__in=teams)
        )


class OutcomeReport(models.Model):
    """One prediction and what came of it: two numbers, or two labels. The newest report of a row of a call counts.

    The marketplace keeps no answers of models: a predicted value is there when the consumer sent it along.
    """

    request_id = models.UUIDField()
    row = models.PositiveIntegerField(default=0)
    output = models.CharField(max_length=80, blank=True)
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="+")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    called_at = models.DateTimeField()
    reported_at = models.DateTimeField(default=timezone.now)
    actual_number = models.FloatField(null=True)
    predicted_number = models.FloatField(null=True)
    actual_label = models.CharField(max_length=LABEL_MAX, blank=True)
    predicted_label = models.CharField(max_length=LABEL_MAX, blank=True)

    objects = OutcomeReportSet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request_id", "row", "output"], name="outcome_once_a_row"
            ),
            models.CheckConstraint(
                condition=Q(actual_number__isnull=False, actual_label="", predicted_label="")
                | (~Q(actual_label="") & Q(actual_number=None, predicted_number=None)),
                name="outcome_number_or_label",
            ),
        ]
        indexes = [models.Index(fields=["version", "called_at"], name="outcomes_of_version")]

    def __str__(self) -> str:
        return f"Outcome of {self.request_id}"
