"""The dialect of a delimited text file: delimiter, quote, escape, preamble, header. Found on a sample, by DuckDB."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import duckdb

from processing_svc.kinds import TEXT, reading_of
from processing_svc.text.duck import literal
from processing_svc.text.peek import peek

SNIFF_ROWS: Final = 5_000
FIELD_BYTES: Final = 16 * 1024 * 1024
"""Longest field that is read; beyond it the text is no table."""
HEADER_EVIDENCE_ROWS: Final = 50
DELIMITERS: Final = ",;\t|"
QUOTE_SAMPLE_BYTES: Final = 1 << 18
_NOTHING: Final = ("(empty)", "", None)


class Reader(Protocol):
    """Python's own reader of delimited text."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]:
        """Iterate over the records."""
        ...

    def __next__(self) -> list[str]:
        """Return the next record; raises `csv.Error`."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to split a file. `skip` lines stand before the table; `width` is the number of columns in the sample."""

    delimiter: str
    quote: str
    escape: str
    skip: int
    header: bool
    width: int
    names: tuple[str | None, ...] = ()

    def read_csv(self, path: Path) -> str:
        """Return the strict read of all columns as text, `c0` and on, as SQL that stands behind FROM."""
        columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(self.width))
        return (
            f"read_csv({literal(str(path))}, auto_detect=false, strict_mode=true, delim={literal(self.delimiter)}, "
            f"quote={literal(self.quote)}, escape={literal(self.escape)}, comment='', skip={self.skip}, "
            f"header={str(self.header).lower()}, columns={{{columns}}})"
        )


def find_dialect(connection: duckdb.DuckDBPyConnection, path: Path) -> Dialect:
    """Find the dialect of a UTF-8 file."""
    try:
        found = _sniff(connection, path)
    except duckdb.Error:
        found = _count(path)
    rows = list(islice(records(path, found), HEADER_EVIDENCE_ROWS))
    header = bool(rows) and _has_header(rows, sniffed=found.header)
    width = max(found.width, len(rows[0]) if header else 0)
    first = rows[0] if header else []
    names = tuple((first[i].strip() or None) if i < len(first) else None for i in range(width))
    return Dialect(found.delimiter, found.quote, found.escape, found.skip, header, width, names)


def _sniff(connection: duckdb.DuckDBPyConnection, path: Path) -> Dialect:
    row = _ask(connection, path, "")
    if row[1] in _NOTHING and _has_quotes(path):
        # on few rows the sniffer may take quotes for data; a quote that opens a field never is
        row = _ask(connection, path, ", quote='\"', escape='\"'")
    delimiter, quote, escape, skip, header, width = row
    # and no quote in the sample does not mean none in the file
    quote = '"' if quote in _NOTHING else quote
    escape = quote if escape in _NOTHING else escape
    return Dialect(str(delimiter), quote, escape, int(skip), bool(header), int(width))


def _ask(connection: duckdb.DuckDBPyConnection, path: Path, options: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT Delimiter, Quote, Escape, SkipRows, HasHeader, len(Columns) FROM sniff_csv(?, sample_size=?, "
        f"strict_mode=false, ignore_errors=true, null_padding=true, comment=''{options})",
        [str(path), SNIFF_ROWS],
    ).fetchone()
    if row is None:
        raise duckdb.InvalidInputException("nothing was found")
    return row


def _has_quotes(path: Path) -> bool:
    with path.open("rb") as file:
        return b'"' in file.read(QUOTE_SAMPLE_BYTES)


def _count(path: Path) -> Dialect:
    """Choose the delimiter that is most frequent at the file's beginning, where no sniffer finds its way."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        first = file.readline(FIELD_BYTES)
    delimiter = max(DELIMITERS, key=first.count)
    return Dialect(delimiter, '"', '"', 0, header=True, width=first.count(delimiter) + 1)


def _has_header(rows: list[list[str]], *, sniffed: bool) -> bool:
    """Whether the first record names the columns: its names are distinct text over values of other kinds.

    Where every column is text no evidence is left but the names, and a first record of distinct, short, non-empty
    texts is taken as a header, as nearly all published files have one.
    """
    first, body = rows[0], rows[1:]
    named = [name.strip() for name in first]
    filled = [name for name in named if name]
    if not filled or any(_is_value(name) for name in filled):
        return False
    if sniffed or not body:
        return True
    return len(set(filled)) == len(named)


def _is_value(text: str) -> bool:
    return reading_of(peek([[text]], 1)[0]) is not TEXT


def records(path: Path, dialect: Dialect) -> Iterator[list[str]]:
    """Yield the records of a file after its preamble, tolerantly; raises `csv.Error`."""
    csv.field_size_limit(FIELD_BYTES)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for _ in range(dialect.skip):
            file.readline()
        for record in reader(file, dialect):
            if record:
                yield record


def reader(lines: Iterator[str], dialect: Dialect, *, quoting: bool = True) -> "Reader":
    """Return a tolerant reader of Python's own for the dialect."""
    doubled = dialect.escape == dialect.quote
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        doublequote=doubled,
        escapechar=None if doubled else dialect.escape,
        quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
    )
