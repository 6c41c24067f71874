"""What a page's address may choose from: case-blind, and said when it is not there (docs/input-limits.md)."""

from collections.abc import Mapping
from typing import TypeVar

from marketplace.core.errors import UnknownChoice

Option = TypeVar("Option")
SHOWN = 40  # characters of what was asked


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
