"""What the adoption page draws besides the table of targets: units with AI over time, time to production, who reuses whom, volume.

All of it is read from kept figures (marketplace.insights.metrics.board).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.insights.metrics import board
from marketplace.insights.metrics.integration import DOTS, LATE
from marketplace.insights.models import MetricValue

YEAR = 4  # quarters
WEEKS = 26


@dataclass(frozen=True)
class Joined:
    """A unit that got AI through the marketplace: the month, and the model of its first use or publication."""

    day: date
    unit: str
    model: str


@dataclass(frozen=True)
class UnitsOverTime:
    """How many units had AI by month; `before` had it before the marketplace."""

    before: list[str]
    joined: list[Joined]

    @property
    def months(self) -> list[date]:
        """From the month before the first that joined to the last."""
        if not self.joined:
            return []
        month, found = _month_before(self.joined[0].day), []
        while month <= self.joined[-1].day:
            found.append(month)
            month = _month_after(month)
        return found

    @property
    def labels(self) -> list[str]:
        return [f"{month:%b}" for month in self.months]

    @property
    def counts(self) -> list[int]:
        return [
            len(self.before) + sum(one.day < _month_after(month) for one in self.joined)
            for month in self.months
        ]


@dataclass(frozen=True)
class Dot:
    """One integration or project: percentage of the width, pixels from the middle of its row, and its words."""

    x: float
    y: float
    text: str

    @property
    def reuse_y(self) -> float:
        """Pixel row in the upper half of the drawing."""
        return 36 + self.y

    @property
    def build_y(self) -> float:
        """In the lower half."""
        return 106 + self.y


@dataclass(frozen=True)
class Late:
    """A team that integrates a model for longer than LATE days: what comes next, and of whom."""

    team: str
    model: str
    url: str
    days: int
    next: str


@dataclass(frozen=True)
class Strip:
    """Days to production as dots on one axis: reuse above, build below. `top` days are the width."""

    top: int
    reuse: list[Dot]
    build: list[Dot]
    late: list[Late]
    late_count: int

    @property
    def target_x(self) -> float:
        return 100 * LATE / self.top

    @property
    def ticks(self) -> list[tuple[float, int]]:
        """(percentage, days) of the axis."""
        step = next(step for step in (10, 25, 50, 100, 250, 1000, 10_000) if self.top <= 5 * step)
        return [(100 * day / self.top, day) for day in range(0, self.top + 1, step)]


@dataclass(frozen=True)
class ReusePair:
    """One unit calls another one's models in the quarter."""

    calls: int
    publisher: str
    consumer: str
    models: int
    teams: int


@dataclass(frozen=True)
class Volume:
    """Answered calls by week, and what batch evaluations answered in the quarter."""

    labels: list[str]
    values: list[int]
    batch_rows: int


def units_over_time(sight: str) -> UnitsOverTime:
    found = board.latest(sight, "units-with-ai")
    details = found[0].details if found else {}
    joined = [
        Joined(date.fromisoformat(day), unit, model)
        for day, unit, model in details.get("joined", [])
    ]
    return UnitsOverTime(details.get("before", []), joined)


def strip(sight: str) -> Strip:
    """Integrations and projects that were completed in a year, at most DOTS of each."""
    kept = board.latest(sight, "time-to-integrate", YEAR)
    done = [dot for value in kept for dot in value.drawn.get("done", [])][:DOTS]
    projects = board.latest(sight, "time-to-value")
    built = projects[0].drawn.get("built", []) if projects else []
    top = max([days for days, *_ in (*done, *built)], default=0)
    top = max(2 * LATE, -(-top // 10) * 10)
    late, late_count = _late(kept)
    return Strip(top, _dots(done, top), _dots(built, top), late, late_count)


def late_integrations(sight: str) -> tuple[list[Late], int]:
    """(those that take longest, how many there are) of the integrations that go on for more than LATE days."""
    return _late(board.latest(sight, "time-to-integrate"))


def _late(kept: Sequence[MetricValue]) -> tuple[list[Late], int]:
    if not kept:
        return [], 0
    newest = kept[0]
    return [Late(*one) for one in newest.drawn.get("late", [])], newest.details.get("late", 0)


def matrix(sight: str) -> list[ReusePair]:
    """Who reuses whose models in the newest quarter, most calls first."""
    kept = board.latest(sight, "cross-unit-calls")
    return [ReusePair(*one) for one in kept[0].drawn.get("pairs", [])] if kept else []


def volume(sight: str) -> Volume:
    """The last WEEKS weeks of the kept quarters."""
    kept = board.latest(sight, "consumption-volume", YEAR)
    weeks: dict[str, int] = {}
    for value in reversed(kept):
        for monday, calls in value.details.get("weeks", []):
            weeks[monday] = weeks.get(monday, 0) + calls
    shown = sorted(weeks.items())[-WEEKS:]
    labels = [f"{date.fromisoformat(monday):%-d %b}" for monday, _ in shown]
    batch = kept[0].details.get("batch_rows", 0) if kept else 0
    return Volume(labels, [calls for _, calls in shown], batch)


def _dots(found: Sequence[tuple[int, str, str]], top: int) -> list[Dot]:
    """Of (days, team, model), side by side where they would lie on each other."""
    taken: dict[int, int] = {}
    dots = []
    for days, team, model in sorted(found, key=lambda one: one[0]):
        place = round(100 * days / top)
        level = taken[place] = taken.get(place, -1) + 1
        offset = (level + 1) // 2 * (9 if level % 2 else -9)
        text = f"{team}, {model}: {days} days"
        dots.append(Dot(100 * days / top, max(-27, min(27, offset)), text))
    return dots


def _month_before(day: date) -> date:
    return date(day.year - (day.month == 1), day.month - 1 or 12, 1)


def _month_after(day: date) -> date:
    return date(day.year + (day.month == 12), day.month % 12 + 1, 1)
