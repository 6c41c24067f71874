"""What the pages of a batch evaluation show: its results as sentences, tables and charts (docs/batch-evaluation.md, "Results")."""

from dataclasses import dataclass, field
from typing import Any

from consumption.evaluations.files import Files, Gone
from consumption.evaluations.forms import CostForm
from consumption.models import BatchEvaluation
from governance import fairness, measures, paired
from governance.models.evaluations import METRIC_LABELS
from marketplace.core.plots import Series
from marketplace.core.templatetags.formatting import figure, listed, number

LABELS = METRIC_LABELS
FAULTS = {
    "missing": "Missing",
    "wrong_type": "Not of its type",
    "out_of_range": "Out of range",
    "unseen": "Not an allowed value",
}
SHOWN_PROBLEMS = 12
# (index from which on, in words, tone), the largest first; docs/batch-evaluation.md, "Drift"
DRIFTS = ((0.25, "Shifted", "bad"), (0.10, "Watch", "warn"), (0.0, "As in training", "good"))
MOST_DRAWN = 0.30  # index that fills its bar
SHORTEST_MARGIN = 1.05  # of a drawn interval


@dataclass(frozen=True)
class Delta:
    """A paired difference: in words, drawn around zero (percentages of the width), and who is better."""

    text: str
    interval: str
    x: float
    left: float
    right: float
    verdict: str
    tone: str
    other: str


@dataclass(frozen=True)
class FigureValue:
    """One model's figure. factor: how many times the average error, where that is too much; "" else."""

    name: str
    text: str
    interval: str
    factor: str = ""


@dataclass(frozen=True)
class FigureRow:
    """One metric, or one group's primary metric, of all models."""

    label: str
    note: str
    values: list[FigureValue]
    deltas: list[Delta]
    n: int = 0


@dataclass(frozen=True)
class GroupTable:
    """The groups of one column. hidden: how many of them have too few rows to be shown."""

    column: str
    rows: list[FigureRow]
    hidden: int


@dataclass(frozen=True)
class Outcome:
    """What one model's errors cost at the chosen cut-off."""

    name: str
    found: float
    positives: float
    missed: float
    needless: float
    cost: float
    best_cutoff: float
    best_cost: float


@dataclass(frozen=True)
class Threshold:
    """The threshold slider: costs of errors at the chosen cut-off, and over all of them."""

    form: CostForm
    cutoff: float
    outcomes: list[Outcome]
    labels: list[str]
    series: list[Series]
    best: float
    query: str


@dataclass(frozen=True)
class Problem:
    """A row that was not answered, and how many more have the same fault at the same input."""

    row: int
    input: str
    problem: str
    more: int
    refused_by: str


@dataclass
class ResultPage:
    """All of it. What is missing is empty."""

    names: list[str]
    headline: str
    sentences: list[str]
    figures: list[FigureRow] = field(default_factory=list)
    groups: list[GroupTable] = field(default_factory=list)
    primary: str = ""
    pair_names: list[str] = field(default_factory=list)
    comparisons: int = 0
    threshold: Threshold | None = None
    calibration: list[Series] = field(default_factory=list)
    calibration_labels: list[str] = field(default_factory=list)
    lift: list[Series] = field(default_factory=list)
    lift_labels: list[str] = field(default_factory=list)
    distribution: list[Series] = field(default_factory=list)
    distribution_labels: list[str] = field(default_factory=list)
    confusion: list[tuple[str, list[tuple[str, list[int]]]]] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)

    @property
    def is_pair(self) -> bool:
        return len(self.names) == 2


def result_page(evaluation: BatchEvaluation, query: Any) -> ResultPage:
    """The results of an evaluation that succeeded. `query` holds the cut-off and the costs."""
    results = evaluation.results
    names = names_of(evaluation)
    page = ResultPage(names, "", [])
    _add_distribution(page, results)
    if not results.get("task"):
        page.headline, page.sentences = _without_truth(evaluation, names)
        return page
    page.primary = LABELS[measures.PRIMARY[results["task"]]]
    page.pair_names = names[1:]
    page.figures = [_row(one, names, _note(one["metric"])) for one in results["figures"]]
    page.comparisons = sum(len(one["pairs"]) for one in results["figures"])
    page.groups = _group_tables(results, names)
    page.headline, page.sentences = _headline(results, names), _sentences(results, names)
    _add_calibration(page, results)
    if results["task"] == "binary":
        page.threshold = _threshold(results, names, query)
        tenths = [f"{10 * at} %" for at in range(1, 11)]
        page.lift_labels = tenths
        page.lift = [
            Series(name, [100 * share for share in shares])
            for name, shares in zip(names, results["lift"], strict=True)
        ]
        page.lift.append(Series("By chance", [10 * at for at in range(1, 11)], "neutral"))
    if results["task"] == "multiclass":
        page.classes = [*results["classes"], "none of them"]
        page.confusion = [
            (name, list(zip(results["classes"], table, strict=True)))
            for name, table in zip(names, results["confusion"], strict=True)
        ]
    return page


