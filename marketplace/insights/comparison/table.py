"""What the comparison is drawn from: columns, groups of rows, cells. The page, the API and the CSV read the same."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from catalog.models import ModelVersion, RegisteredModel
from catalog.tray import Pick
from consumption.models import Subscription
from marketplace.core.templatetags.formatting import quantity

MARGIN = 0.05  # of an axis, left free at both ends


class Mark(StrEnum):
    """A cell that decides: only where the difference counts (docs/comparison.md, "Marks")."""

    NONE = ""
    BEST = "best"
    WORSE = "worse"


@dataclass(frozen=True)
class Verdict:
    """One short judgement: an icon and words, coloured by tone."""

    text: str
    tone: str = "neutral"
    icon: str = "minus-circle"


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval on the axis that its row shares: percentages of the width; base: the naive model's."""

    x: float
    left: float
    right: float
    base: float | None


@dataclass(frozen=True)
class Axis:
    """The axis that the drawings of a row share, from the least to the largest of what they show, with some room."""

    left: float
    right: float

    @classmethod
    def over(cls, ends: list[float]) -> "Axis":
        low, high = min(ends), max(ends)
        room = (high - low) * MARGIN or abs(high) * MARGIN or 1.0
        return cls(low - room, high + room)

    def place(self, value: float) -> float:
        """Percent of the width."""
        return round(100 * (value - self.left) / (self.right - self.left), 2)

    def estimate(
        self, value: float, low: float | None, high: float | None, base: float | None
    ) -> Estimate | None:
        """None of a figure without an interval."""
        if low is None or high is None:
            return None
        base_at = None if base is None else self.place(base)
        return Estimate(self.place(value), self.place(low), self.place(high), base_at)


@dataclass(frozen=True)
class Field:
    """An input or output in one column. state: "has" and others do too, "lacks", or "extra": only here. note: how it differs."""

    name: str
    state: str
    note: str = ""


@dataclass(frozen=True)
class Cell:
    """What one column says in one row: a figure or words, what stands beside them, a judgement. column: its name, for phones."""

    text: str = ""
    detail: str = ""
    verdict: Verdict | None = None
    mark: Mark = Mark.NONE
    estimate: Estimate | None = None
    fields: tuple[Field, ...] = ()
    column: str = field(default="", compare=False)


@dataclass(frozen=True)
class Row:
    """One line. is_kept: shown among the differences in any case; is_alike: no difference in it counts."""

    label: str
    cells: tuple[Cell, ...]
    hint: str = ""
    is_kept: bool = False
    is_alike: bool = False

    @property
    def is_same(self) -> bool:
        """Does the line say the same of all columns?"""
        return not self.is_kept and (self.is_alike or len(set(self.cells)) == 1)

    def named(self, names: list[str]) -> "Row":
        """The same line, each cell with the name of its column."""
        cells = (replace(cell, column=name) for cell, name in zip(self.cells, names, strict=True))
        return replace(self, cells=tuple(cells))


@dataclass(frozen=True)
class Group:
    """Rows about one thing. hint: which data, how much of it, by whom, when. url: where all of it stands, "" for nowhere."""

    title: str
    rows: tuple[Row, ...]
    hint: str = ""
    url: str = ""

    def named(self, names: list[str]) -> "Group":
        """The same rows, each cell with the name of its column."""
        return replace(self, rows=tuple(row.named(names) for row in self.rows))

    @property
    def differing(self) -> list[Row]:
        """Without what is alike in all columns."""
        return [row for row in self.rows if not row.is_same]


@dataclass(frozen=True)
class Column:
    """A version that is compared, as the reader may see it.

    subscription    the open one of the reader's teams to its model; None without one.
    closed_because  why it takes no new subscriptions; empty where it takes them.
    """

    pick: Pick
    version: ModelVersion
    subscription: Subscription | None = None
    closed_because: str = ""

    @property
    def model(self) -> RegisteredModel:
        return self.version.model

    @property
    def name(self) -> str:
        return self.version.model.name

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.version.number}"

    @property
    def can_subscribe(self) -> bool:
        """Is access offered to the reader: to nobody who has it, nor where nobody new is taken."""
        return self.subscription is None and not self.closed_because


@dataclass(frozen=True)
class Sentence:
    """One sentence of "In short": what counts, then the rest of it, with the blank or sign that joins them."""

    strong: str
    rest: str
    tone: str = "info"

    def __str__(self) -> str:
        return self.strong + self.rest


@dataclass(frozen=True)
class Comparison:
    """Two to four versions side by side. gone: picks that the reader may not see, or that are not there."""

    columns: tuple[Column, ...]
    groups: tuple[Group, ...] = ()
    in_short: tuple[Sentence, ...] = ()
    gone: int = 0

    @property
    def title(self) -> str:
        """What is compared: "2 models", "2 versions of Income verification"."""
        models = {column.model.pk for column in self.columns}
        if len(self.columns) > 1 and len(models) == 1:
            return f"{len(self.columns)} versions of {self.columns[0].name}"
        return quantity(len(self.columns), "model,models")

    @property
    def same(self) -> list[str]:
        """What is alike in all columns, as words within a sentence."""
        labels = [row.label for group in self.groups for row in group.rows if row.is_same]
        return [label if label[:2].isupper() else label[0].lower() + label[1:] for label in labels]

    @property
    def is_enough(self) -> bool:
        return len(self.columns) > 1
