"""What search and similar models keep of each entry."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q

from catalog.models.entries import RegisteredModel


class SearchDocument(models.Model):
    """What is found of a model by its words. Written by the database itself, with the row that it is about."""

    model = models.OneToOneField(
        RegisteredModel, models.CASCADE, primary_key=True, related_name="search_document"
    )
    document = SearchVectorField()
    written_at = models.DateTimeField(db_index=True)
    is_neighbourhood_due = models.BooleanField(
        default=True, help_text="Its neighbours are to be looked for. Cleared by catalog.neighbours"
    )

    class Meta:
        indexes = [
            GinIndex(fields=["document"], name="search_documents"),
            models.Index(
                "written_at", condition=Q(is_neighbourhood_due=True), name="neighbourhoods_due"
            ),
        ]

    def __str__(self) -> str:
        return f"Words of {self.model_id}"


class Neighbour(models.Model):
    """Another model that may do what this one does, with how alike they are. Kept by catalog.neighbours; who reads filters."""

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="neighbours")
    other = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="neighbour_of")
    score = models.FloatField(help_text="0..1, see search.likeness")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "other"], name="neighbour_once")]

    def __str__(self) -> str:
        return f"{self.other_id} is like {self.model_id}"
