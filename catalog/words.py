"""What a word is, for stored and for asked texts alike: any case, with or without accents, parts of joined names.

The database has the same rule (`catalog_words`, migration 0011), because it writes what is found of a model; a test holds the
two together.
"""

import re
import unicodedata

ACCENTS = r"[\u0300-\u036F]+"
# What stands between words: punctuation, signs and arrows; digits and letters of every script are in words.
BETWEEN = r"[\x01-\x2F\x3A-\x40\x5B-\x60\x7B-\xBF\xD7\xF7\u2000-\u206F\u2190-\u2BFF\u3000-\u303F]+"
SMALL = r"[a-z\xDF-\xF6\xF8-\xFF\u0111\u0142\u0153\u03B1-\u03C9\u0430-\u045F]"
CAPITAL = r"[A-Z\xC0-\xD6\xD8-\xDE\u0110\u0141\u0152\u0391-\u03A9\u0400-\u042F]"
# Letters that another case of the same word writes otherwise.
SAME = (("ß", "ss"), ("ς", "σ"), ("ı", "i"))

_accents, _between = re.compile(ACCENTS), re.compile(BETWEEN)
_humps = re.compile(f"({SMALL})({CAPITAL})")
_letter_digit, _digit_letter = re.compile("([^0-9 ])([0-9])"), re.compile("([0-9])([^0-9 ])")


def words_of(text: str) -> list[str]:
    """The words of a text, lower case, without accents, each once, in order.

    Of CR-11662, Motor/Home and v2 the parts; of IncomeCheck the parts, and after all parts the whole.
    """
    plain = _accents.sub("", unicodedata.normalize("NFKD", text.replace("\0", " ")))
    return list(dict.fromkeys([*_parts(_humps.sub(r"\1 \2", plain)), *_parts(plain)]))


def _parts(plain: str) -> list[str]:
    small = plain.lower()
    for letters, others in SAME:
        small = small.replace(letters, others)
    apart = _digit_letter.sub(r"\1 \2", _letter_digit.sub(r"\1 \2", _between.sub(" ", small)))
    return apart.split()
