"""The tables of a text that is not clean: one after the other, each rewritten so that a strict reader takes it whole.

Records without a flaw are copied as they are, in long runs; the others are read as they were probably meant. Every
repair is counted and listed with its line; what belongs to no table becomes a finding.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from processing_svc.handlers.interface import HandlerError, untold
from processing_svc.text.formats import other_format
from processing_svc.text.layout import LOOKED_AT, Layout, find_table, many
from processing_svc.text.mending import target_of
from processing_svc.text.scanning import Block, LineReader, Mark
from processing_svc.text.table_writer import LOOKAHEAD, CleanTable, TableWriter, place_of

__all__ = ["CleanTable", "read_tables"]

LONGEST_GROWTH: Final = 8


def read_tables(
    reader: LineReader,
    scratch: Path,
    *,
    header_row: int | None,
    skip: int,
    most_columns: int,
    one_format: bool = False,
    on_read: Callable[[float], None] = untold,
) -> Iterator[CleanTable]:
    """Yield the tables of a text, each with a file of its own, which may be removed when the next is asked for.

    `skip` first lines only name the format; `one_format`: it was decided, and holds for every table. Raises
    `HandlerError` for a table of more columns than allowed.
    """
    reading = _Reading(reader, scratch, header_row, on_read, one_format=one_format)
    reading.skip(skip)
    layout = reading.find()
    while layout is not None:
        if layout.width > most_columns:
            raise HandlerError("too_many_columns", f"the table has {layout.width} columns")
        table = reading.table(layout)
        layout = reading.find()
        table.is_last = layout is None
        if table.is_last:
            reading.note_rest(table)
            if all(reader.line_ends):
                detail = "some lines end with a line feed, others with a carriage return before it"
                table.repairs.add("mixed_line_ends", detail, None, min(reader.line_ends))
        yield table


class _Reading:
    """Where the reading stands: a block, and the next line of it."""

    def __init__(
        self,
        reader: LineReader,
        scratch: Path,
        header_row: int | None,
        on_read: Callable[[float], None],
        *,
        one_format: bool,
    ) -> None:
        self._reader = reader
        self._on_read = on_read
        self._one_format = one_format
        self._form = form = reader.form
        self._scratch = scratch
        self._header_row = header_row
        self._count = 0
        self._above: list[tuple[int, int]] = []
        self._block = reader.block() or Block(b"", 1, form, is_last=True)
        self._index = 0

    def skip(self, lines: int) -> None:
        """Pass by some lines."""
        self._index += lines

    def _see(self, lines: int = LOOKAHEAD) -> None:
        """Make sure that so many lines are in sight, where there are so many."""
        grow = 1
        while len(self._block) - self._index < lines and not self._block.is_last and grow <= LONGEST_GROWTH:
            self._reader.push_back(self._block, self._index)
            self._block = self._reader.block(grow=grow) or Block(
                b"", self._block.number(self._index), self._form, is_last=True
            )
            self._index = 0
            grow *= 2

    def _follow(self) -> None:
        """Go over to the format of the next table, where that has one of its own."""
        if self._one_format or self._index >= len(self._block):
            return
        other = other_format(self._block.lines(self._index)[:LOOKAHEAD], self._form)
        if other is not None:
            self._reader.push_back(self._block, self._index)
            self._form = self._reader.form = other
            self._block = self._reader.block() or Block(b"", self._block.number(self._index), other, is_last=True)
            self._index = 0

    def find(self) -> Layout | None:
        """Return the next table, and go to the first line of its data."""
        passed: list[int] = []
        while True:
            self._see(LOOKED_AT)
            self._follow()
            if self._index >= len(self._block):
                self._above = _ranges(passed)
                return None
            lines = self._block.lines(self._index)[:LOOKED_AT]
            number = self._block.number(self._index)
            chosen = self._header_row if self._header_row is not None and self._count == 0 else None
            layout = (
                find_table(lines, self._form, number, chosen) if not chosen or chosen < number + len(lines) else None
            )
            if layout is not None:
                break
            passed += [number + place for place, line in enumerate(lines) if line.strip()]
            self._index += len(lines)
        above = passed + [line for line in range(number, layout.first) if lines[line - number].strip()]
        self._above = _ranges(above)
        self._index += layout.body - number
        self._count += 1
        return layout

    def note_rest(self, table: CleanTable) -> None:
        """Name the lines behind the last table."""
        for first, last in self._above:
            table.findings.add(
                "footnote", "lines below the table are no part of it", place_of(first, last), last - first + 1
            )

    def table(self, layout: Layout) -> CleanTable:
        """Write the table that begins at the next line; again, wider, where many of its records turn out to be."""
        self._see()
        mark = self._reader_mark()
        written = self._written(layout)
        if written.overflow >= many(written.table.rows):
            self._go_back(mark)
            wider = _wider(layout, written.widths, written.table.rows)
            written = self._written(wider)
        return written.table

    def _reader_mark(self) -> Mark:
        return self._reader.mark(self._block, self._index)

    def _go_back(self, mark: Mark) -> None:
        self._reader.reset(mark)
        self._block = self._reader.block() or Block(b"", mark.line, self._form, is_last=True)
        self._index = 0

    def _written(self, layout: Layout) -> TableWriter:
        path = self._scratch / f"table-{self._count}.csv"
        with path.open("wb") as sink:
            table = CleanTable(path, target_of(self._form), self._form, layout)
            writing = TableWriter(sink, table, self._form, one_format=self._one_format)
            for first, last in self._above:
                writing.table.findings.add(
                    "preamble", "lines before the table are no part of it", place_of(first, last), last - first + 1
                )
            for kind, detail, position in layout.remarks:
                writing.table.repairs.add(kind, detail, position)
            self._copy(writing)
            writing.finish()
        return writing

    def _copy(self, writing: TableWriter) -> None:
        while True:
            self._see()
            self._on_read(self._reader.share)
            block, stop = self._block, len(self._block)
            if not block.is_last and stop - self._index > LOOKAHEAD:
                stop -= LOOKAHEAD
            if self._index >= stop:
                return
            if self._copy_lines(writing, stop):
                return

    def _copy_lines(self, writing: TableWriter, stop: int) -> bool:
        """Write the lines of the block up to one; whether the table ended."""
        block = self._block
        regular = block.sound & (block.widths == writing.table.width) & ~writing.blanks(block)
        events = np.flatnonzero(~regular[:stop])
        repeated = writing.repeats(block, stop)
        events = np.union1d(events, repeated) if len(repeated) else events
        writing.begin(block, regular)
        for event in events[int(np.searchsorted(events, self._index)) :].tolist():
            if event < self._index:
                continue
            writing.copy(block, self._index, event)
            self._index = event
            taken = writing.take(block, event)
            if taken == 0:
                return True
            self._index += taken
        if self._index < stop:
            writing.copy(block, self._index, stop)
            self._index = stop
        return False


def _wider(layout: Layout, widths: Counter[int], rows: int) -> Layout:
    width = layout.width
    for wider in sorted(other for other in widths if other > layout.width):
        if sum(count for other, count in widths.items() if other >= wider) >= many(rows):
            width = wider
    names = (*layout.names, *(None,) * (width - layout.width))
    return replace(layout, width=width, names=names)


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
