"""Rewrites a broken delimited file as a clean one, losing nothing: repairs are counted, and listed with their lines."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Self, TextIO

from processing_svc.handlers.interface import HandlerError, Notes
from processing_svc.text.dialect import FIELD_BYTES, LINE_CHARACTERS, Dialect, bounded, reader

MAX_LINES_IN_FIELD: Final = 200
"""A quoted field with more line ends than this swallowed its neighbours: its quote was never closed."""
WIDTH_FACTOR: Final = 2
WIDTH_SLACK: Final = 16

CLEAN: Final = Dialect(delimiter=",", quote='"', escape='"', skip=0, header=False, width=0)


class _QuoteUnclosedError(Exception):
    """A quote was opened and never closed; `line` is where its field ended."""


def repair(path: Path, dialect: Dialect, target: Path, repairs: Notes) -> Dialect:
    """Write the records of `path`, without header, to `target`; return the dialect of `target`.

    Short records are filled with nulls, empty excess is cut, other excess becomes further columns, stray quotes and
    NULs are read as they stand. Raises `HandlerError` `line_too_long` for a field that no reader should hold.
    """
    try:
        return _rewrite(path, dialect, target, repairs, quoting=True)
    except _QuoteUnclosedError as error:
        attempt = Notes()
        attempt.add("unclosed_quote", "a quote is opened and not closed; quotes are read as text", str(error))
        clean = _rewrite(path, dialect, target, attempt, quoting=False)
        repairs.merge(attempt)
        return clean


def _rewrite(path: Path, dialect: Dialect, target: Path, repairs: Notes, *, quoting: bool) -> Dialect:
    width = _width(path, dialect, quoting=quoting)
    found = Notes()
    with target.open("w", encoding="utf-8", newline="") as sink, _records(path, dialect, found, quoting) as rows:
        writer = csv.writer(sink, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        for line, row in rows:
            writer.writerow(_fitted(row, line, width, dialect, found))
    repairs.merge(found)
    names = (*dialect.names, *(None,) * width)[:width]
    return replace(CLEAN, width=width, names=names)


def _width(path: Path, dialect: Dialect, *, quoting: bool) -> int:
    """Return how many columns the table gets: as many as its longest record, unless that one is out of all reason."""
    counts: Counter[int] = Counter()
    with _records(path, dialect, Notes(), quoting) as rows:
        for _, row in rows:
            counts[_filled(row)] += 1
    usual = max(dialect.width, counts.most_common(1)[0][0] if counts else 1, 1)
    longest = max(counts, default=1)
    return max(usual, min(longest, usual * WIDTH_FACTOR + WIDTH_SLACK))


def _filled(row: list[str]) -> int:
    length = len(row)
    while length and not row[length - 1]:
        length -= 1
    return length


def _fitted(row: list[str], line: int, width: int, dialect: Dialect, found: Notes) -> list[str]:
    length = _filled(row)
    if length > width:
        found.add("excess_joined", f"the fields beyond column {width} were joined into it", f"line {line}")
        return [*row[: width - 1], dialect.delimiter.join(row[width - 1 : length])]
    if len(row) > width:
        found.add("empty_excess_cut", "empty fields beyond the last column were cut", f"line {line}")
        return row[:width]
    if len(row) > dialect.width:
        found.add("extra_column", f"a record has {len(row)} fields where the table has {dialect.width}", f"line {line}")
    if len(row) < dialect.width:
        found.add("short_row_filled", f"a record of {len(row)} fields was filled with nulls", f"line {line}")
    return [*row, *[""] * (width - len(row))]


@contextmanager
def _records(path: Path, dialect: Dialect, found: Notes, quoting: bool) -> Iterator[Iterator[tuple[int, list[str]]]]:
    csv.field_size_limit(FIELD_BYTES)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for _ in range(dialect.skip):
            file.readline(LINE_CHARACTERS)
        lines = _Lines(file, dialect, found)
        yield _numbered(lines, reader(lines, dialect, quoting=quoting), dialect, quoting=quoting)


class _Lines:
    """The lines of a file, without NULs; counts those of the record that is being read, and their quotes."""

    def __init__(self, file: TextIO, dialect: Dialect, found: Notes) -> None:
        self._lines = bounded(file)
        self._dialect = dialect
        self._quote = dialect.quote
        self._record: list[str] = []
        self._found = found
        self.number = dialect.skip
        self.count = 0
        self.quotes = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        if "\0" in line:
            self._found.add("nul_removed", "NUL characters were removed", f"line {self.number}", line.count("\0"))
            line = line.replace("\0", "")
        self.count += 1
        self.quotes += line.count(self._quote)
        self._record.append(line)
        return line

    def note_blank(self, line: int) -> None:
        """Count a line without content."""
        self._found.add("blank_line", "a line without content was left out", f"line {line}")

    def begin_record(self) -> None:
        """Forget the lines of the record before."""
        self.count = self.quotes = 0
        self._record.clear()

    def note_stray_quotes(self, line: int) -> None:
        """Count a record whose quotes break the rules of its dialect."""
        if self.quotes and not _is_strict(self._record, self._dialect):
            self._found.add("stray_quote", "quotes inside a field were read as they stand", f"line {line}")

    def are_swallowed(self) -> bool:
        """Whether a quote that was never closed joined the lines of this record."""
        return self.count > MAX_LINES_IN_FIELD or (self.count > 1 and self.quotes % 2 == 1)


def _is_strict(lines: list[str], dialect: Dialect) -> bool:
    try:
        return len(list(reader(iter(lines), dialect, strict=True))) <= 1
    except csv.Error:
        return False


def _numbered(
    lines: _Lines, rows: Iterator[list[str]], dialect: Dialect, *, quoting: bool
) -> Iterator[tuple[int, list[str]]]:
    header = dialect.header
    while True:
        line = lines.number + 1
        lines.begin_record()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if quoting:
                raise _QuoteUnclosedError(f"line {line}") from error
            raise HandlerError("line_too_long", f"line {line}: {error}") from error
        if quoting and lines.are_swallowed():
            raise _QuoteUnclosedError(f"line {line}")
        if quoting:
            lines.note_stray_quotes(line)
        if not row:
            lines.note_blank(line)
        elif header:
            header = False
        else:
            yield line, row
