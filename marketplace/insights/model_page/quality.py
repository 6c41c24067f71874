"""How good a version is: its headline, drawn on one axis with its groups, what it is compared with and what its team declares."""

from dataclasses import dataclass

from governance.headlines import Headline
from governance.models import Evaluation
from marketplace.core import plots
from marketplace.core.templatetags.formatting import figure


@dataclass(frozen=True)
class Drawn:
    """One row of the drawing, percentages of its width. `text` is the value for people."""

    label: str
    n: int | None
    x: float
    left: float
    right: float
    text: str
    declared_x: float | None = None


@dataclass(frozen=True)
class Drawing:
    """The rows with the ends of their axis, and where the naive answer lies; None without one."""

    rows: list[Drawn]
    first: str
    last: str
    base_x: float | None
    said: str


def drawing(headline: Headline) -> Drawing | None:
    """None where there is nothing beside the figure itself that a drawing would show."""
    shown = headline.figure
    baseline = shown.baseline
    if shown.low is None and baseline is None and not headline.groups:
        return None
    declared = headline.declared.value if headline.differs and headline.declared else None
    rows = [shown, *headline.groups]
    ends = [end for row in rows for end in (row.value, row.low, row.high) if end is not None]
    marks = plots.nice_range([*ends, *(end for end in (baseline, declared) if end is not None)])
    left, right = marks[0], marks[-1]

    def place(value: float) -> float:
        return 100 * (value - left) / (right - left)

    def drawn(row: Evaluation) -> Drawn:
        return Drawn(
            row.group.replace("_", " ") or "All",
            row.n,
            place(row.value),
            place(row.value if row.low is None else row.low),
            place(row.value if row.high is None else row.high),
            figure(row.value),
            place(declared) if declared is not None and not row.slice else None,
        )

    made = [drawn(row) for row in rows]
    said = "; ".join(f"{row.label} {row.text}" for row in made)
    base_x = None if baseline is None else place(baseline)
    return Drawing(made, figure(left), figure(right), base_x, said)
