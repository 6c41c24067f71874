"""Rows before a run: keeps the mapped columns, and counts what each version would refuse (docs/batch-evaluation.md, "Checks")."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from consumption import actions
from consumption.evaluations.files import Files
from consumption.evaluations.mapping import Mapping
from consumption.models import BatchEvaluation
from publishing.batch import drift, kept, spread, tables, truth
from publishing.batch.kept import Contract, Seen, Views
from publishing.batch.reading import UPLOAD
from publishing.batch.tables import Reading

PROBLEMS = "problems"
MOST_PROBLEMS = 500  # rows that are listed one by one
MOST_GROUPS = 200


def check(evaluation: BatchEvaluation) -> None:
    """Write the chunks and the report. Raises Unreadable, Gone."""
    files = Files(evaluation)
    files.remove(kept.ROWS)
    files.remove(kept.ANSWERS)
    mapping = Mapping.of(evaluation.mapping)
    reading = Reading(**evaluation.reading)
    report = Report(mapping, kept.contracts_of(evaluation.evaluated(), mapping), reading.decimal)
    for number, (numbers, columns) in enumerate(chunked(files, mapping, reading, report)):
        kept.write_chunk(files, number, numbers, columns)
        report.add(kept.Chunk(kept.chunk_name(number), numbers, columns))
    files.write_json(PROBLEMS, report.problems)
    actions.rows_checked(evaluation, report.as_data(), report.rows)


def chunked(
    files: Files, mapping: Mapping, reading: Reading, report: "Report"
) -> Iterator[tuple[list[int], dict[str, list[str]]]]:
    """(numbers of the rows, {mapped column: cells}); what is not mapped is dropped here, and personal values replaced."""
    all_rows = tables.rows(files.read(UPLOAD), reading)
    names = tables.header(next(all_rows, []))
    places = {column: names.index(column) for column in mapping.columns}
    replaced = set(mapping.pseudonyms)
    numbers: list[int] = []
    columns: dict[str, list[str]] = {column: [] for column in places}
    for number, row in enumerate(all_rows, 1):
        if len(row) != len(names):
            report.ragged += 1
        numbers.append(number)
        for column, place in places.items():
            cell = row[place] if place < len(row) else ""
            columns[column].append(files.pseudonym(cell) if column in replaced else cell)
        if len(numbers) == kept.CHUNK_ROWS:
            yield numbers, columns
            numbers, columns = [], {column: [] for column in places}
    if numbers:
        yield numbers, columns


class Report:
    """What is found of all rows, gathered chunk by chunk."""

    def __init__(self, mapping: Mapping, contracts: list[Contract], decimal: str) -> None:
        self.rows = self.ragged = self.duplicates = self.shared = 0
        self.problems: list[dict[str, Any]] = []
        self._mapping, self._contracts, self._decimal = mapping, contracts, decimal
        self._valid = dict.fromkeys((contract.version.pk for contract in contracts), 0)
        inputs = dict.fromkeys(name for contract in contracts for name in contract.inputs)
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in inputs}
        self._labels = truth.Labels(decimal)
        self._groups: dict[str, set[str]] = {column: set() for column in mapping.groups}
        self._seen: set[int] = set()
        self._observed = {
            (contract.version.pk, name): drift.Observed(known)
            for contract in contracts
            for name, known in spread.spreads_of(kept.card_of(contract.version)).items()
            if name in contract.inputs
        }

    def add(self, chunk: kept.Chunk) -> None:
        self.rows += len(chunk.numbers)
        views = Views(chunk, self._decimal)
        seen = [(contract, views.of(contract)) for contract in self._contracts]
        for contract, view in seen:
            self._valid[contract.version.pk] += int(view.taken.sum())
            for name, values in view.values.items():
                if observed := self._observed.get((contract.version.pk, name)):
                    observed.add(values)
        self.shared += int(np.logical_and.reduce([view.taken for _, view in seen]).sum())
        self._count_faults(chunk, seen)
        for row in zip(*chunk.cells.values(), strict=True):
            key = hash(row)
            self.duplicates += key in self._seen
            self._seen.add(key)
        if self._mapping.label:
            self._labels.add(chunk.cells[self._mapping.label])
        for column, groups in self._groups.items():
            if len(groups) <= MOST_GROUPS:
                groups.update(chunk.cells[column])

    def _count_faults(self, chunk: kept.Chunk, seen: list[tuple[Contract, Seen]]) -> None:
        merged: dict[tuple[int, str], dict[str, Any]] = {}
        for contract, view in seen:
            for name, faults in view.faults.items():
                for place, fault in faults.items():
                    row = merged.setdefault(
                        (place, name),
                        {
                            "row": chunk.numbers[place],
                            "input": name,
                            "kind": fault.kind,
                            "problem": fault.problem,
                            "refused_by": [],
                        },
                    )
                    row["refused_by"].append(str(contract.version))
        for row in merged.values():
            self._counts[row["input"]][row["kind"]] += 1
        free = MOST_PROBLEMS - len(self.problems)
        if free > 0:
            self.problems += [merged[key] for key in sorted(merged)[:free]]

    def as_data(self) -> dict[str, Any]:
        task = self._task()
        return {
            "rows": self.rows,
            "ragged": self.ragged,
            "duplicates": self.duplicates,
            "shared": self.shared,
            "versions": [
                {"version": contract.version.pk, "valid": self._valid[contract.version.pk]}
                for contract in self._contracts
            ],
            "inputs": [
                {"input": name, "column": self._mapping.inputs[name], **counts}
                for name, counts in self._counts.items()
            ],
            "labels_missing": self._labels.missing,
            "task": task.name,
            "classes": list(task.classes),
            "problem": task.problem,
            "groups": {column: len(groups) for column, groups in self._groups.items()},
            "drift": [
                {"version": pk, "input": name, "index": round(observed.index, 4)}
                for (pk, name), observed in self._observed.items()
                if observed.index is not None
            ],
        }

    def _task(self) -> truth.Task:
        if not self._mapping.label:
            return truth.Task()
        return truth.task_of(self._labels, self._mapping.task, self._mapping.positive)
