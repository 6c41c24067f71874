"""Who keeps a model when its owner has left (docs/curation.md, "When an owner leaves")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.core.decisions import Decided, Proposal
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint


class SuccessionState(models.TextChoices):
    OPEN = "open", "Waits for a second person"
    AGREED = "agreed", "Agreed"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Taken back"


class SuccessionSet(models.QuerySet["Succession"]):
    def visible_to(self, user: User) -> Self:
        """For both teams, and for those who oversee the catalog; nobody sees more than the model allows."""
        seen = self.filter(model__in=RegisteredModel.objects.visible_to(user).values("pk"))
        if user.has_role("curator", "auditor", "admin", "governance_lead"):
            return seen
        teams = user.teams()
        return seen.filter(Q(model__owner_team__in=teams) | Q(team__in=teams))

    def for_page(self) -> Self:
        return self.select_related(
            "model__owner_team", "team", "owner", "proposed_by", "decided_by"
        ).order_by("-pk")


class Succession(Proposal, Decided):
    """A new owner of a model, named by one person and agreed by another."""

    State = SuccessionState
    MOVES = {
        SuccessionState.OPEN: {
            SuccessionState.AGREED,
            SuccessionState.REFUSED,
            SuccessionState.WITHDRAWN,
        }
    }

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="successions")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    support_contact = LineField(max_length=120)
    state = models.CharField(max_length=10, choices=SuccessionState, default=SuccessionState.OPEN)

    objects = SuccessionSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(SuccessionState, "succession_state"),
            models.UniqueConstraint(
                fields=["model"], condition=Q(state="open"), name="succession_one_open"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "withdrawn"])
                | Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by")),
                name="succession_of_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner} as owner of {self.model}"

    def get_absolute_url(self) -> str:
        return reverse("insights:succession", args=[self.model.slug])

    @property
    def is_open(self) -> bool:
        return self.state == SuccessionState.OPEN
