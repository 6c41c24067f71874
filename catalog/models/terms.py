"""The controlled vocabularies that entries are described with."""

from typing import Any, Self

from django.db import models
from django.db.models import Count, Q


class TermSet(models.QuerySet[Any]):
    def current(self) -> Self:
        """Those that new entries may take."""
        return self.filter(retired_at=None)

    def with_use(self) -> Self:
        """Each with how many entries it describes (`uses`)."""
        return self.annotate(uses=Count("models", distinct=True))

    def for_entry(self, slug: str) -> Self:
        """What the entry of a model may say: current terms, and the one that it has."""
        its_own = self.model.objects.filter(models__slug=slug)
        return self.filter(Q(retired_at=None) | Q(pk__in=its_own.order_by().values("pk")))


class Term(models.Model):
    """One word of a controlled vocabulary. Its slug stays for ever; its name may change."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)
    retired_at = models.DateTimeField(
        null=True, blank=True, help_text="From when on no new entry takes it"
    )

    objects = TermSet.as_manager()

    class Meta:
        abstract = True
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class Domain(Term):
    """The part of the business a model is about: consumer lending, payments …"""


class Capability(Term):
    """What a model does for somebody: scoring, document understanding, forecasting …"""

    class Meta(Term.Meta):
        verbose_name_plural = "capabilities"


class ModelType(Term):
    """The kind of task a model learnt: binary classification, regression …"""


# The vocabularies, by the word in their address.
VOCABULARIES: dict[str, type[Term]] = {
    "domains": Domain,
    "capabilities": Capability,
    "model-types": ModelType,
}
