"""The one figure that says how good a version is, who measured it, and how it does by group (docs/evaluation.md, "Headline")."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import ModelVersion
from governance.evaluations import artifact_digest
from governance.measures import LOWER_IS_BETTER, PRIMARY, RARE_PRIMARY
from governance.models import Evaluation

MOST_GROUPS = 3  # of the column with the worst one
ROWS_READ = 400  # the newest figures of the primary metrics: a run has one a group
AMOUNTS = ("mae", "rmse")  # metrics in the unit of what is predicted


@dataclass(frozen=True)
class Headline:
    """The primary metric over all rows.

    figure    independent, about the version's present files, if there is one; else what its team declares.
    declared  the team's own figure of the same metric; None without one.
    groups    of the column with the worst group, that one first; [] where none was measured.
    unit      of an amount; "" for a rate.
    """

    figure: Evaluation
    declared: Evaluation | None
    groups: list[Evaluation]
    unit: str

    @property
    def is_independent(self) -> bool:
        return self.figure.kind == Evaluation.Kind.INDEPENDENT

    @property
    def lower_is_better(self) -> bool:
        return self.figure.metric in LOWER_IS_BETTER

    @property
    def differs(self) -> bool:
        """Does the declared figure lie outside the interval that was measured?"""
        measured, declared = self.figure, self.declared
        if (
            not self.is_independent
            or declared is None
            or measured.low is None
            or measured.high is None
        ):
            return False
        return not measured.low <= declared.value <= measured.high

    @property
    def less_than_baseline(self) -> int | None:
        """By how many percent an error is less than the naive answer's; None for other metrics."""
        baseline = self.figure.baseline
        if not baseline or not self.lower_is_better:
            return None
        return round(100 * (1 - self.figure.value / baseline))


def headline(version: ModelVersion) -> Headline | None:
    """The Headline of a version; None when nobody measured it. Two queries."""
    rows = version.evaluations.exclude(kind=Evaluation.Kind.CONSUMER).filter(
        metric__in=[*PRIMARY.values(), RARE_PRIMARY]
    )
    read = list(rows.order_by("-id")[:ROWS_READ])
    present = artifact_digest(version) if read else ""
    measured = [
        row
        for row in read
        if row.kind == Evaluation.Kind.INDEPENDENT and row.artifact_sha256 == present
    ]
    declared = [row for row in read if row.kind == Evaluation.Kind.DECLARED and not row.slice]
    figure = _first(measured)
    own = next((row for row in declared if figure is None or row.metric == figure.metric), None)
    shown = figure or own
    if shown is None:
        return None
    together = [row for row in measured if row.at == shown.at and row.metric == shown.metric]
    outputs = version.signature.get("outputs") or [{}]
    unit = str(outputs[0].get("unit") or "") if shown.metric in AMOUNTS else ""
    return Headline(shown, own, worst_groups(together, shown.metric), unit)


def _first(measured: Sequence[Evaluation]) -> Evaluation | None:
    """The newest figure over all rows; of rare events that one which decides."""
    newest = next((row for row in measured if not row.slice), None)
    rare = (
        row
        for row in measured
        if newest and row.metric == RARE_PRIMARY and row.at == newest.at and not row.slice
    )
    return next(rare, newest)


def worst_groups(rows: Sequence[Evaluation], metric: str) -> list[Evaluation]:
    """The groups of the column in which the worst one is: it first, then at most two others."""
    groups = [row for row in rows if row.group and " × " not in row.column]
    if not groups:
        return []
    by_badness = sorted(groups, key=lambda row: row.value, reverse=metric in LOWER_IS_BETTER)
    return [row for row in by_badness if row.column == by_badness[0].column][:MOST_GROUPS]
