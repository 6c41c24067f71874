"""Needs that already say what somebody searches for (docs/search-before-build.md, "Needs")."""

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F

from catalog.models import Need
from catalog.models.needs import WORDS
from catalog.search.understanding import content_words, stems_of
from catalog.words import words_of
from marketplace.accounts.models import User

SHOWN = 3
READ = 20  # the best by the database's own rank
LEAST_SHARE = 0.5  # of the words that were asked


def offered(user: User, text: str) -> list[Need]:
    """At most SHOWN needs that wait and have half of the words of a text, those with most of them first. As many queries for one as for many."""
    asked = content_words(text)
    if not asked:
        return []
    any_of = SearchQuery(
        " | ".join(f"'{word}'" for word in asked), config="english", search_type="raw"
    )
    waiting = Need.objects.visible_to(user).filter(state__in=Need.WAITING)
    found = (
        waiting.annotate(words=WORDS)
        .filter(words=any_of)
        .order_by(SearchRank(F("words"), any_of).desc(), "-pk")
    )
    needs = list(
        Need.objects.for_list().filter(pk__in=list(found.values_list("pk", flat=True)[:READ]))
    )
    shares = _shares(asked, needs)
    fitting = [need for need in needs if shares[need.pk] >= LEAST_SHARE]
    return sorted(fitting, key=lambda need: -shares[need.pk])[:SHOWN]


def _shares(asked: list[str], needs: list[Need]) -> dict[int, float]:
    """{need id: the share of the asked words that it says, in any form}."""
    said = {need.pk: words_of(f"{need.title} {need.text}") for need in needs}
    stems = stems_of([*asked, *(word for words in said.values() for word in words)])
    wanted = {stems[word] for word in asked}
    return {
        pk: len(wanted & {stems[word] for word in words}) / len(wanted)
        for pk, words in said.items()
    }
