"""What consumer teams think of a model: one rating a team, with its history (docs/feedback.md, "Ratings")."""

from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.core.field_limits import REASON

BANDS = (1_000_000, 100_000, 10_000, 1_000, 100)  # production calls
LEAST_CALLS = BANDS[-1]


class RatingSet(models.QuerySet["Rating"]):
    def visible_to(self, user: User) -> Self:
        """Those of models that the person may see."""
        return self.filter(model__in=RegisteredModel.objects.visible_to(user))

    def for_page(self) -> Self:
        """The newest first, with what a page shows of each."""
        return (
            self.select_related("team__business_unit", "version", "written_by", "answered_by")
            .prefetch_related("editions")
            .order_by("-written_at", "-pk")
        )


class Rating(models.Model):
    """A team's stars and words about a model that it uses. The newest edition stands here, the earlier ones in its editions."""

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="ratings")
    team = models.ForeignKey(Team, models.PROTECT, related_name="ratings")
    stars = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    text = models.TextField(max_length=REASON)
    version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="+", help_text="What the team called most lately"
    )
    calls = models.BigIntegerField(help_text="The team's production calls when it was written")
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    written_at = models.DateTimeField(default=timezone.now)
    answer = models.TextField("the publisher's answer", max_length=REASON, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = RatingSet.as_manager()

    class Meta:
        ordering = ["-written_at"]
        constraints = [
            models.UniqueConstraint(fields=["model", "team"], name="rating_once_a_team"),
            models.CheckConstraint(condition=Q(stars__range=(1, 5)), name="rating_stars"),
            models.CheckConstraint(
                condition=Q(answer="", answered_by=None)
                | ~Q(answer="") & Q(answered_by__isnull=False),
                name="rating_answered_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"Rating of {self.model_id} by {self.team}"

    @property
    def band(self) -> int:
        """The team had made at least so many calls."""
        return next((band for band in BANDS if self.calls >= band), 0)


class RatingEdition(models.Model):
    """One edition of a rating, as it was written. Immutable."""

    rating = models.ForeignKey(Rating, models.PROTECT, related_name="editions")
    stars = models.PositiveSmallIntegerField()
    text = models.TextField(max_length=REASON)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    calls = models.BigIntegerField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Edition of {self.rating_id}"
