"""Who proposed another text of a policy, and who agreed (docs/governance.md, "Policies")."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from governance.models.reviews import PolicyVersion
from marketplace.accounts.models import User
from marketplace.core.decisions import Decided, Proposal
from marketplace.core.transitions import state_constraint


class PolicyKind(models.TextChoices):
    TIERING = "tiering", "Risk questionnaire"
    CARD_SCHEMA = "card_schema", "Model card"
    REVIEW_MATRIX = "review_matrix", "Reviews and checklists"
    GATES = "gates", "Automatic checks"
    PERIODS = "periods", "Periods and notices"


class PolicyChangeState(models.TextChoices):
    OPEN = "open", "Waits for a second person"
    APPROVED = "approved", "Approved"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"


class PolicyChangeSet(models.QuerySet["PolicyChange"]):
    def visible_to(self, user: User) -> Self:
        """Whoever is signed in: who is judged by rules reads what becomes of them."""
        return self if user.is_authenticated else self.none()

    def open(self) -> Self:
        return self.filter(state=PolicyChangeState.OPEN)

    def for_page(self) -> Self:
        return self.select_related("proposed_by", "decided_by", "policy").order_by("-pk")


class PolicyChange(Proposal, Decided):
    """Another text of one kind of policy, from a day on. Once approved, its PolicyVersion counts from that day."""

    Kind = PolicyKind
    State = PolicyChangeState
    MOVES = {
        PolicyChangeState.OPEN: {
            PolicyChangeState.APPROVED,
            PolicyChangeState.REFUSED,
            PolicyChangeState.WITHDRAWN,
        }
    }

    kind = models.CharField(max_length=30, choices=PolicyKind)
    before = models.JSONField(help_text="The text that it changes")
    after = models.JSONField(help_text="The whole text that it proposes")
    effective_from = models.DateTimeField(help_text="When it begins; if decided later, then")
    effect = models.JSONField(
        default=dict, help_text="How many versions it concerned when it was proposed, by effect"
    )
    state = models.CharField(
        max_length=10, choices=PolicyChangeState, default=PolicyChangeState.OPEN
    )
    policy = models.OneToOneField(
        PolicyVersion, models.PROTECT, null=True, blank=True, related_name="change"
    )

    objects = PolicyChangeSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(PolicyChangeState, "policy_change_state"),
            models.UniqueConstraint(
                fields=["kind"], condition=Q(state="open"), name="policy_change_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=models.F("proposed_by")),
                name="policy_change_decided_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(state="approved") | Q(decided_by__isnull=False, policy__isnull=False),
                name="policy_change_of_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.after['semver']}"

    def get_absolute_url(self) -> str:
        return reverse("governance:policy_change", args=[self.pk])
