"""Excel or Parquet as CSV, in a process of its own: python -m publishing.packages.table_child TASK.

TASK is a JSON file: {"kind", "path", "most_rows", "most_columns"}. Writes the rows as UTF-8 CSV to standard output, the header first.
What cannot be read ends with exit code 3 and one sentence on standard error that holds no cell.
"""

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from . import confinement, limits

UNREADABLE = 3
MEMORY_MB = 512


def main(path: str) -> None:
    task = json.loads(Path(path).read_text("utf-8"))
    confinement.limit_acts(limits.TABLE_CPU_SECONDS, written_bytes=limits.MIB)
    confinement.leave_network()
    rows = excel(task) if task["kind"] == "excel" else parquet(task)
    try:
        write(rows, task["most_rows"] + 2)  # one more than is read, so that the reader says it
    except Exception:  # its words may hold a cell
        end("The file is damaged, protected by a password, or not what its first bytes say.")


def write(rows: Iterable[Iterable[Any]], most: int) -> None:
    out = io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="")
    writer = csv.writer(out)
    for number, row in enumerate(rows):
        if number >= most:
            break
        writer.writerow([text_of(value) for value in row])
    out.flush()


def excel(task: dict[str, Any]) -> Iterator[Iterable[Any]]:
    """The first sheet; formulas as the values that were computed last."""
    import openpyxl

    limit_memory()
    confinement.forbid_acts()
    with open(task["path"], "rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        for row in sheet.iter_rows(max_col=task["most_columns"] + 1, values_only=True):
            yield trimmed(row)


def trimmed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without the empty cells at its end, of which a sheet has as many as it likes."""
    width = len(row)
    while width and row[width - 1] is None:
        width -= 1
    return row[:width]


def parquet(task: dict[str, Any]) -> Iterator[Iterable[Any]]:
    import duckdb

    confinement.forbid_acts()
    store = duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": f"{MEMORY_MB}MB",
            "max_temp_directory_size": "0MB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    store.execute("SET allowed_paths=[?]", [task["path"]])
    store.execute("SET enable_external_access=false")
    store.execute("SET lock_configuration=true")
    found = store.execute("SELECT * FROM read_parquet(?)", [task["path"]])
    yield [column[0] for column in found.description]
    while rows := found.fetchmany(1000):
        yield from rows


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def limit_memory() -> None:
    from hosting.model_server import session

    session.bound_memory(MEMORY_MB)


def end(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(UNREADABLE)


if __name__ == "__main__":
    main(*sys.argv[1:])
