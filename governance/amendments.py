"""What an amendment needs: whose yes, within how many business days, and when it may count as spelling (docs/amendments.md).

Pure functions; the verbs are in governance.actions.
"""

import re

from rapidfuzz.distance import Levenshtein

from governance.matrix import RULES_BY_KIND

# Kinds of review of which each needs one person, all of them different. High and medium: who answers for the whole agrees too.
NEEDED = {
    "spelling": {"low": ("curation",), "medium": ("curation",), "high": ("curation",)},
    "facts": {"low": ("curation",), "medium": ("curation", "final"), "high": ("curation", "final")},
}
WORD_EDITS = 2  # letters that may differ in one word
WORD = re.compile(r"\w+", re.UNICODE)


def needed_kinds(weight: str, tier: str) -> tuple[str, ...]:
    """The kinds of review that an amendment of this weight needs at this tier, in the order in which they are asked."""
    return NEEDED[weight][tier]


def business_days(weight: str, tier: str) -> int:
    """How long its slowest review may take."""
    return max(RULES_BY_KIND[kind].days[tier] for kind in needed_kinds(weight, tier))


def is_spelling(before: str, after: str) -> bool:
    """True when no word is added, removed or exchanged and no number differs: at most two letters of a word changed.

    "not" for "now" passes: that is why a person looks at spelling too.
    """
    old, new = WORD.findall(before.casefold()), WORD.findall(after.casefold())
    if len(old) != len(new):
        return False
    return all(_is_same_word(*pair) for pair in zip(old, new, strict=True))


def _is_same_word(old: str, new: str) -> bool:
    if old == new:
        return True
    if any(map(str.isdigit, old + new)):
        return False
    return Levenshtein.distance(old, new, score_cutoff=WORD_EDITS) <= min(
        WORD_EDITS, max(1, len(old) // 3)
    )
