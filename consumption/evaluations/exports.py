"""Downloads of a batch evaluation as CSV that spreadsheets do not run: figures, answers by row, rows that were not answered."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from consumption.evaluations.files import Files
from consumption.evaluations.page import LABELS, kept_rows, names_of
from consumption.models import BatchEvaluation
from marketplace.core.errors import RuleError
from marketplace.core.spreadsheets import as_cell

KINDS = ("figures", "answers", "problems")


def write(evaluation: BatchEvaluation, kind: str) -> IO[bytes]:
    """An open file from its beginning; what is large is never in memory whole. Raises RuleError when the rows are gone."""
    rows = {"figures": figures, "answers": answers, "problems": problems}[kind](evaluation)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    csv.writer(text).writerows([as_cell(cell) for cell in row] for row in rows)
    text.detach()
    file.seek(0)
    return file


def figures(evaluation: BatchEvaluation) -> Iterator[Iterable[Any]]:
    names, results = names_of(evaluation), evaluation.results
    yield ["metric", "column", "group", "rows", "model", "value", "low", "high"]
    whole = [
        one | {"column": "", "group": "", "n": results.get("measured", "")}
        for one in results.get("figures", [])
    ]
    for one in [*whole, *results.get("groups", [])]:
        about = [LABELS.get(one["metric"], one["metric"]), one["column"], one["group"], one["n"]]
        for name, value in zip(names, one["values"], strict=True):
            yield [*about, name, value["value"], value["low"], value["high"]]
        for pair in one["pairs"]:
            compared = f"{names[0]} less {names[pair['other']]}"
            yield [*about, compared, pair["difference"], pair["low"], pair["high"]]


def answers(evaluation: BatchEvaluation) -> Iterator[Iterable[Any]]:
    """Row, truth, and what each model answered; chunk by chunk."""
    files = Files(evaluation)
    versions, label = evaluation.evaluated(), evaluation.mapping.get("label", "")
    yield ["row", *([label] if label else []), *map(str, versions)]
    for name in files.names("rows-"):
        chunk = files.read_json(name)
        given = []
        for version in versions:
            answer = f"answers-{version.pk}-{name}"
            if not files.has(answer):
                raise RuleError("Not every row was answered.", remedy="Run it to its end.")
            found = files.read_json(answer)
            given.append(dict(zip(found["taken"], found["values"], strict=True)))
        labels = chunk["cells"].get(label, [])
        for place, row in enumerate(chunk["numbers"]):
            truth = [_number_or_text(labels[place])] if label else []
            yield [row, *truth, *(_text(one.get(place)) for one in given)]


def _number_or_text(cell: str) -> float | str:
    """A negative amount is a number for a spreadsheet too."""
    try:
        return float(cell)
    except ValueError:
        return cell


def _text(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def problems(evaluation: BatchEvaluation) -> Iterator[Iterable[Any]]:
    yield ["row", "input", "problem", "refused by"]
    for row in kept_rows(evaluation)[0]:
        yield [row["row"], row["input"], row["problem"], ", ".join(row["refused_by"])]
