"""Collections: sets of models that belong together, with a text, made by marketplace managers (docs/recommendations.md, "Collections")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models.entries import RegisteredModel
from marketplace.accounts.models import User
from marketplace.core.field_limits import PROSE, REASON
from marketplace.core.fields import LineField, NameKeyField
from marketplace.core.transitions import state_constraint

CURATES = ("curator", "auditor", "admin")  # who also reads drafts


class CollectionState(models.TextChoices):
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"


class CollectionSet(models.QuerySet["Collection"]):
    def visible_to(self, user: User) -> Self:
        """Published ones for everybody who is signed in; drafts for those who curate or oversee."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        return self if user.has_role(*CURATES) else self.published()

    def published(self) -> Self:
        return self.filter(state=CollectionState.PUBLISHED)

    def counted_for(self, seen: "models.QuerySet[RegisteredModel]") -> Self:
        """Each with how many of its models are among the published ones that a person sees (`shown`)."""
        among = seen.order_by().values("pk")
        return self.annotate(shown=Count("entries", Q(entries__model__in=among)))

    def for_home(self, seen: "models.QuerySet[RegisteredModel]") -> Self:
        """The featured ones of which the person sees a model."""
        featured = self.published().filter(is_featured=True).counted_for(seen)
        return featured.filter(shown__gt=0)


class Collection(models.Model):
    """A set of models with a text that says what they are for. Who reads it sees those of its models that they may see."""

    State = CollectionState
    MOVES = {
        CollectionState.DRAFT: {CollectionState.PUBLISHED},
        CollectionState.PUBLISHED: {CollectionState.DRAFT},
    }
    NAME_MAX, TEXT_MAX = 80, PROSE  # characters

    name = LineField(max_length=NAME_MAX)
    name_key = NameKeyField(unique=True)
    slug = models.SlugField(max_length=100, unique=True)
    text = models.TextField(max_length=PROSE)
    state = models.CharField(max_length=10, choices=CollectionState, default=CollectionState.DRAFT)
    is_featured = models.BooleanField("featured", default=False, help_text="Shown on home")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    objects = CollectionSet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [state_constraint(CollectionState, "collection_state")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("catalog:collection", args=[self.slug])

    @property
    def summary(self) -> str:
        """The text's first paragraph."""
        return self.text.strip().split("\n")[0]


class CollectionEntry(models.Model):
    """A model of a collection, and why it is in it. In the order in which they were put in."""

    collection = models.ForeignKey(Collection, models.CASCADE, related_name="entries")
    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="collection_entries")
    note = models.TextField(max_length=REASON, blank=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "model"], name="collection_has_a_model_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} in {self.collection}"