def names_of(evaluation: BatchEvaluation) -> list[str]:
    return [str(version) for version in evaluation.evaluated()]


def _note(metric: str) -> str:
    better = "lower is better" if metric in paired.LOWER_IS_BETTER else "higher is better"
    return f"share of rows, {better}" if metric in ("within_10", "accuracy") else better


def _row(
    one: dict[str, Any], names: list[str], note: str, label: str = "", n: int = 0
) -> FigureRow:
    values = [
        FigureValue(name, short(value["value"]), _interval(value["low"], value["high"]))
        for name, value in zip(names, one["values"], strict=True)
    ]
    deltas = [_delta(pair, names) for pair in one["pairs"]]
    return FigureRow(label or LABELS.get(one["metric"], one["metric"]), note, values, deltas, n)


def _interval(low: float | None, high: float | None, signed: bool = False) -> str:
    if low is None or high is None:
        return "interval undefined"
    write = _signed if signed else short
    return f"{write(low)} to {write(high)}"


def _signed(value: float) -> str:
    return f"+{short(value)}" if value > 0 else short(value).replace("-", "−")


def short(value: float | None) -> str:
    """A figure as its interval deserves: three decimals of a share, three digits of an amount, whole thousands."""
    if value is None:
        return "–"
    if abs(value) < 1:
        return f"{value:.3f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _delta(pair: dict[str, Any], names: list[str]) -> Delta:
    other, better = names[pair["other"]], pair["better"]
    low, high, difference = pair["low"], pair["high"], pair["difference"]
    if difference is None or low is None or high is None:
        return Delta("–", "", 50, 50, 50, "Cannot be told", "neutral", other)
    widest = max(abs(low), abs(high)) * SHORTEST_MARGIN or 1.0

    def place(value: float) -> float:
        return round(50 + 50 * value / widest, 2)

    verdict = "No significant difference" if better is None else f"{names[better]} better"
    tone = "neutral" if better is None else "good"
    return Delta(
        _signed(difference),
        _interval(low, high, signed=True),
        place(difference),
        place(low),
        place(high),
        verdict,
        tone,
        other,
    )


def _group_tables(results: dict[str, Any], names: list[str]) -> list[GroupTable]:
    whole = [value["value"] for value in results["figures"][0]["values"]]
    tables = []
    shown = dict.fromkeys(one["column"] for one in results["groups"])
    for column in [*shown, *(name for name in results["hidden"] if name not in shown)]:
        hidden = results["hidden"][column]
        rows = [
            _with_factors(_row(one, names, "", one["group"], one["n"]), one, whole)
            for one in results["groups"]
            if one["column"] == column
        ]
        tables.append(GroupTable(column, rows, hidden))
    return tables


def _with_factors(row: FigureRow, one: dict[str, Any], whole: list[float]) -> FigureRow:
    """Errors of a group far above the average of all rows are marked (the company's fairness limit)."""
    if one["metric"] not in measures.LOWER_IS_BETTER:
        return row
    values = []
    for shown, value, average in zip(row.values, one["values"], whole, strict=True):
        factor = value["value"] / average if average and value["value"] is not None else 0
        mark = f"{factor:.2f} ×" if factor > fairness.ERRORS else ""
        values.append(FigureValue(shown.name, shown.text, shown.interval, mark))
    return FigureRow(row.label, row.note, values, row.deltas, row.n)


def _headline(results: dict[str, Any], names: list[str]) -> str:
    primary = results["figures"][0]
    value = short(primary["values"][0]["value"])
    label = LABELS[primary["metric"]]
    if not primary["pairs"]:
        return f"{label} {value} on your rows"
    sure = [pair for pair in primary["pairs"] if pair["better"] is not None]
    if not sure:
        best = "No significant difference overall"
    elif all(pair["better"] == 0 for pair in sure) and len(sure) == len(primary["pairs"]):
        best = f"{names[0]} is better than {listed(names[1:])}"
    else:
        said = [
            f"{names[pair['better']]} is better than {names[0 if pair['better'] else pair['other']]}"
            for pair in sure
        ]
        alike = [names[pair["other"]] for pair in primary["pairs"] if pair not in sure]
        if alike:
            said.append(f"no significant difference between {names[0]} and {listed(alike)}")
        best = "; ".join(said)
    groups = [
        f"{names[pair['better']]} is better for {one['group']}"
        for one in results["groups"]
        for pair in one["pairs"]
        if pair["better"] is not None and not sure
    ]
    return "; ".join([best, *groups[:2]])


