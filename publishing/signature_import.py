"""Columns read from what people paste: an MLmodel file, what pandas prints for `dtypes` or `info()`, or a CSV header.

What comes of it is a proposal: rows for the signature table, which its publisher confirms by saving. Pure.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from hosting.model_server.signatures import LONGEST_NAME, MOST_FIELDS
from marketplace.core.errors import Invalid
from publishing.packages.mlflow_models import COLUMN_TYPES, PlainLoader

LONGEST_PASTE = (
    100_000  # characters; 512 columns of an MLmodel take about 50 000, and YAML is read slowly
)
ROWS_LOOKED_AT = 50  # of a CSV, to tell the datatypes
# What pandas and numpy call their types → (Open Inference datatype, format). Nullable pandas types are capitalised.
NUMPY_TYPES = {
    "bool": "BOOL",
    "boolean": "BOOL",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "object": "BYTES",
    "string": "BYTES",
    "str": "BYTES",
    "category": "BYTES",
    **{
        f"{sign}int{bits}": f"{sign}INT{bits}".upper()
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}
ENDING = re.compile(r"(Name: .*, )?(Length: \d+, )?dtype: \w+|dtypes: .*|memory usage: .*")
MLMODEL_LINE = re.compile(r"^(signature|flavors|artifact_path|model_uuid):", re.MULTILINE)
KINDS = {"mlmodel": "MLmodel", "dtypes": "pandas dtypes", "csv": "CSV header"}


@dataclass(frozen=True)
class ProposedField:
    """One column. `datatype` is "" where the source does not tell it; `example` is the text of a cell."""

    name: str
    datatype: str = ""
    format: str | None = None
    shape: tuple[int, ...] = (-1,)
    is_required: bool = True
    example: str = ""


@dataclass(frozen=True)
class Proposal:
    """What was read. `left_out` says in sentences what was not."""

    kind: str
    inputs: list[ProposedField]
    outputs: list[ProposedField] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def sentence(self, count: int) -> str:
        """What was read, for who pasted it; `count` fields are in the table now."""
        fields = "1 field" if count == 1 else f"{count} fields"
        told = (
            f"{fields} read from {KINDS[self.kind]}, marked below. Nothing is saved until you save."
        )
        return " ".join([told, *self.left_out])


def read(text: str) -> Proposal:
    """The columns in a pasted text, of whichever kind it is. Raises Invalid (field "paste")."""
    if len(text) > LONGEST_PASTE:
        raise _refused(f"At most {LONGEST_PASTE} characters are read; these are {len(text)}.")
    if not text.strip():
        raise _refused("Paste an MLmodel file, what pandas prints for dtypes, or a CSV header.")
    text = text.replace("\r\n", "\n").strip("\n\ufeff")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if MLMODEL_LINE.search(text):
        proposal = of_mlmodel(text)
    elif columns := of_pandas(lines):
        proposal = Proposal("dtypes", columns)
    else:
        proposal = Proposal("csv", of_csv(lines))
    for side in (proposal.inputs, proposal.outputs):
        names = [one.name for one in side]
        if len(names) > MOST_FIELDS:
            raise _refused(
                f"{len(names)} columns were read; a signature has at most {MOST_FIELDS}."
            )
        if wrong := [name for name in names if not 0 < len(name) <= LONGEST_NAME]:
            raise _refused(
                f"A column without a name, or with a long one, was read: {wrong[0][:60]!r}."
            )
        if twice := [name for name in names if names.count(name) > 1]:
            raise _refused(f"The name {twice[0]} stands there twice.")
    return proposal


def _refused(sentence: str) -> Invalid:
    return Invalid(sentence, field="paste")


# -- MLmodel -------------------------------------------------------------------------------------------------------


def of_mlmodel(text: str) -> Proposal:
    """The signature in the text of an MLmodel file. Raises Invalid."""
    try:
        mlmodel = yaml.load(text, Loader=PlainLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise _refused(f"This MLmodel is not YAML that we read{line}.") from None
    signature = mlmodel.get("signature") if isinstance(mlmodel, dict) else None
    if not isinstance(signature, dict):
        raise _refused("This MLmodel has no signature. Save the model with one (infer_signature).")
    sides: dict[str, list[ProposedField]] = {}
    left_out: list[str] = []
    for side in ("inputs", "outputs"):
        sides[side] = list(_specs(signature.get(side), side, left_out))
    if signature.get("params"):
        left_out.append("Its params were left out: give them as optional inputs with a default.")
    return Proposal("mlmodel", sides["inputs"], sides["outputs"], left_out)


def _specs(text: Any, side: str, left_out: list[str]) -> Iterator[ProposedField]:
    try:
        specs = json.loads(text) if isinstance(text, str) else text or []
    except (ValueError, RecursionError):
        raise _refused(f"The {side} of this MLmodel are not JSON.") from None
    if not isinstance(specs, list) or not all(isinstance(spec, dict) for spec in specs):
        raise _refused(f"The {side} of this MLmodel are not a list of columns.")
    for place, spec in enumerate(specs):
        given = spec.get("name")
        name = given if isinstance(given, str) and given else f"{side[:-1]}_{place + 1}"
        kind = str(spec.get("type"))
        made = _of_tensor(name, spec) if kind == "tensor" else None
        if kind in COLUMN_TYPES:
            is_required = bool(spec.get("required", True))
            made = ProposedField(name, *COLUMN_TYPES[kind], is_required=is_required)
        if made is None:
            left_out.append(f"{name} was left out: its type is not served.")
        else:
            yield made


def _of_tensor(name: str, spec: dict[str, Any]) -> ProposedField | None:
    tensor = spec.get("tensor-spec")
    if not isinstance(tensor, dict) or not isinstance(shape := tensor.get("shape"), list):
        return None
    datatype = NUMPY_TYPES.get(str(tensor.get("dtype")))
    sizes = [-1, *shape[1:]]
    if datatype is None or not all(type(size) is int for size in sizes) or len(sizes) > 8:
        return None
    return ProposedField(name, datatype, shape=(-1,) if sizes == [-1, 1] else tuple(sizes))


# -- pandas --------------------------------------------------------------------------------------------------------


def of_pandas(lines: list[str]) -> list[ProposedField]:
    """The columns of a print-out; [] when a line is no column, so that it is no print-out."""
    is_info = any(line.startswith("#") and line.endswith("Dtype") for line in lines)
    columns = []
    for line in lines:
        if ENDING.fullmatch(line):
            continue
        column = _of_info_line(line) if is_info else _of_line(line)
        if column:
            columns.append(column)
        elif not is_info:
            return []
    return columns


def _of_info_line(line: str) -> ProposedField | None:
    """` 0   income  100 non-null  float64`: how many are there says nothing about what callers must send."""
    number, _, rest = line.partition(" ")
    what = rest.strip().split(" non-null ")
    if not number.isdigit() or len(what) != 2:
        return None
    return _typed(what[0].rsplit(None, 1)[0], what[1].strip())


def _of_line(line: str) -> ProposedField | None:
    """`income   float64`; a time zone puts a blank into the type."""
    at = line.rfind(" datetime64[")
    parts = [line[:at], line[at:]] if at > 0 else line.rsplit(None, 1)
    return _typed(parts[0].strip(), parts[1].strip()) if len(parts) == 2 else None


def _typed(name: str, kind: str) -> ProposedField | None:
    if kind.startswith(("datetime64[", "period[")):
        return ProposedField(name, "BYTES", "date-time")
    datatype = NUMPY_TYPES.get(kind.lower())
    return ProposedField(name, datatype) if datatype else None


# -- CSV -----------------------------------------------------------------------------------------------------------


def of_csv(lines: list[str]) -> list[ProposedField]:
    """The names of the first line; datatypes and an example from the lines after it, when there are any."""
    delimiter = max(",;\t|", key=lines[0].count)
    try:
        rows = list(
            csv.reader(lines[: ROWS_LOOKED_AT + 1], delimiter=delimiter, skipinitialspace=True)
        )
    except csv.Error:
        raise _refused("The first line is not a CSV header.") from None
    header = [name.strip() for name in rows[0]]
    if all(map(_is_number, header)):
        raise _refused(
            "The first line holds numbers. Paste the line with the names of the columns."
        )
    whole = [row for row in rows[1:] if len(row) == len(header)]
    return [
        _told_by(name, [row[place].strip() for row in whole if row[place].strip()])
        for place, name in enumerate(header)
    ]


def _told_by(name: str, values: list[str]) -> ProposedField:
    """The column with the datatype that fits all its values."""
    if not values:
        return ProposedField(name)
    if {value.lower() for value in values} <= {"true", "false"}:
        return ProposedField(name, "BOOL", example=values[0].lower())
    if all(re.fullmatch(r"-?\d{1,18}", value) for value in values):
        return ProposedField(name, "INT64", example=values[0])
    datatype = "FP64" if all(map(_is_number, values)) else "BYTES"
    return ProposedField(name, datatype, example=values[0][:200])


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE))
