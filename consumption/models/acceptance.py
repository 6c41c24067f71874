"""Acceptance tests of consumers: stored examples with the range that they accept, and their runs on new versions (docs/moves.md)."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models.access import Subscription
from marketplace.accounts.models import User
from marketplace.core.field_limits import REASON
from marketplace.core.fields import LineField
from marketplace.core.templatetags.formatting import figure
from marketplace.core.transitions import state_constraint


class AcceptanceExampleSet(models.QuerySet["AcceptanceExample"]):
    def visible_to(self, user: User) -> Self:
        """Those of one's teams. No role sees more: the values are the team's alone."""
        return self.filter(subscription__application__team__in=user.teams())

    def for_list(self) -> Self:
        return self.select_related("subscription__application__team", "subscription__model")


class AcceptanceExample(models.Model):
    """One case of a consumer, and which answer it accepts: a number from `low` to `high`, or exactly `expected`.

    row     {input: text}, for the inputs of all versions that it is to run on.
    output  which output counts; empty: the one that the version shows first.
    """

    MOST = 20  # of one subscription

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="examples")
    name = LineField(max_length=80)
    row = models.JSONField()
    output = LineField(max_length=80, blank=True)
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    expected = LineField(max_length=200, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    objects = AcceptanceExampleSet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "name"], name="example_name_once"),
            models.CheckConstraint(
                condition=Q(low=None) | Q(high=None) | Q(low__lte=F("high")),
                name="example_range_in_order",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def accepts(self) -> str:
        """Its range in words."""
        if self.low is not None and self.high is not None:
            return f"{figure(self.low)} to {figure(self.high)}"
        if self.low is not None:
            return f"at least {figure(self.low)}"
        return f"at most {figure(self.high)}" if self.high is not None else f"“{self.expected}”"


class AcceptanceState(models.TextChoices):
    QUEUED = "queued", "Waiting"
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"


class AcceptanceRunSet(models.QuerySet["AcceptanceRun"]):
    def visible_to(self, user: User) -> Self:
        """Whoever sees the subscription, the model's owners among them: whether it passed, never the data."""
        return self.filter(subscription__in=Subscription.objects.visible_to(user))

    def for_list(self) -> Self:
        return self.select_related(
            "subscription__application__team", "subscription__model", "version"
        ).prefetch_related("results__example")


class AcceptanceRun(models.Model):
    """The examples of one subscription on one version. examples, failed: how many there were, and how many failed and are not accepted."""

    State = AcceptanceState
    MOVES = {
        AcceptanceState.QUEUED: {AcceptanceState.PASSED, AcceptanceState.FAILED},
        AcceptanceState.FAILED: {AcceptanceState.PASSED},
    }

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="acceptance_runs")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=AcceptanceState, default=AcceptanceState.QUEUED)
    is_automatic = models.BooleanField(default=False)
    examples = models.PositiveSmallIntegerField(default=0)
    failed = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = AcceptanceRunSet.as_manager()

    class Meta:
        ordering = ["-asked_at"]
        indexes = [
            models.Index(fields=["subscription", "-asked_at"], name="acceptance_newest"),
            models.Index(fields=["asked_at"], condition=Q(state="queued"), name="acceptance_queue"),
        ]
        constraints = [state_constraint(AcceptanceState, "acceptancerun_state")]

    def __str__(self) -> str:
        return f"Examples of {self.subscription.application} on {self.version.number}"


class AcceptanceResult(models.Model):
    """One example in a run. before, answer: what the version of then and the new one answered; they go with the example."""

    run = models.ForeignKey(AcceptanceRun, models.CASCADE, related_name="results")
    example = models.ForeignKey(AcceptanceExample, models.CASCADE, related_name="results")
    before = models.JSONField(null=True, default=None)
    answer = models.JSONField(null=True, default=None)
    is_within = models.BooleanField()
    why = models.CharField(max_length=300, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_reason = models.TextField(max_length=REASON, blank=True)

    class Meta:
        ordering = ["example__name"]
        constraints = [
            models.UniqueConstraint(fields=["run", "example"], name="acceptance_result_once")
        ]

    def __str__(self) -> str:
        return f"{self.example} in run {self.run_id}"

    @property
    def is_fine(self) -> bool:
        return self.is_within or self.accepted_by_id is not None


def with_last_run(subscriptions: Any) -> Any:
    """A queryset of subscriptions with `last_run_state` and `last_run_version`: whether their examples passed, and on what."""
    runs = AcceptanceRun.objects.filter(subscription=models.OuterRef("pk"))
    return subscriptions.annotate(
        last_run_state=models.Subquery(runs.values("state")[:1]),
        last_run_version=models.Subquery(runs.values("version__number")[:1]),
    )
