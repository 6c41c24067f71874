"""A run as the page shows it: what each version answered to the shown row, all rows beside each other, and how far they are apart."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from consumption.playground import answers, costs
from consumption.playground.answers import Output
from consumption.playground.choices import Choice
from consumption.playground.costs import Cost
from consumption.playground.history import Run, Side
from marketplace.core.plots import Span

LONGEST_ANSWER = 4_000  # characters of an answer as JSON


@dataclass(frozen=True)
class Column:
    """One version's answer to the row `at`."""

    choice: Choice
    side: Side
    costs: list[Cost]
    outputs: list[Output]
    at: int

    @property
    def problem(self) -> str:
        """Why there is no answer to the row; "" when there is one."""
        if self.side.why_not:
            return self.side.why_not
        if self.side.status != 200:
            return str(self.side.document.get("detail") or "It did not answer.")
        return "" if self.at in self.side.sent else "This row was not sent: see its fields."

    @property
    def status(self) -> str:
        status = self.side.status
        return "200 OK" if status == 200 else str(status or "No answer")

    @property
    def main(self) -> Output | None:
        return answers.main_output(self.outputs)

    @property
    def main_value(self) -> str:
        return answers.shown(self.value_of(self.main, self.at))

    @property
    def rest(self) -> list[tuple[str, str]]:
        """(output, value with its unit) of the other outputs."""
        if self.problem:
            return []
        main = self.main
        return [
            (output.name, f"{answers.shown(self.value_of(output, self.at))} {output.unit}".strip())
            for output in self.outputs
            if output is not main
        ]

    @property
    def document_json(self) -> str:
        text = json.dumps(self.side.document, indent=1, ensure_ascii=False)
        return text if len(text) <= LONGEST_ANSWER else f"{text[:LONGEST_ANSWER]}\n…"

    def value_of(self, output: Output | None, row: int) -> Any:
        """What the version answered to a row in an output; None when it did not."""
        sent = self.side.sent
        place = sent.index(row) if row in sent else None
        if output is None or place is None or place >= len(output.values):
            return None
        return output.values[place]


@dataclass(frozen=True)
class Line:
    """One row of the run: what each version said of it."""

    at: int
    values: list[Any]
    is_shown: bool

    @property
    def cells(self) -> list[str]:
        return ["not answered" if value is None else answers.shown(value) for value in self.values]

    @property
    def difference(self) -> str:
        """How far two versions are apart; "" where they are not two numbers."""
        if len(self.values) != 2 or not all(map(answers.is_number, self.values)):
            return ""
        return answers.shown(self.values[0] - self.values[1])


@dataclass(frozen=True)
class Answer:
    """The answers of a run. is_old: the rows were changed since."""

    run: Run
    columns: list[Column]
    at: int
    is_old: bool

    @property
    def row_number(self) -> int:
        return self.at + 1

    @property
    def lines(self) -> list[Line]:
        return [
            Line(
                row, [column.value_of(column.main, row) for column in self.columns], row == self.at
            )
            for row in range(len(self.run.rows))
        ]

    @property
    def says(self) -> str:
        """How the first two versions differ on the shown row, in a sentence; "" where they cannot be compared."""
        answered = [column for column in self.columns if not column.problem][:2]
        mains = [column.main for column in answered]
        if len(answered) < 2 or not mains[0] or not mains[1] or mains[0].name != mains[1].name:
            return ""
        one, other = (column.value_of(column.main, self.at) for column in answered)
        said = answers.difference(one, other, mains[0].unit)
        labels = [column.choice.label for column in answered]
        return f"{labels[0]} {said} {labels[1]}." if said else ""

    @property
    def charts(self) -> list[tuple[str, list[Span]]]:
        """The main numbers by row, one chart for each version that answered several."""
        charts = []
        for column in self.columns:
            if column.main is not None and column.main.is_number:
                labels = [f"Row {row + 1}" for row in column.side.sent]
                if found := answers.spans(column.main, labels):
                    charts.append((f"{column.main.name}, {column.choice.label}", found))
        return charts


def of_run(run: Run, choices: Sequence[Choice], rows: Sequence[object], at: int) -> Answer:
    """The Answer of a run, of those versions that are still chosen. `rows` and `at`: what the form holds now. One query."""
    at = min(at, len(run.rows) - 1)
    by_key = {choice.key: choice for choice in choices}
    sides = [side for side in run.sides if side.version in by_key]
    prices = costs.of_models(choice.version.model_id for choice in choices)
    columns = []
    for side in sides:
        version = by_key[side.version].version
        outputs = answers.outputs_of(version.signature, side.document)
        columns.append(
            Column(by_key[side.version], side, prices.get(version.model_id, []), outputs, at)
        )
    return Answer(run, columns, at, is_old=list(rows) != run.rows)
