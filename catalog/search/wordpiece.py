"""WordPiece: how BERT's vocabulary cuts a text into pieces. Lower case, without accents, as the weights were trained."""

import unicodedata
from functools import lru_cache
from pathlib import Path

UNKNOWN, FIRST, LAST = "[UNK]", "[CLS]", "[SEP]"
LONGEST_WORD = 100  # characters; a longer one is unknown


class WordPiece:
    """The pieces of texts, by a vocab.txt: one piece a line, "##" before what goes on with a word."""

    def __init__(self, vocabulary: Path) -> None:
        lines = vocabulary.read_text(encoding="utf-8").splitlines()
        self.ids = {piece: number for number, piece in enumerate(lines)}
        self._of_word = lru_cache(maxsize=50_000)(self.cut)

    def __contains__(self, word: str) -> bool:
        """Is the word one piece, that is a common word of the language?"""
        return word in self.ids

    def pieces(self, text: str, most: int) -> list[int]:
        """The numbers of at most `most` pieces, the signs for beginning and end included."""
        inner: list[int] = []
        for word in _words(text):
            inner.extend(self._of_word(word))
            if len(inner) >= most - 2:
                break
        return [self.ids[FIRST], *inner[: most - 2], self.ids[LAST]]

    def cut(self, word: str) -> tuple[int, ...]:
        """The longest known beginning, then the longest known continuation, and so on."""
        if len(word) > LONGEST_WORD:
            return (self.ids[UNKNOWN],)
        pieces, start = [], 0
        while start < len(word):
            before = "##" if start else ""
            for end in range(len(word), start, -1):
                if (piece := self.ids.get(before + word[start:end])) is not None:
                    pieces.append(piece)
                    start = end
                    break
            else:
                return (self.ids[UNKNOWN],)
        return tuple(pieces)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFD", text.lower())
    return "".join(spaced(letter) for letter in plain).split()


@lru_cache(maxsize=10_000)
def spaced(letter: str) -> str:
    """A letter of a word as it is; signs and ideographs stand alone; accents and control characters go."""
    kind, code = unicodedata.category(letter), ord(letter)
    if letter.isspace():
        return " "
    if kind == "Mn" or kind.startswith("C") or code == 0xFFFD:
        return ""
    is_sign = kind.startswith("P") or (code < 128 and not letter.isalnum())
    is_ideograph = (
        0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2FA1F
    )
    return f" {letter} " if is_sign or is_ideograph else letter
