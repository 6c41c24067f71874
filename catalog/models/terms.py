"""The controlled vocabularies that entries are described with."""

from django.db import models


class Term(models.Model):
    """One word of a controlled vocabulary."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)

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