def _sentences(results: dict[str, Any], names: list[str]) -> list[str]:
    primary = results["figures"][0]
    label = LABELS[primary["metric"]]
    sentences = [
        _against_benchmark(name, label, value, benchmark)
        for name, value, benchmark in zip(
            names, primary["values"], results["benchmarks"], strict=True
        )
        if benchmark and value["value"] is not None
    ]
    if results["naive"] is not None:
        sentences.append(
            f"A model that looks at no input reaches {short(results['naive'])} on these rows."
        )
    if results["detectable"] == 0:
        return [*sentences, "They answer every row alike."]
    with_what = f"{number(results['measured'])} rows"
    if results["task"] == "binary":
        with_what += f", {number(results['positives'])} of them {results['classes'][1]}"
    sentences.append(
        f"With {with_what}, a difference of {label} below {short(results['detectable'])} cannot be told from chance."
    )
    return sentences


def _against_benchmark(
    name: str, label: str, own: dict[str, Any], benchmark: dict[str, Any]
) -> str:
    """On your data against the independent benchmark."""
    ours = f"{short(own['value'])} ({_interval(own['low'], own['high'])})"
    theirs = short(benchmark["value"])
    if benchmark["low"] is not None:
        theirs += f" ({_interval(benchmark['low'], benchmark['high'])})"
    text = f"On your rows {label} of {name} is {ours}, against {theirs} on the independent benchmark {benchmark['data']}"
    if own["low"] is None:
        return f"{text}."
    low = benchmark["low"] if benchmark["low"] is not None else benchmark["value"]
    high = benchmark["high"] if benchmark["high"] is not None else benchmark["value"]
    if own["high"] < low or own["low"] > high:
        return f"{text}: the intervals do not meet, so your population differs."
    return f"{text}: in line with it."


def _without_truth(evaluation: BatchEvaluation, names: list[str]) -> tuple[str, list[str]]:
    results, sentences = evaluation.results, []
    for one in results.get("agreement", []):
        other = names[one["other"]]
        if "same" in one:
            sentences.append(
                f"{names[0]} and {other} answer {100 * one['same']:.1f} % of the rows alike."
            )
        elif one["correlation"] is not None:
            sentences.append(
                f"{names[0]} and {other} correlate with {figure(one['correlation'])}; they are {figure(one['apart'])} apart on average."
            )
    if evaluation.mapping.get("label"):
        sentences.append(
            "Too few rows have a truth and an answer of every model to measure anything."
        )
    else:
        sentences.append("Without a column of the truth there are answers and no metrics.")
    return f"{number(results.get('used', 0))} rows answered", sentences


def _add_distribution(page: ResultPage, results: dict[str, Any]) -> None:
    found = results.get("distribution") or {}
    page.distribution_labels = found.get("labels", [])
    page.distribution = [
        Series(name, counts)
        for name, counts in zip(page.names, found.get("counts", []), strict=False)
    ]


def _add_calibration(page: ResultPage, results: dict[str, Any]) -> None:
    """True less answered by tenth of the answers."""
    parts = results.get("calibration", [])
    if not parts or not parts[0]:
        return
    page.calibration_labels = [short(part["answered"]) for part in parts[0]]
    page.calibration = [
        Series(name, [part["true"] - part["answered"] for part in one])
        for name, one in zip(page.names, parts, strict=True)
        if len(one) == len(parts[0])
    ]


def _threshold(results: dict[str, Any], names: list[str], query: Any) -> Threshold:
    cutoffs: list[float] = results["threshold"]["cutoffs"]
    given = {name: query[name] for name in ("cutoff", "needless", "missed") if query.get(name)}
    form = CostForm({"cutoff": "0.5", "needless": "1", "missed": "1"} | given)
    cutoff, needless, missed = form.chosen()
    at = min(range(len(cutoffs)), key=lambda place: abs(cutoffs[place] - cutoff))
    outcomes, series = [], []
    for name, table in zip(names, results["threshold"]["models"], strict=True):
        costs = [(row[1] * missed + row[2] * needless) / (sum(row) or 1) for row in table]
        best = min(range(len(costs)), key=lambda place: costs[place])
        found, lost, alarms, _ = table[at]
        outcomes.append(
            Outcome(name, found, found + lost, lost, alarms, costs[at], cutoffs[best], costs[best])
        )
        series.append(Series(name, costs))
    best_cutoff = min(outcomes, key=lambda one: one.best_cost).best_cutoff
    query_text = f"cutoff={best_cutoff}&needless={needless:g}&missed={missed:g}"
    labels = [f"{value:.2f}" for value in cutoffs]
    return Threshold(form, cutoffs[at], outcomes, labels, series, best_cutoff, query_text)


