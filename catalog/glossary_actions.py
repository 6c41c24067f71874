"""Verbs of the glossary: explain a short word, take it out (docs/search.md, "Glossary")."""

from django.db import transaction

from catalog.models import GlossaryEntry
from catalog.permissions import can_curate
from catalog.search.understanding import content_words
from catalog.words import words_of
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import Refusal, require

MOST = 300  # entries: a glossary is for short words, not a dictionary
WHO = Refusal("Marketplace managers keep the glossary.", ask="the marketplace managers")


@transaction.atomic
def explain_word(by: User, *, word: str, meaning: str) -> GlossaryEntry:
    """Say what a short word means, or say it anew. Returns the GlossaryEntry. Raises NotAllowed, Invalid, RuleError."""
    require(can_curate(by), *WHO)
    words = words_of(word)
    if len(words) != 1 or len(words[0]) > GlossaryEntry.WORD_MAX:
        raise Invalid("A short word is one word, as CLV.", field="word")
    if not set(content_words(meaning)) - set(words):
        raise Invalid("Say it in other words.", field="meaning")
    if GlossaryEntry.objects.exclude(word=words[0]).count() >= MOST:
        raise RuleError(f"The glossary has {MOST} words.", remedy="Take out one that nobody needs.")
    entry, _ = GlossaryEntry.objects.update_or_create(
        word=words[0], defaults={"meaning": meaning, "added_by": by}
    )
    record(by, "glossary.explain", entry, meaning=meaning)
    return entry


@transaction.atomic
def take_out_word(by: User, entry: GlossaryEntry) -> None:
    """Search does not know it any more. Raises NotAllowed."""
    require(can_curate(by), *WHO)
    record(by, "glossary.take_out", entry, meaning=entry.meaning)
    entry.delete()
