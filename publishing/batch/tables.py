"""A table in a file: which kind it is, how it is read, and its rows as texts (docs/batch-evaluation.md, "Files").

CSV is read here, as a stream. Excel and Parquet are made CSV in a limited child first (publishing.packages.table_child).
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from marketplace.core.errors import Invalid
from marketplace.core.text import composed

MOST_ROWS, MOST_COLUMNS = 200_000, 500
LONGEST_NAME = 100  # characters of a column's name
LONGEST_CELL = 64 * 1024
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
HEAD = 256 * 1024  # bytes that are looked at for a guess
LINES = 60
KINDS = ((b"PK\x03\x04", "excel"), (b"PAR1", "parquet"))
NOT_READ = {
    b"\xd0\xcf\x11\xe0": "Excel's old format (.xls) is not read. Save it as .xlsx or as CSV.",
    b"\x1f\x8b": "The file is compressed (gzip). Unpack it and upload what is inside.",
    b"%PDF": "A PDF holds no rows that can be read. Export the table as CSV or Excel.",
    b"BZh": "The file is compressed (bzip2). Unpack it and upload what is inside.",
}
COMMA_NUMBER = re.compile(r"-?(\d{1,3}(?:[.' \u00a0\u202f]\d{3})+|\d+),\d+%?")
POINT_NUMBER = re.compile(r"-?(\d{1,3}(?:,\d{3})+|\d+)\.\d+%?")


class Unreadable(Invalid):
    """The file is no table that can be read; the sentence says what to do."""


@dataclass(frozen=True)
class Reading:
    """How a file is read. delimiter: a name of DELIMITERS; decimal: "." or ","."""

    kind: str = "csv"
    encoding: str = "utf-8"
    delimiter: str = "comma"
    decimal: str = "."

    def as_data(self) -> dict[str, str]:
        return dict(vars(self))


def kind_of(head: bytes) -> str:
    """csv, excel or parquet, by the first bytes. Raises Unreadable."""
    for start, sentence in NOT_READ.items():
        if head.startswith(start):
            raise Unreadable(sentence)
    return next((kind for start, kind in KINDS if head.startswith(start)), "csv")


def guess(head: bytes, chosen: dict[str, str]) -> Reading:
    """How a CSV with these first bytes is read; what a person chose stands. Raises Unreadable."""
    encoding = chosen.get("encoding") or _encoding(head)
    text = _text(head, encoding)
    delimiter = chosen.get("delimiter") or _delimiter(text)
    decimal = chosen.get("decimal") or _decimal(text, delimiter)
    return Reading("csv", encoding, delimiter, decimal)


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
    if max(even, odd) > len(head[:2000]) // 5:
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        return "utf-8"
    except UnicodeDecodeError:
        return "latin-1"


def codec(encoding: str, head: bytes) -> str:
    """Python's name: a byte order mark is left out, and one that is missing is guessed. Windows' letters are read as such."""
    if encoding == "utf-16" and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16-be" if head[0:2000:2].count(0) > head[1:2000:2].count(0) else "utf-16-le"
    return {"utf-8": "utf-8-sig", "latin-1": "cp1252"}.get(encoding, encoding)


def _text(head: bytes, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder(codec(encoding, head))(errors="replace")
    return decoder.decode(head)


def _delimiter(text: str) -> str:
    """The sign that cuts most of the first lines into equally many cells, more than one."""
    lines = text.splitlines()[:LINES]
    lines = lines[:-1] if len(lines) > 2 else lines  # the last one may be cut off

    def score(sign: str) -> tuple[float, int]:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=sign) if row)
        except csv.Error:
            return 0.0, 0
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        return (count / sum(widths.values()), width) if width > 1 else (0.0, 0)

    best = max(DELIMITERS, key=lambda name: score(DELIMITERS[name]))
    return best if score(DELIMITERS[best])[1] > 1 else "comma"


def _decimal(text: str, delimiter: str) -> str:
    if delimiter == "comma":
        quoted = re.findall(r'"(-?\d+,\d+)"', text)
        return "," if len(quoted) > text.count(".") else "."
    cells = [
        cell.strip()
        for row in csv.reader(text.splitlines()[1:LINES], delimiter=DELIMITERS[delimiter])
        for cell in row
    ]
    commas = sum(bool(COMMA_NUMBER.fullmatch(cell)) for cell in cells)
    return "," if commas > sum(bool(POINT_NUMBER.fullmatch(cell)) for cell in cells) else "."


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a stream."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks, self._rest = iter(blocks), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        while not self._rest:
            try:
                self._rest = next(self._blocks)
            except StopIteration:
                return 0
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def rows(blocks: Iterable[bytes], reading: Reading) -> Iterator[list[str]]:
    """The rows of a CSV, the header first, empty lines left out; nothing is kept. Raises Unreadable."""
    stream = io.BufferedReader(_Blocks(blocks), HEAD)
    name = codec(reading.encoding, stream.peek(2000)[:2000])
    errors = "replace" if reading.encoding == "latin-1" else "strict"
    text = io.TextIOWrapper(stream, name, errors, newline="")
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(text, delimiter=DELIMITERS[reading.delimiter])
    count = 0
    try:
        for row in reader:
            if row and any(row):
                count += 1
                if count > MOST_ROWS + 1:
                    raise Unreadable(
                        f"The file has more than {MOST_ROWS} rows. Take a sample of them."
                    )
                yield row
    except UnicodeDecodeError:
        raise Unreadable(
            f"Near line {reader.line_num + 1} the file is not {reading.encoding.upper()}. Choose another encoding."
        ) from None
    except csv.Error as error:
        raise Unreadable(f"Line {reader.line_num}: {error}.") from None


def header(row: list[str]) -> list[str]:
    """The names of the columns. Raises Unreadable."""
    if len(row) > MOST_COLUMNS:
        raise Unreadable(
            f"The file has {len(row)} columns; at most {MOST_COLUMNS} are read. Leave out those that no model needs."
        )
    names = [
        composed("".join(sign for sign in cell if sign.isprintable())).strip()[:LONGEST_NAME]
        or f"column {place}"
        for place, cell in enumerate(row, 1)
    ]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise Unreadable(
            f"Two columns are called {twice[0]}. Give each column a name of its own in the first line."
        )
    return names


def sample(
    all_rows: Iterable[list[str]], first: int = 500, every: int = 100
) -> Iterator[list[str]]:
    """The first rows, and one in a hundred of those behind them; the others are read and forgotten."""
    source = iter(all_rows)
    yield from islice(source, first)
    for place, row in enumerate(source):
        if place % every == 0:
            yield row
