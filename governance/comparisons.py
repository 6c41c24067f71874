"""The groups of one column side by side, as pages show them: what compares them, a chart a metric, who is too small."""

from dataclasses import dataclass

from governance import fairness, measures
from governance.models import Evaluation, GateResult
from marketplace.core.plots import Span
from marketplace.core.templatetags.formatting import figure

Verdict = GateResult.Verdict
VERDICTS = {
    fairness.PASS: (Verdict.PASS, "Passes"),
    fairness.WARN: (Verdict.INCONCLUSIVE, "Near the limit"),
    fairness.FAIL: (Verdict.FAIL, "Fails"),
    fairness.INSUFFICIENT: (Verdict.INCONCLUSIVE, "Inconclusive"),
}


@dataclass(frozen=True)
class Chart:
    """One metric of each group, with intervals. `reference` is what they are compared with, `said` in words."""

    key: int  # tells the charts of a page apart
    title: str
    spans: list[Span]
    reference: float | None
    said: str


@dataclass(frozen=True)
class Comparison:
    """The groups of one column, or of two at once, which are only reported."""

    column: str
    compared: list[Evaluation]
    charts: list[Chart]
    too_few: list[Evaluation]
    worst: Evaluation | None  # of the primary metric
    whole: Evaluation | None  # the primary metric over all rows
    verdict: str  # "" where nothing is compared
    verdict_label: str

    @property
    def is_crossed(self) -> bool:
        return " × " in self.column

    @property
    def worst_in_words(self) -> str:
        """The worst group's figure with its interval, and the same over all rows."""
        if self.worst is None:
            return ""
        words = figure(self.worst.value)
        if self.worst.low is not None:
            words += f" ({figure(self.worst.low)} to {figure(self.worst.high)})"
        return f"{words}; over all rows {figure(self.whole.value)}" if self.whole else words

    @property
    def too_few_in_words(self) -> str:
        """The groups that are too small, with their number of rows."""
        return ", ".join(
            f"{row.group} ({'at most ' if row.n == fairness.LEAST_SHOWN else ''}{row.n})"
            for row in self.too_few
        )


def comparisons_of(whole: list[Evaluation], groups: list[Evaluation]) -> list[Comparison]:
    """Of the figures that were measured together: over all rows, and about groups."""
    columns = dict.fromkeys(row.column for row in groups)
    over_all = {row.metric: row for row in whole}
    return [
        _comparison(column, over_all, [row for row in groups if row.column == column])
        for column in sorted(columns, key=lambda column: " × " in column)
    ]


def _comparison(column: str, whole: dict[str, Evaluation], rows: list[Evaluation]) -> Comparison:
    compared = [row for row in rows if not row.group]
    by_metric: dict[str, list[Evaluation]] = {}
    for row in rows:
        if row.group:
            by_metric.setdefault(row.metric, []).append(row)
    too_few = by_metric.pop("too_few_rows", [])
    primary = next(iter(by_metric.keys() & set(measures.PRIMARY.values())), "")
    verdict, label = _verdict(compared, by_metric.get("signed_error", []), "macro_f1" in whole)
    return Comparison(
        column,
        compared,
        [_chart(figures, whole.get(metric)) for metric, figures in by_metric.items()],
        too_few,
        _worst(by_metric.get(primary, [])),
        whole.get(primary),
        verdict,
        label,
    )


def _verdict(
    compared: list[Evaluation], signed: list[Evaluation], has_classes: bool
) -> tuple[str, str]:
    """By the limits of the fairness check, which compares nothing where there are several classes."""
    figures = {row.metric: vars(row) for row in compared}
    if "selection_rate_ratio" in figures:
        ratio, gap = figures["selection_rate_ratio"], figures["equal_opportunity_difference"]
        return VERDICTS[fairness.verdict_of(ratio, gap)]
    if "mae_ratio" in figures:
        amounts = [vars(row) for row in signed]
        return VERDICTS[fairness.verdict_of_amounts(figures["mae_ratio"], amounts)]
    return ("", "") if has_classes else VERDICTS[fairness.INSUFFICIENT]


def _worst(rows: list[Evaluation]) -> Evaluation | None:
    if len(rows) < 2:
        return None
    least_is_worst = rows[0].metric not in measures.LOWER_IS_BETTER
    return (min if least_is_worst else max)(rows, key=lambda row: row.value)


def _chart(rows: list[Evaluation], whole: Evaluation | None) -> Chart:
    spans = [Span(row.group, row.value, row.low, row.high, row.n or 0) for row in rows]
    key, title, metric = rows[0].pk, rows[0].label, rows[0].metric
    if metric == "selection_rate":
        most = max(row.value for row in rows)
        return Chart(key, title, spans, fairness.RATIO * most, "80 % of the highest")
    if metric == "true_positive_rate":
        most = max(row.value for row in rows)
        return Chart(key, title, spans, most - fairness.GAP, "0.10 below the highest")
    if metric == "signed_error":
        return Chart(key, title, spans, 0.0, "No error")
    return Chart(key, title, spans, whole.value if whole else None, "All rows" if whole else "")
