"""Quality side by side: figures compare only where they were measured on the same benchmark, by its name and digest.

A figure is independent (measured by the marketplace) and about the version's present files, or it is not compared.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from governance.evaluations import artifact_digest
from governance.measures import LOWER_IS_BETTER, PRIMARY
from governance.models import Evaluation
from governance.models.evaluations import METRIC_LABELS
from marketplace.core.templatetags.formatting import figure, listed, number
from marketplace.insights.comparison import significance
from marketplace.insights.comparison.significance import Difference, Measured
from marketplace.insights.comparison.table import (
    Axis,
    Cell,
    Column,
    Group,
    Mark,
    Row,
    Sentence,
    Verdict,
)

# The suites' own metrics, the primary ones first; robustness and groups have their tab.
METRICS = list(
    dict.fromkeys(
        [*PRIMARY.values(), *list(METRIC_LABELS)[: list(METRIC_LABELS).index("coverage")]]
    )
)
Benchmark = tuple[str, str]  # name, SHA-256 of its rows


@dataclass
class Known:
    """What was measured of one version over all rows, the newest of each metric; and what its team declares."""

    measured: dict[Benchmark, dict[str, Evaluation]] = field(default_factory=dict)
    declared: dict[str, Evaluation] = field(default_factory=dict)


def known_of(columns: Sequence[Column]) -> list[Known]:
    """What is known of each column. One query for all figures, one a column for the digest of its files."""
    versions = [column.version for column in columns]
    present = {version.pk: artifact_digest(version) for version in versions}
    known = {version.pk: Known() for version in versions}
    rows = Evaluation.objects.filter(version__in=versions, slice="", metric__in=METRICS)
    for row in rows.order_by("id"):
        if row.artifact_sha256 != present[row.version_id]:
            continue
        if row.kind == Evaluation.Kind.INDEPENDENT:
            benchmark = (row.data, row.data_sha256)
            known[row.version_id].measured.setdefault(benchmark, {})[row.metric] = row
        elif row.kind == Evaluation.Kind.DECLARED:
            known[row.version_id].declared[row.metric] = row
    return [known[version.pk] for version in versions]


def groups(known: Sequence[Known]) -> list[Group]:
    """A group for each benchmark that two columns share; without one, what is known of each."""
    names = dict.fromkeys(benchmark for one in known for benchmark in one.measured)
    shared = [name for name in names if sum(name in one.measured for one in known) > 1]
    return [_on(benchmark, known) for benchmark in shared] or [_apart(known)]


def sentence(names: Sequence[str], known: Sequence[Known]) -> Sentence | None:
    """Which answers better, in words; None where nothing can be compared."""
    shared = _first_shared(known)
    if shared is None:
        return None
    benchmark, metric = shared
    rows = [one.measured.get(benchmark, {}).get(metric) for one in known]
    measured = [
        (name, figures, row.value)
        for name, row in zip(names, rows, strict=True)
        if row and (figures := _measured(row))
    ]
    measured.sort(key=lambda one: one[2], reverse=metric not in LOWER_IS_BETTER)
    (first, best, value), *others = measured
    counted = significance.against(best, [figures for _, figures, _ in others])
    level = [first, *(one[0] for one, by in zip(others, counted, strict=True) if not by.counts)]
    worse = [one[0] for one, by in zip(others, counted, strict=True) if by.counts]
    label = METRIC_LABELS[metric]
    if not worse:
        rest = f" on {benchmark[0]}: no significant difference in {label}."
        return Sentence(f"{listed(level)} are equally good", rest)
    against = f"{label} {figure(value)} against {figure(others[-1][2])} on {benchmark[0]}."
    if len(level) == 1:
        return Sentence(f"{first} answers better", f" than {listed(worse)}: {against}", "good")
    verb = "answers" if len(worse) == 1 else "answer"
    return Sentence(
        f"{listed(level)} are equally good", f"; {listed(worse)} {verb} worse: {against}"
    )


def _first_shared(known: Sequence[Known]) -> tuple[Benchmark, str] | None:
    for metric in METRICS:
        for benchmark in known[0].measured if known else ():
            having = [
                _measured(one.measured.get(benchmark, {}).get(metric)) is not None for one in known
            ]
            if sum(having) > 1:
                return benchmark, metric
    return None


def _on(benchmark: Benchmark, known: Sequence[Known]) -> Group:
    rows = [one.measured[benchmark] for one in known if benchmark in one.measured]
    first = next(iter(rows[0].values()))
    moments = sorted(timezone.localtime(row.at) for found in rows for row in found.values())
    days = dict.fromkeys(f"{moment:%-d %b %Y}" for moment in (moments[0], moments[-1]))
    metrics = [name for name in METRICS if sum(name in found for found in rows) > 1]
    hint = (
        f"{benchmark[0]}, {number(first.n)} rows, measured by the marketplace, {' to '.join(days)}"
    )
    return Group(
        "Quality on the same benchmark",
        tuple(
            _metric_row(metric, benchmark, known, is_primary=place == 0)
            for place, metric in enumerate(metrics)
        ),
        hint,
    )


def _metric_row(metric: str, benchmark: Benchmark, known: Sequence[Known], is_primary: bool) -> Row:
    found = [one.measured.get(benchmark, {}).get(metric) for one in known]
    figures = [_measured(row) for row in found]
    lower_is_better = metric in LOWER_IS_BETTER
    best = significance.best_of(figures, lower_is_better)
    differences = _to_reference(figures)
    ends = [
        end
        for row in found
        if row
        for end in (row.value, row.low, row.high, row.baseline)
        if end is not None
    ]
    axis = Axis.over(ends)
    cells = [
        _figure_cell(row, differences[place], place == best, lower_is_better, axis)
        if row
        else _other(known[place], benchmark, metric)
        for place, row in enumerate(found)
    ]
    base = next((row.baseline for row in found if row and row.baseline is not None), None)
    hint = f"{'Lower' if lower_is_better else 'Higher'} is better; 95 % interval."
    if base is not None:
        hint += f" Dashed: a model that looks at no input, {figure(base)}"
    is_alike = all(figures) and not any(one and one.counts for one in differences)
    return Row(METRIC_LABELS[metric], tuple(cells), hint, is_kept=is_primary, is_alike=is_alike)


def _to_reference(figures: Sequence[Measured | None]) -> list[Difference | None]:
    """To the first figure that there is; None for itself and where there is none."""
    places = [place for place, one in enumerate(figures) if one]
    differences: list[Difference | None] = [None] * len(figures)
    if not places:
        return differences
    reference = figures[places[0]]
    others = [one for one in (figures[place] for place in places[1:]) if one]
    assert reference is not None
    for place, one in zip(places[1:], significance.against(reference, others), strict=True):
        differences[place] = one
    return differences


def _figure_cell(
    row: Evaluation,
    difference: Difference | None,
    is_best: bool,
    lower_is_better: bool,
    axis: Axis,
) -> Cell:
    is_worse = bool(difference and difference.counts and (difference.value > 0) == lower_is_better)
    mark = Mark.BEST if is_best else Mark.WORSE if is_worse else Mark.NONE
    return Cell(
        figure(row.value),
        _interval(row),
        _verdict(row, difference, is_worse),
        mark,
        axis.estimate(row.value, row.low, row.high, row.baseline),
    )


def _verdict(row: Evaluation, difference: Difference | None, is_worse: bool) -> Verdict:
    if row.low is None:
        return Verdict("Too few rows for an interval")
    if difference is None:
        return Verdict("Reference", icon="map-pin")
    size = _rounded(abs(difference.value))
    ends = f"{_signed(difference.low)} to {_signed(difference.high)}"
    if not difference.counts:
        return Verdict(f"No significant difference ({ends})", "info", "bars-2")
    if is_worse:
        return Verdict(f"Worse by {size} ({ends})", "bad", "arrow-trending-down")
    return Verdict(f"Better by {size} ({ends})", "good", "arrow-trending-up")


def _other(known: Known, benchmark: Benchmark, metric: str) -> Cell:
    """Of a column that was not measured on this benchmark: what there is instead, never compared."""
    elsewhere = [
        (name, figures[metric])
        for (name, _), figures in known.measured.items()
        if metric in figures
    ]
    if elsewhere:
        name, row = elsewhere[-1]
        same_name = name == benchmark[0]
        said = f"Other rows of {name}" if same_name else f"Different benchmark: {name}"
        return Cell(figure(row.value), _interval(row), Verdict(said, "warn"))
    return _declared(known, [metric])


def _declared(known: Known, metrics: Iterable[str]) -> Cell:
    row = next((known.declared[metric] for metric in metrics if metric in known.declared), None)
    if row is None:
        return Cell(verdict=Verdict("Not measured"))
    return Cell(figure(row.value), _interval(row), Verdict("Declared by the team", "warn", "user"))


def _apart(known: Sequence[Known]) -> Group:
    """Nothing compares: each column's own first figure with what it is."""
    cells = []
    for one in known:
        found = [(name, rows) for (name, _), rows in one.measured.items()]
        if not found:
            declared = next((metric for metric in METRICS if metric in one.declared), None)
            cell = _declared(one, METRICS)
            cells.append(
                Cell(f"{METRIC_LABELS[declared]} {cell.text}", cell.detail, cell.verdict)
                if declared
                else cell
            )
            continue
        name, rows = found[-1]
        row = next(rows[metric] for metric in METRICS if metric in rows)
        cells.append(
            Cell(
                f"{row.label} {figure(row.value)}", _interval(row), Verdict(name, "info", "beaker")
            )
        )
    return Group("Quality", (Row("First metric", tuple(cells), is_kept=True),), APART)


APART = "Not measured on the same benchmark: these figures cannot be compared"


def _measured(row: Evaluation | None) -> Measured | None:
    if row is None or row.low is None or row.high is None:
        return None
    return Measured(row.value, row.low, row.high)


def _interval(row: Evaluation) -> str:
    return "" if row.low is None else f"{figure(row.low)}–{figure(row.high)}"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "−" if value < 0 else "") + _rounded(abs(value))


def _rounded(value: float) -> str:
    """Three digits, as the figures themselves have."""
    return str(figure(float(f"{value:.3g}")))