# --- single rows: read from the encrypted files, for the team alone -----------------------------------------------------


def kept_rows(evaluation: BatchEvaluation) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(rows that were not answered, as far as they are listed; the most extreme rows); both empty when the rows are gone."""
    try:
        files = Files(evaluation)
        problems: list[dict[str, Any]] = files.read_json("problems")
        details = files.read_json("details") if files.has("details") else {}
    except Gone:
        return [], []
    names = names_of(evaluation)
    extremes = [
        row | {"answers": list(zip(names, row["answers"], strict=True))}
        for row in details.get("extremes", [])
    ]
    return sorted(problems + details.get("refused", []), key=lambda row: row["row"]), extremes


def shown_problems(problems: list[dict[str, Any]], versions: int) -> list[Problem]:
    """One row for each kind of fault at each input, with how many more there are."""
    first: dict[tuple[str, str], dict[str, Any]] = {}
    counts: dict[tuple[str, str], int] = {}
    for row in problems:
        key = (row["input"], row.get("kind", row["problem"]))
        first.setdefault(key, row)
        counts[key] = counts.get(key, 0) + 1
    return [
        Problem(
            row["row"],
            row["input"],
            row["problem"],
            counts[key] - 1,
            "All" if len(row["refused_by"]) == versions > 1 else ", ".join(row["refused_by"]),
        )
        for key, row in list(first.items())[:SHOWN_PROBLEMS]
    ]


def unanswered(evaluation: BatchEvaluation) -> int:
    """Rows that are left out of every figure."""
    return evaluation.rows - int(evaluation.results.get("used", evaluation.rows))


def report_rows(evaluation: BatchEvaluation) -> list[dict[str, Any]]:
    """The validation report by input, with shares of all rows."""
    rows = max(evaluation.rows, 1)
    return [
        {
            "input": one["input"],
            "column": one["column"],
            "counts": [
                (label, one.get(kind, 0), 100 * one.get(kind, 0) / rows)
                for kind, label in FAULTS.items()
            ],
        }
        for one in evaluation.report.get("inputs", [])
    ]


@dataclass(frozen=True)
class Drift:
    """How far an input of the rows is from training. index: population stability; width: of its bar, percent; word, tone: what that means."""

    input: str
    version: str
    index: float
    width: float
    word: str
    tone: str


def drifts(evaluation: BatchEvaluation) -> list[Drift]:
    """Those that are known, the furthest first."""
    by_pk = {version.pk: str(version) for version in evaluation.evaluated()}
    found = sorted(evaluation.report.get("drift", []), key=lambda one: -one["index"])
    return [_drift(one, by_pk[one["version"]]) for one in found if one["version"] in by_pk]


def without_spread(evaluation: BatchEvaluation) -> list[str]:
    """The versions whose card says of no input how it was spread in training."""
    told = {one["version"] for one in evaluation.report.get("drift", [])}
    return [str(version) for version in evaluation.evaluated() if version.pk not in told]


def _drift(one: dict[str, Any], version: str) -> Drift:
    index = one["index"]
    word, tone = next(says for least, *says in DRIFTS if index >= least)
    return Drift(one["input"], version, index, min(100.0, 100 * index / MOST_DRAWN), word, tone)


def truth_of(report: dict[str, Any]) -> str:
    """How the truth was read, or why nothing will be measured."""
    if report["problem"]:
        return f"{report['problem']} Without a truth there are answers and no metrics."
    if not report["task"]:
        return "No column of the truth: you will see answers, and no metrics."
    read_as = {
        "regression": "an amount",
        "binary": f"yes or no; yes is {report['classes'][-1] if report['classes'] else ''}",
        "multiclass": f"one of {len(report['classes'])} classes",
    }[report["task"]]
    missing = report["labels_missing"]
    without = f"; {missing} without one count in no metric" if missing else ""
    return f"The truth is read as {read_as}{without}."


def valid_rows(evaluation: BatchEvaluation) -> list[tuple[str, int, int]]:
    """(version, rows that it takes, rows that it does not)."""
    by_pk = {version.pk: str(version) for version in evaluation.evaluated()}
    return [
        (by_pk[one["version"]], one["valid"], evaluation.rows - one["valid"])
        for one in evaluation.report.get("versions", [])
        if one["version"] in by_pk
    ]
