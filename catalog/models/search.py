"""What search and similar models keep of each entry."""

from django.db import models
from django.db.models import Q

from catalog.models.entries import RegisteredModel


class SearchDocument(models.Model):
    """What is found of a model by its words, and what is filtered by that its row does not hold.

    Written by the database itself, with the rows that it is about (docs/search.md, "What is kept").
    """

    model = models.OneToOneField(
        RegisteredModel, models.CASCADE, primary_key=True, related_name="search_document"
    )
    words = models.TextField(help_text="Words, ~stems and =initials, one blank between them")
    weights = models.BinaryField(help_text="One byte for each of `words`: how much it says")
    version_state = models.CharField(max_length=20, blank=True, help_text="Of the stable version")
    version_kind = models.CharField(max_length=10, blank=True)
    data_class = models.CharField(max_length=20, blank=True, help_text="Of its card")
    languages = models.CharField(
        max_length=200, blank=True, db_default="", help_text="Of its card's texts: de,en"
    )
    promised_p95_ms = models.FloatField(null=True)
    promised_availability = models.FloatField(null=True, help_text="Percent")
    has_free_plan = models.BooleanField(default=False, help_text="Writer: consumption's trigger")
    has_paid_plan = models.BooleanField(default=False, help_text="Writer: consumption's trigger")
    opens_at_once = models.BooleanField(default=False, help_text="Writer: consumption's trigger")
    asks_owner = models.BooleanField(default=False, help_text="Writer: consumption's trigger")
    written_at = models.DateTimeField(db_index=True)
    changed_in = models.BigIntegerField(
        db_index=True, help_text="The transaction that wrote it (catalog.search.index)"
    )
    is_neighbourhood_due = models.BooleanField(
        default=True, help_text="Its neighbours are to be looked for. Cleared by catalog.neighbours"
    )
    is_meaning_due = models.BooleanField(
        default=True, help_text="Its vectors are to be made. Cleared by catalog.search.meaning"
    )
    is_case_due = models.BooleanField(
        default=True,
        db_default=True,
        help_text="Its neighbourhood changed since models for one purpose were looked for. Cleared by governance",
    )

    class Meta:
        indexes = [
            models.Index(
                "written_at", condition=Q(is_neighbourhood_due=True), name="neighbourhoods_due"
            ),
            models.Index("written_at", condition=Q(is_meaning_due=True), name="meanings_due"),
            models.Index("model", condition=Q(is_case_due=True), name="search_cases_due"),
        ]

    def __str__(self) -> str:
        return f"Words of {self.model_id}"


class MeaningVector(models.Model):
    """What a model means, as vectors of unit length in float16: of all that it says, and of each passage, which tells why it matched.

    `passages` are [title, text] in the order of the rows of `passage_vectors`. `sha256` is that of what was embedded.
    """

    model = models.OneToOneField(
        RegisteredModel, models.CASCADE, primary_key=True, related_name="meaning"
    )
    embedder = models.CharField(max_length=80)
    dim = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    vector = models.BinaryField()
    passages = models.JSONField(default=list)
    passage_vectors = models.BinaryField()

    def __str__(self) -> str:
        return f"Meaning of {self.model_id}"


class Neighbour(models.Model):
    """Another model that may do what this one does, with how alike they are. Kept by catalog.neighbours; who reads filters."""

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="neighbours")
    other = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="neighbour_of")
    score = models.FloatField(help_text="0..1, see catalog.search.alike")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "other"], name="neighbour_once")]

    def __str__(self) -> str:
        return f"{self.other_id} is like {self.model_id}"
