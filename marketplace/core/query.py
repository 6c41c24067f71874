"""What a page's address or a bare text of a form may say: case-blind options, whole numbers (docs/input-limits.md)."""

from collections.abc import Mapping
from typing import TypeVar

from marketplace.core.errors import UnknownChoice

Option = TypeVar("Option")
SHOWN = 40  # characters of what was asked
MOST_DIGITS = 18  # every number of so many fits 64 bits


def whole_number(text: str) -> int | None:
    """The number that `text` spells with digits 0 to 9, at most 18 of them; None for anything else."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return int(text) if is_number else None


def chosen(name: str, given: str | None, options: Mapping[str, Option], usual: Option) -> Option:
    """The option that `given` names; `usual` when nothing is given. Raises UnknownChoice (400) naming those there are."""
    if not given:
        return usual
    if given.strip().lower() not in options:
        known = ", ".join(option for option in options if option)
        raise UnknownChoice(
            f"There is no {name} “{given[:SHOWN]}”.", field=name, remedy=f"Choose one of: {known}."
        )
    return options[given.strip().lower()]
