"""Changes that take something from consumers, with notice: proposed, confirmed, announced, begun."""

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from catalog.models import ModelVersion, RegisteredModel
from consumption.models.access import OVERSEES, Plan, Subscription
from marketplace.accounts.models import User
from marketplace.core.decisions import Decided, Proposal
from marketplace.core.transitions import state_constraint


class ChangeState(models.TextChoices):
    PROPOSED = "proposed", "Waits for a second person"
    SCHEDULED = "scheduled", "Scheduled"
    IN_FORCE = "in_force", "In force"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"


class ScheduledChangeSet(models.QuerySet["ScheduledChange"]):
    def visible_to(self, user: User) -> "ScheduledChangeSet":
        """Proposals: the publisher's team and those who oversee. What is announced or in force: also whoever sees the model.

        The end of one subscription is announced to its own team alone.
        """
        if user.has_role(*OVERSEES):
            return self
        teams = user.teams()
        announced = Q(
            state__in=[ChangeState.SCHEDULED, ChangeState.IN_FORCE],
            model__in=RegisteredModel.objects.visible_to(user),
        ) & (Q(subscription=None) | Q(subscription__application__team__in=teams))
        return self.filter(Q(model__owner_team__in=teams) | announced)

    def open(self) -> "ScheduledChangeSet":
        return self.filter(state__in=ScheduledChange.OPEN)

    def for_list(self) -> "ScheduledChangeSet":
        return self.select_related(
            "model__owner_team",
            "plan",
            "version__model",
            "subscription__application__team",
            "subscription__model",
            "proposed_by",
            "decided_by",
        )


class ScheduledChange(Proposal, Decided):
    """A change that takes something from consumers: one person proposes it, another confirms it, consumers are told, a notice runs.

    It is about a model as a whole, or about one of its plans, versions or subscriptions. `before` and `after` hold what changes,
    by name; the kind says which names there are (consumption.changes.kinds). `affected` is who was affected when it was
    proposed: [{"application", "team", "calls_30d", …}].
    """

    class Kind(models.TextChoices):
        TERMS = "terms", "New terms of a plan"
        WITHDRAWAL = "withdrawal", "End of a plan"
        VISIBILITY = "visibility", "Fewer teams may use the model"
        SUBSCRIPTION = "subscription", "End of a subscription"
        CAPACITY = "capacity", "Less capacity of a version"
        DEPRECATION = "deprecation", "End of a version"

    State = ChangeState
    MOVES = {
        ChangeState.PROPOSED: {ChangeState.SCHEDULED, ChangeState.REFUSED, ChangeState.WITHDRAWN},
        ChangeState.SCHEDULED: {ChangeState.IN_FORCE, ChangeState.WITHDRAWN},
    }
    OPEN = (ChangeState.PROPOSED, ChangeState.SCHEDULED)

    kind = models.CharField(max_length=12, choices=Kind)
    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="changes")
    plan = models.ForeignKey(Plan, models.PROTECT, null=True, blank=True, related_name="changes")
    version = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="changes"
    )
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, null=True, blank=True, related_name="changes"
    )
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    affected = models.JSONField(default=list)
    effective_from = models.DateTimeField()
    state = models.CharField(max_length=10, choices=ChangeState, default=ChangeState.PROPOSED)

    objects = ScheduledChangeSet.as_manager()

    class Meta:
        ordering = ["-proposed_at"]
        constraints = [
            state_constraint(ChangeState, "scheduledchange_state"),
            models.UniqueConstraint(
                fields=["model", "plan", "version", "subscription", "kind"],
                condition=Q(state__in=["proposed", "scheduled"]),
                nulls_distinct=False,
                name="scheduledchange_one_open",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["scheduled", "in_force"]) | ~Q(decided_by=F("proposed_by")),
                name="scheduledchange_two_people",
            ),
        ]
        indexes = [
            models.Index(
                fields=["effective_from"],
                condition=Q(state="scheduled"),
                name="scheduledchange_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"

    def get_absolute_url(self) -> str:
        return reverse("consumption:change", args=[self.pk])

    @property
    def subject(self) -> Plan | ModelVersion | Subscription | RegisteredModel:
        """What it is about: a plan, a version, a subscription, or the model as a whole."""
        return self.plan or self.version or self.subscription or self.model
