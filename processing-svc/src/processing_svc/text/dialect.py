"""The dialect of a delimited text file: delimiter, quote, escape, preamble, header. Found on a sample, by DuckDB."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TextIO

import duckdb

from processing_svc.handlers.interface import HandlerError
from processing_svc.text.duck import literal
from processing_svc.text.header import has_header

SNIFF_ROWS: Final = 5_000
FIELD_BYTES: Final = 16 * 1024 * 1024
"""Longest field that is read; beyond it the text is no table."""
BUFFER_BYTES: Final = 8 * 1024 * 1024
"""DuckDB's read buffer: a quarter of its default, several are in use at once."""
HEADER_EVIDENCE_ROWS: Final = 50
LINE_CHARACTERS: Final = 64 * 1024 * 1024
DELIMITERS: Final = ",;\t|"
QUOTE_SAMPLE_BYTES: Final = 1 << 18
MOST_ROWS_WIDTH: Final = 2
NARROW: Final = 0.5
"""Records with at most this share of the usual number of fields may stand above the table."""
SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?')
"""What Excel writes, and reads, as a first line that names the delimiter."""
SAMPLE_CHARACTERS: Final = 1 << 18
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
            f"header={str(self.header).lower()}, buffer_size={BUFFER_BYTES}, columns={{{columns}}})"
        )


def find_dialect(connection: duckdb.DuckDBPyConnection, path: Path) -> Dialect:
    """Find the dialect of a UTF-8 file.

    RFC 4180 with some delimiter if that fits the sample without a flaw, else what DuckDB finds, unless that is one
    column where taking quotes for text would give several of one width: then a quote was never closed.
    """
    sample = _sample(path)
    if sample and (declared := SEPARATOR_LINE.fullmatch(sample[0].strip())):
        found = Dialect(declared[1], '"', '"', 1, header=False, width=1)
        return _named(path, _without_preamble(path, found))
    fitting = _flawless(sample, '"') or (_flawless(sample, "\\") if any('\\"' in line for line in sample) else [])
    if len(fitting) == 1:
        return _named(path, fitting[0])
    try:
        found = _sniff(connection, path)
    except duckdb.Error:
        found = _count(path)
    if found.width == 1 and not fitting:
        fitting = _flawless(sample, "")
    if not fitting:
        return _named(path, _without_preamble(path, found))
    same = [dialect for dialect in fitting if dialect.delimiter == found.delimiter]
    return _named(path, (same or [max(fitting, key=lambda dialect: dialect.width)])[0])


def _named(path: Path, found: Dialect) -> Dialect:
    """Take the names out of the first record, and the width: what differs from it is a record to be repaired."""
    rows: list[list[str]] = []
    with suppress(csv.Error):  # a field without end: what comes before it is evidence enough
        for row in islice(records(path, found), HEADER_EVIDENCE_ROWS):
            rows.append(row)  # noqa: PERF402 - what was read before an error counts
    if not rows:
        return found
    header = has_header(rows, sniffed=found.header)
    names = tuple(name.strip() or None for name in rows[0]) if header else (None,) * len(rows[0])
    return replace(found, header=header, width=len(rows[0]), names=names)


def _without_preamble(path: Path, found: Dialect) -> Dialect:
    """Skip the lines before the first record that is as wide as most are."""
    widths: list[tuple[int, int]] = []
    ends = 0
    with _opened(path, found.skip) as file:
        rows = reader(bounded(file), found)
        with suppress(csv.Error):
            for row in islice(rows, HEADER_EVIDENCE_ROWS):
                if row:
                    widths.append((ends, len(row)))
                ends = rows.line_num
    counts = Counter(width for _, width in widths)
    usual, times = counts.most_common(1)[0] if counts else (0, 0)
    if usual < MOST_ROWS_WIDTH or times * 2 < len(widths):
        return found
    before = next(lines for lines, width in widths if width == usual)
    # a record of nearly as many fields is no title, and one of more is no preamble: the table begins with them
    if any(width > usual * NARROW and width > 1 for lines, width in widths if lines < before):
        return found
    return replace(found, skip=found.skip + before)


def _sample(path: Path) -> list[str]:
    """Return the first lines of a file, all complete, with their ends."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        text = file.read(SAMPLE_CHARACTERS)
        if len(text) == SAMPLE_CHARACTERS:
            text = text[: text.rfind("\n") + 1]
    return text.splitlines(keepends=True) if "\n" not in text else io.StringIO(text, newline="").readlines()


def _flawless(lines: list[str], escape: str) -> list[Dialect]:
    """Return the dialects in which every record of the sample has the same width.

    They quote by `"` and escape as told; without an escape, quotes are text.
    """
    found = []
    for delimiter in DELIMITERS:
        how: Literal[0, 3] = csv.QUOTE_MINIMAL if escape else csv.QUOTE_NONE
        backslash = escape if escape not in ("", '"') else None
        try:
            rows = csv.reader(
                lines, delimiter=delimiter, strict=True, quoting=how, escapechar=backslash, doublequote=not backslash
            )
            widths = {len(row) for row in rows if row}
        except csv.Error:
            continue
        if len(widths) == 1 and (width := widths.pop()) > 1:
            found.append(Dialect(delimiter, '"', escape or '"', 0, header=False, width=width))
    return found


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


def records(path: Path, dialect: Dialect) -> Iterator[list[str]]:
    """Yield the records of a file after its preamble, tolerantly; raises `csv.Error`."""
    with _opened(path, dialect.skip) as file:
        for record in reader(bounded(file), dialect):
            if record:
                yield record


@contextmanager
def _opened(path: Path, skip: int) -> Iterator[TextIO]:
    csv.field_size_limit(FIELD_BYTES)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for _ in range(skip):
            file.readline()
        yield file


def bounded(file: TextIO) -> Iterator[str]:
    """Yield the lines of a file; raises `HandlerError` `line_too_long` before one fills the memory."""
    while line := file.readline(LINE_CHARACTERS):
        if len(line) >= LINE_CHARACTERS:
            raise HandlerError("line_too_long", f"a line has {LINE_CHARACTERS} characters or more")
        yield line


def reader(lines: Iterable[str], dialect: Dialect, *, quoting: bool = True, strict: bool = False) -> Reader:
    """Return a reader of Python's own for the dialect, tolerant unless `strict`."""
    doubled = dialect.escape == dialect.quote
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        doublequote=doubled,
        escapechar=None if doubled else dialect.escape,
        quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
        strict=strict,
    )
