"""Success stories: what a team had before, what it has now, in its own words (docs/adoption.md, "Success stories")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Prefetch, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.core.decisions import Decided
from marketplace.core.field_limits import REASON
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint
from marketplace.insights.models.ledger import ReuseEvent, SignedQuarter

TITLE_MAX, QUOTE_MAX = 120, 500
OVERSEES = ("curator", "auditor", "admin")


class StoryState(models.TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Waiting"
    PUBLISHED = "published", "Published"
    WITHDRAWN = "withdrawn", "Withdrawn"


class StorySet(models.QuerySet["Story"]):
    def visible_to(self, user: User) -> Self:
        """Published ones about models that the person sees; others for those whose they are, who is quoted, and who oversees."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.has_role(*OVERSEES):
            return self
        seen = RegisteredModel.objects.visible_to(user).order_by().values("pk")
        own = Q(author=user) | Q(quoted_person=user) | Q(team__in=user.teams().order_by())
        return self.filter(own | Q(state=StoryState.PUBLISHED, model__in=seen))

    def published_for(self, user: User) -> Self:
        """Published ones about models that the person sees, the newest first."""
        seen = RegisteredModel.objects.visible_to(user).order_by().values("pk")
        rows = self.filter(state=StoryState.PUBLISHED, model__in=seen)
        return rows.order_by("-published_at", "-pk")

    def with_figures(self) -> Self:
        """Each with its lines of the value ledger that may be shown (`shown_lines`)."""
        shown = Prefetch("lines", shown_lines(ReuseEvent.objects.all()), to_attr="shown_lines")
        return self.prefetch_related(shown)

    def for_list(self) -> Self:
        return self.select_related("model__owner_team", "team", "author", "quoted_person")


def shown_lines(lines: "models.QuerySet[ReuseEvent]") -> "models.QuerySet[ReuseEvent]":
    """Of these lines, those whose quarter finance signed and that no reversal took back."""
    signed = SignedQuarter.objects.order_by().values("quarter")
    return ReuseEvent.objects.standing().filter(
        pk__in=lines.order_by().values("pk"), quarter__in=signed
    )


class Story(Decided):
    """How a team came to use a model. The quoted person agrees, then a marketplace manager who is not the author publishes it.

    team       that uses the model.
    agreed_at  when the quoted person agreed to the words in `quote`; other words ask again.
    """

    State = StoryState
    MOVES = {
        StoryState.DRAFT: {StoryState.SUBMITTED, StoryState.WITHDRAWN},
        StoryState.SUBMITTED: {StoryState.PUBLISHED, StoryState.DRAFT, StoryState.WITHDRAWN},
        StoryState.PUBLISHED: {StoryState.WITHDRAWN},
    }
    OPEN = (StoryState.DRAFT, StoryState.SUBMITTED)

    title = LineField(max_length=TITLE_MAX)
    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="stories")
    team = models.ForeignKey(Team, models.PROTECT, related_name="stories")
    problem = models.TextField(max_length=REASON)
    before = models.TextField(max_length=REASON)
    after = models.TextField(max_length=REASON)
    quote = models.TextField(max_length=QUOTE_MAX, blank=True)
    quoted_person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    agreed_at = models.DateTimeField(null=True, blank=True)
    lines = models.ManyToManyField(ReuseEvent, blank=True, related_name="stories")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    written_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=StoryState, default=StoryState.DRAFT)
    state_since = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True, blank=True)

    objects = StorySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(StoryState, "story_state"),
            models.CheckConstraint(
                condition=Q(quote="") | Q(quoted_person__isnull=False),
                name="story_quote_of_a_person",
            ),
            models.CheckConstraint(
                condition=~Q(state="published") | Q(quote="") | Q(agreed_at__isnull=False),
                name="story_quote_agreed",
            ),
        ]
        indexes = [
            models.Index(
                fields=["-published_at"], name="stories_newest", condition=Q(state="published")
            )
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("insights:story", args=[self.pk])

    def figures(self) -> "models.QuerySet[ReuseEvent]":
        """Its lines of the value ledger whose quarter finance signed and that no reversal took back: what may be shown."""
        return shown_lines(self.lines.all())

    @property
    def waits_for_agreement(self) -> bool:
        return bool(self.quote) and self.agreed_at is None
