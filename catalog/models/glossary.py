"""What short words of the company mean, so that search finds models that write them out (docs/search.md, "Glossary")."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.core.fields import LineField


class GlossarySet(models.QuerySet["GlossaryEntry"]):
    def visible_to(self, user: User) -> Self:
        """The same for everybody."""
        return self if user.is_authenticated and user.is_active else self.none()


class GlossaryEntry(models.Model):
    """A short word and what it means: CLV, customer lifetime value. `word`: in small letters, one word."""

    WORD_MAX, MEANING_MAX = 20, 80  # characters

    word = models.CharField(max_length=WORD_MAX, unique=True)
    meaning = LineField(max_length=MEANING_MAX)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    added_at = models.DateTimeField(default=timezone.now)

    objects = GlossarySet.as_manager()

    class Meta:
        ordering = ["word"]
        verbose_name_plural = "glossary entries"
        constraints = [
            models.CheckConstraint(
                condition=~Q(word="") & ~Q(meaning=""), name="glossary_entry_says"
            ),
        ]

    def __str__(self) -> str:
        return self.word.upper()
