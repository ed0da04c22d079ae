"""Rewrites a broken delimited file as a clean one, losing nothing: repairs are counted, and listed with their lines."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from processing_svc.handlers.interface import HandlerError, Notes
from processing_svc.text.dialect import FIELD_BYTES, Dialect, reader

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
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for _ in range(dialect.skip):
            file.readline()
        yield _numbered(file, dialect, found, quoting=quoting)


def _numbered(
    lines: Iterable[str], dialect: Dialect, found: Notes, *, quoting: bool
) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(FIELD_BYTES)
    rows = reader(_without_nul(lines, found), dialect, quoting=quoting)
    header = dialect.header
    before = 0
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if quoting:
                raise _QuoteUnclosedError(f"line {dialect.skip + rows.line_num}") from error
            raise HandlerError("line_too_long", f"line {dialect.skip + rows.line_num}: {error}") from error
        line = dialect.skip + before + 1
        if quoting and rows.line_num - before > MAX_LINES_IN_FIELD:
            raise _QuoteUnclosedError(f"line {line}")
        before = rows.line_num
        if not row:
            found.add("blank_line", "a line without content was left out", f"line {line}")
        elif header:
            header = False
        else:
            yield line, row


def _without_nul(lines: Iterable[str], found: Notes) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            found.add("nul_removed", "NUL characters were removed", f"line {number}", line.count("\0"))
            yield line.replace("\0", "")
        else:
            yield line
