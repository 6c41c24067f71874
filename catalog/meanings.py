"""Does a field still mean what it meant, by its description alone (docs/governance.md, "Version numbers")? Pure.

lost_words("Probability of default", "Chance of repayment") is ["probability", "default"].
"""

import re

WORD = re.compile(r"[^\W_]+(?:[.,]\d+)?")  # 0.5 is one word
NEGATIONS = frozenset("no non not never neither nor without except excluding opposite".split())
# Words that carry no meaning of their own.
LITTLE = frozenset(
    "a an the this that these those it its of in on at for to by with as is are was were be been and or which".split()
)
SHORTEST_MISSPELT = 5  # letters; in shorter words another letter is another word


def lost_words(before: str, after: str) -> list[str]:
    """What the second text lacks of the first: its words, in order; and each negation that is new, as "not" → "new: not".

    Capitals, punctuation, a plural and a slip of the keys are not told apart.
    """
    kept, there = _words(after), _words(before)
    lost = [word for word in there if not any(_same(word, other) for other in kept)]
    turned = [f"new: {word}" for word in kept if word in NEGATIONS and word not in there]
    return list(dict.fromkeys(lost + turned))


def _words(text: str) -> list[str]:
    return [word for word in WORD.findall(text.casefold()) if word not in LITTLE]


def _same(one: str, other: str) -> bool:
    """Equal, or one letter more, or two changed places, in a long word."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) < SHORTEST_MISSPELT or short[0] != long[0] or not one.isalpha():
        return False
    if len(short) == len(long):
        return sorted(short) == sorted(long)
    return any(long[:at] + long[at + 1 :] == short for at in range(1, len(long)))
