"""What a page's address or a bare text of a form may say: case-blind options, whole numbers (docs/input-limits.md).

And how rows that are seldom there are asked for.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from marketplace.core.errors import UnknownChoice

Option = TypeVar("Option")
Row = TypeVar("Row", bound=Model)
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


def first_of_few(rows: QuerySet[Any, Row], most: int | None = None) -> list[Row]:
    """The first `most` of rows (None: all) that usually are none: whether there is one is asked first, without what belongs to it.

    Postgres needs 10 to 40 ms to plan a statement of a dozen joins, also where it finds nothing.
    """
    return list(rows[:most]) if rows.exists() else []
