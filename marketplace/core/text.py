"""What may stand in a text that people type. Rules and reasons: docs/names.md.

Any script is welcome. What cannot be seen, or makes other letters appear elsewhere than they stand, is refused, never dropped:
dropping it would join two different texts into one without a word.
"""

import re
import unicodedata

from django.core.exceptions import ValidationError

LONGEST = 10_000  # characters; no field keeps more, so nobody looks at what comes after them
# Sorting the marks of one letter takes time that grows with the square of their number (UAX 15, Stream-Safe Text Format).
MARKS_TO_COMPOSE = 30
MARKS_IN_A_ROW = 8  # no writing system piles up more; more of them cover the lines above and below
LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
JOINERS = "\u200c\u200d"
DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e")
# Format characters that are drawn: signs that enclose the digits after them.
DRAWN_FORMATS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
# Letters, marks and symbols that Unicode draws as nothing.
BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Where a joiner changes what is read: Arabic and its relatives, the scripts of India and Southeast Asia, Mongolian; and emoji.
JOINED_SCRIPTS = re.compile(
    "[\u0600-\u109f\u1780-\u18af\u1900-\u1cff\ua8e0-\uabff\U00011000-\U000114ff]"
)
EMOJI = re.compile("[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]")


def one_line(text: str) -> None:
    """Validator of every one-line field. Raises ValidationError with the first character that is not welcome, and why."""
    for place, character in enumerate(text[:LONGEST]):
        if reason := _reason_against(text, place, character):
            raise ValidationError(
                f"Leave out {_named(character)}: {reason}", code="unwelcome_character"
            )
    if _has_pile_of_marks(text):
        raise ValidationError(
            f"More than {MARKS_IN_A_ROW} accents on one letter cannot be read.",
            code="unwelcome_character",
        )


def prose(text: str) -> None:
    """Validator of texts of several lines. Raises ValidationError for control characters and bidirectional overrides."""
    for character in text[:LONGEST]:
        if character in OVERRIDES or (
            unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r"
        ):
            raise ValidationError(
                f"Leave out {_named(character)}: {_reason_by_itself(character)}",
                code="unwelcome_character",
            )


def composed(text: str) -> str:
    """The text with letters and their accents composed (NFC): what is kept. One that no field keeps stays as it is."""
    is_kept = len(text) <= LONGEST and not _has_too_many_marks(text)
    return unicodedata.normalize("NFC", text) if is_kept else text


def _reason_against(text: str, place: int, character: str) -> str:
    if character in JOINERS:
        return (
            ""
            if any(
                kind.match(text[:place][-1:]) and kind.match(text[place + 1 :][:1])
                for kind in (JOINED_SCRIPTS, EMOJI)
            )
            else "it cannot be seen, and joins nothing here."
        )
    return _reason_by_itself(character)


def _reason_by_itself(character: str) -> str:
    category = unicodedata.category(character)
    if character in LINE_BREAKS:
        return "this is one line."
    if category == "Cc":
        return "it is a control character."
    if category == "Cs":
        return "it is half of a character."
    if character in DIRECTIONS:
        return "it changes the direction in which other letters are shown."
    if (category == "Cf" and character not in DRAWN_FORMATS) or character in BLANKS:
        return "it cannot be seen."
    if ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF:
        return "it is no character."
    return ""


def _has_too_many_marks(text: str) -> bool:
    """More in a row than are worth sorting?"""
    in_a_row = 0
    for character in "" if text.isascii() else text:
        in_a_row = in_a_row + 1 if unicodedata.combining(character) else 0
        if in_a_row > MARKS_TO_COMPOSE:
            return True
    return False


def _has_pile_of_marks(text: str) -> bool:
    if _has_too_many_marks(text):
        return True
    in_a_row = 0
    for character in unicodedata.normalize("NFD", text[:LONGEST]):
        in_a_row = in_a_row + 1 if unicodedata.category(character).startswith("M") else 0
        if in_a_row > MARKS_IN_A_ROW:
            return True
    return False


def _named(character: str) -> str:
    name = unicodedata.name(character, "").lower()
    return f"U+{ord(character):04X} ({name})" if name else f"U+{ord(character):04X}"
