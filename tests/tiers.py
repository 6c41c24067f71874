"""Which rows of a long table run by default: one of each kind. The others are slow; both tiers together are the whole table."""

import pytest


def one_of_each(rows, kind):
    """`rows` for `parametrize`: the first of each kind as it is, the others marked slow. A row of several values is a tuple."""
    known = set()

    def is_new(*values):
        found = kind(*values)
        return found not in known and not known.add(found)

    return chosen(rows, is_new)


def only(rows, *kept):
    """`rows` for `parametrize`: those named as they are, the others marked slow."""
    return chosen(rows, lambda *values: (values if len(values) > 1 else values[0]) in kept)


def chosen(rows, is_default):
    tuples = [row if isinstance(row, tuple) else (row,) for row in rows]
    return [
        pytest.param(*row, marks=() if is_default(*row) else pytest.mark.slow) for row in tuples
    ]
