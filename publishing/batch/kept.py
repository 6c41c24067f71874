"""The mapped rows as they are kept, chunk by chunk, and how a version sees them. A chunk is the unit of work that is committed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.models import ModelVersion
from consumption.evaluations.files import Files
from consumption.evaluations.mapping import Mapping
from hosting.model_server.columns import Column, Signature
from publishing.batch import cells
from publishing.batch.cells import Fault

CHUNK_ROWS = 4000
ROWS, ANSWERS = "rows-", "answers-"


@dataclass(frozen=True)
class Chunk:
    """Some rows: their numbers in the file, from 1 below the header, and the cells of the mapped columns."""

    name: str
    numbers: list[int]
    cells: dict[str, list[str]]


def chunk_name(number: int) -> str:
    return f"{ROWS}{number:05d}"


def answers_name(version: ModelVersion, chunk: str) -> str:
    return f"{ANSWERS}{version.pk}-{chunk}"


def write_chunk(
    files: Files, number: int, numbers: list[int], columns: dict[str, list[str]]
) -> None:
    files.write_json(chunk_name(number), {"numbers": numbers, "cells": columns})


def read_chunk(files: Files, name: str) -> Chunk:
    data = files.read_json(name)
    return Chunk(name, data["numbers"], data["cells"])


def chunks(files: Files) -> Iterator[Chunk]:
    for name in files.names(ROWS):
        yield read_chunk(files, name)


@dataclass(frozen=True)
class Contract:
    """What one version takes of the mapped columns: {input: (column of the file, its rules)}."""

    version: ModelVersion
    inputs: dict[str, tuple[str, Column]]
    output: str

    @classmethod
    def of(cls, version: ModelVersion, mapping: Mapping) -> "Contract":
        rules = Signature.of(version.signature).columns
        outputs = [spec["name"] for spec in version.signature["outputs"]]
        taken = {
            name: (mapping.inputs[name], column)
            for name, column in rules.items()
            if mapping.inputs.get(name)
        }
        return cls(version, taken, mapping.outputs.get(str(version.pk)) or outputs[0])


@dataclass(frozen=True)
class Seen:
    """How a version sees a chunk: its input values, which rows it takes, and what is wrong with the others."""

    values: dict[str, list[Any]]
    taken: np.ndarray
    faults: dict[str, dict[int, Fault]]


class Views:
    """What several versions see of one chunk. Those whose rules of an input are the same look at its cells once."""

    def __init__(self, chunk: Chunk, decimal: str) -> None:
        self.chunk, self._decimal = chunk, decimal
        self._parsed: dict[tuple[str, Column], cells.Parsed] = {}

    def of(self, contract: Contract) -> Seen:
        taken = np.ones(len(self.chunk.numbers), dtype=bool)
        values, faults = {}, {}
        for name, key in contract.inputs.items():
            if key not in self._parsed:
                column, rules = key
                self._parsed[key] = cells.parse(rules, self.chunk.cells[column], self._decimal)
            parsed = self._parsed[key]
            values[name] = parsed.values
            faults[name] = parsed.faults
            taken[list(parsed.faults)] = False
        return Seen(values, taken, faults)


def card_of(version: ModelVersion) -> dict[str, Any]:
    """The values of the version's card; {} without one."""
    card = getattr(version, "card", None)
    return card.data if card else {}


def contracts_of(versions: Sequence[ModelVersion], mapping: Mapping) -> list[Contract]:
    return [Contract.of(version, mapping) for version in versions]
