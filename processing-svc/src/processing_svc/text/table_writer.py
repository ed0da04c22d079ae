"""A table of a text that is not clean, on its way into a file of its own: which lines are copied, mended, left out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from processing_svc.handlers.interface import Notes
from processing_svc.text.cells import is_value
from processing_svc.text.formats import other_format
from processing_svc.text.layout import Layout, begins_table, find_table
from processing_svc.text.mending import Mender
from processing_svc.text.scanning import Block, Numbers
from processing_svc.text.splitting import Format, Record, records, split

LOOKAHEAD: Final = 64
"""Lines that are in sight, where there are so many, when it is decided what a line is."""
_COMMENTS: Final = ("#", "//", "--", "%", "!", "/*")
_NOTE_MARKS: Final = (
    "*",
    "†",
    "‡",
    "#",
    "(",
    "[",
    "©",
    "•",
    "source",
    "note",
    "quelle",
    "fonte",
    "fuente",
    "bron",
    "total rows",
)
_DOUBTFUL_STARTS: Final = frozenset([b"", b" ", b"\xc2", *(mark[:1].encode() for mark in _COMMENTS)])
_LONG_NOTE: Final = 25


@dataclass(slots=True)
class CleanTable:
    """A table as a strict reader takes it: `path` holds its records without header, in the format `form`."""

    path: Path
    form: Format
    source: Format
    """The format of its records in the file."""
    layout: Layout
    repairs: Notes = field(default_factory=Notes)
    findings: Notes = field(default_factory=Notes)
    last_line: int = 0
    rows: int = 0
    longest: int = 0
    is_last: bool = True
    drop_last: bool = False
    """Whether the last column is only what delimiters at the ends of lines make."""

    @property
    def width(self) -> int:
        """How many columns the records have in the file."""
        return self.layout.width


class TableWriter:
    """One table on its way into its file."""

    def __init__(self, sink: IO[bytes], table: CleanTable, form: Format, *, one_format: bool) -> None:
        self._sink = sink
        self._one_format = one_format
        self.table = table
        self._mender = Mender(form, table.layout, table.repairs)
        self._form = form
        self._regular: list[bool] = []
        self._named = len(table.layout.header[-1].fields) if table.layout.header else table.width
        self.overflow = 0
        self.widths: Counter[int] = Counter()
        self._all_end_empty = table.width > 1 and table.layout.names[-1] is None

    def begin(self, block: Block, regular: Numbers) -> None:
        """Take up a block; `regular` says which of its lines are records without a flaw."""
        self._regular = regular.tolist()
        self.table.longest = max(self.table.longest, int((block.ends - block.starts).max(initial=0)))
        if self._all_end_empty:
            data = np.frombuffer(block.data, np.uint8)
            ends = data[np.maximum(block.ends[regular] - 1, 0)]
            self._all_end_empty = bool((ends == self._form.delimiter.encode()[-1]).all())

    def blanks(self, block: Block) -> Numbers:
        """Return which lines hold nothing but delimiters."""
        lengths = block.ends - block.starts
        found: Numbers = lengths == 0
        marks = np.frombuffer((self._form.delimiter + self._form.quote + " \u00a0").encode(), np.uint8)
        firsts = np.frombuffer(block.data, np.uint8)[block.starts]
        longest = (self.table.width - 1) * len(self._form.delimiter.encode()) + 4
        for index in np.flatnonzero((lengths > 0) & (lengths <= longest) & np.isin(firsts, marks)):
            found[index] = _is_blank(block.line(int(index)), self._form)
        return found

    def repeats(self, block: Block, stop: int) -> Numbers:
        """Return the lines that say the header again."""
        if not self.table.layout.has_header:
            return np.zeros(0, np.int64)
        wanted = self.table.layout.header[-1].fields
        size = len(self._form.delimiter.join(wanted).encode())
        lengths = (block.ends - block.starts)[:stop]
        alike = block.sound[:stop] & (block.widths[:stop] == len(wanted))
        near = np.flatnonzero(
            alike & (lengths >= size) & (lengths <= size + 2 * len(wanted) * max(len(self._form.quote), 1))
        )
        first = wanted[0].strip().encode()
        if first:
            starts = block.starts[near]
            near = (
                near[[first in block.data[start : start + len(first) + 2] for start in starts]] if len(near) else near
            )
        return np.fromiter((index for index in near if self._says_header(block.line(int(index)))), np.int64)

    def _says_header(self, line: str) -> bool:
        wanted = self.table.layout.header[-1].fields
        found = next(iter(records([line], self._form))).fields
        return [cell.strip() for cell in found] == [cell.strip() for cell in wanted]

    def copy(self, block: Block, start: int, stop: int) -> None:
        """Write lines as they are."""
        if stop <= start:
            return
        self._sink.write(block.run(start, stop))
        self.table.rows += stop - start
        self.table.last_line = block.number(stop - 1)
        if self._named < self.table.width:
            self._beyond_header(stop - start, block.number(start))

    def _beyond_header(self, count: int, number: int) -> None:
        detail = f"records have up to {self.table.width} fields where the header names {self._named}"
        self.table.repairs.add("extra_column", detail, f"line {number}", count)

    def take(self, block: Block, index: int) -> int:  # noqa: PLR0911 - one line per case
        """Deal with a line that is not simply copied; return how many lines were, 0 where the table ended."""
        lines, number = block.lines(index), block.number(index)
        if self._regular[index]:
            self.table.repairs.add("repeated_header", "the header was repeated and left out", f"line {number}")
            return 1
        if not self._is_doubtful(index) and block.raw(index)[:1] not in _DOUBTFUL_STARTS:
            if block.sound[index] and self._fill(block, index):
                return 1
            return self._mend(lines, number, index)
        if _is_blank(lines[0], self._form):
            return self._blank(block, index, lines)
        if len(split(lines[0], self._form).fields) == self.table.width:
            return self._mend(lines, number, index)
        ahead = _ahead(lines, self._form, number)
        if begins_table(ahead, self.table.width, behind_blank=False) if len(ahead) > 1 else False:
            return 0
        if self._is_comment(lines[0], ahead):
            self.table.findings.add("comment_line", "a line of remarks is no part of the table", f"line {number}")
            return 1
        if rest := self._footnote(block, lines, number, behind_blank=False):
            return rest
        return self._mend(lines, number, index)

    def _fill(self, block: Block, index: int) -> bool:
        """Fill a record that keeps the rules but is somewhat short, without a closer look; False where it is not so."""
        width, wanted = int(block.widths[index]), self.table.width
        if not wanted > width > wanted / 2 or self._named <= width:
            return False
        self._sink.write(block.raw(index) + self._form.delimiter.encode() * (wanted - width) + b"\n")
        detail = f"a record of {width} fields was filled with nulls"
        self.table.repairs.add("short_row_filled", detail, f"line {block.number(index)}")
        self.table.rows += 1
        self.table.last_line = block.number(index)
        return True

    def _is_doubtful(self, index: int) -> bool:
        """Whether a line may be more than a flawed record: neither of the next two is a record without a flaw."""
        return not any(self._regular[index + 1 : index + 3])

    def _mend(self, lines: Sequence[str], number: int, index: int) -> int:
        whole = _Rest(self._regular, index)
        count, fields, excess = self._mender.mended(lines, number, whole)
        self.overflow += excess > 0
        if self._named < self.table.width and any(fields[self._named :]):
            self._beyond_header(1, number)
        self.widths[self.table.width + excess] += 1
        data = self._mender.written(fields)
        self._sink.write(data)
        self.table.rows += 1
        self.table.last_line = number + count - 1
        self.table.longest = max(self.table.longest, len(data))
        self._all_end_empty = self._all_end_empty and not fields[-1]
        return count

    def _is_comment(self, line: str, ahead: Sequence[Record]) -> bool:
        text = line.lstrip()
        return text.startswith(_COMMENTS) and len(ahead[0].fields) != self.table.width and not self._form.cuts

    def _blank(self, block: Block, index: int, lines: Sequence[str]) -> int:
        """Deal with blank lines, and with what follows them where it is not more of the same table."""
        count = 1
        while count < len(lines) and _is_blank(lines[count], self._form):
            count += 1
        number = block.number(index)
        if self._goes_on(lines, index, count):
            return self._note_blank(lines, number, count)
        following = lines[count : count + LOOKAHEAD]
        if following and self._ends_before(following, number + count):
            return 0
        at_end = not following and block.is_last
        if following and (rest := self._footnote(block, lines[count:], number + count, behind_blank=True)):
            return count + rest
        return self._note_blank(lines, number, count, at_end=at_end)

    def _note_blank(self, lines: Sequence[str], number: int, count: int, *, at_end: bool = False) -> int:
        # what an empty line at the very end means is that the last line ends twice
        for place in range(count - at_end * (not lines[count - 1])):
            self.table.repairs.add("blank_line", "a line without content was left out", f"line {number + place}")
        return count

    def _goes_on(self, lines: Sequence[str], index: int, count: int) -> bool:
        """Whether records without a flaw follow, of which the first cannot name columns."""
        after = self._regular[index + count : index + count + 2]
        if len(after) < 2 or not all(after):  # noqa: PLR2004
            return False
        first, second = (next(records([lines[count + place]], self._form)).fields for place in (0, 1))
        return any(map(is_value, first)) or not any(map(is_value, second))

    def _ends_before(self, lines: Sequence[str], number: int) -> bool:
        """Whether what follows a blank line is another table, perhaps with a title."""
        if not self._one_format and other_format(lines, self._form) is not None:
            return True
        ahead = _ahead(lines, self._form, number)
        body = [row for row in ahead if not row.is_blank]
        width = self.table.width
        first = next((place for place, row in enumerate(ahead) if not row.is_blank and len(row.fields) > 1), None)
        if first is None:
            return False
        titled = any(not row.is_blank for row in ahead[:first])
        rows = ahead[first:]
        if len(rows[0].fields) == width:
            if self.table.layout.has_header and self._says_header(lines[first]):
                return titled
            return self._is_new_header(rows)
        return len(body) > 1 and begins_table(rows, width, behind_blank=True)

    def _is_new_header(self, rows: Sequence[Record]) -> bool:
        """Whether a record of the table's width names columns anew: texts, above values."""
        layout = (
            find_table([self._form.delimiter.join(row.fields) for row in rows], self._form, 1)
            if len(rows) > 1
            else None
        )
        if layout is None or not layout.has_header or layout.first != 1 or layout.width != self.table.width:
            return False
        return any(layout.typed) and all(
            cell.strip() for cell, typed in zip(rows[0].fields, layout.typed, strict=False) if typed
        )

    def _footnote(self, block: Block, lines: Sequence[str], number: int, *, behind_blank: bool) -> int:
        """Return how many lines at the end of the file are remarks below the table; 0 where it goes on."""
        if not block.is_last or len(lines) > LOOKAHEAD or self.table.width < 2:  # noqa: PLR2004
            return 0
        rows = [row for row in records(lines[:], self._form, number=number) if not row.is_blank]
        if not rows or not all(self._is_remark(row, behind_blank=behind_blank) for row in rows):
            return 0
        first, last = rows[0].first, rows[-1].last
        self.table.findings.add(
            "footnote", "lines below the table are no part of it", place_of(first, last), last - first + 1
        )
        return len(lines)

    def _is_remark(self, row: Record, *, behind_blank: bool) -> bool:
        texts = [cell.strip() for cell in row.fields if cell.strip()]
        if len(row.fields) == self.table.width and len(texts) > 1 and self.table.width > 2:  # noqa: PLR2004
            return False
        first = texts[0].lstrip('"').casefold()
        marked = first.startswith(_NOTE_MARKS)
        if behind_blank:
            return len(texts) == 1 or marked or len(row.fields) * 2 < self.table.width
        alone = len(texts) == 1 and len(row.fields) == 1
        return (
            alone and not row.split.fields[0][:1].isdigit() and (marked or (len(first) > _LONG_NOTE and " " in first))
        )

    def finish(self) -> None:
        """Note what concerns all records."""
        self.table.drop_last = self._all_end_empty and self.table.rows > 0
        if self.table.drop_last:
            self.table.repairs.add(
                "trailing_delimiter",
                "every line ends with a delimiter behind which nothing stands",
                None,
                self.table.rows,
            )


class _Rest(Sequence[bool]):
    """A list from one place on, without copying it."""

    def __init__(self, values: list[bool], start: int) -> None:
        self._values = values
        self._start = start

    def __len__(self) -> int:
        return len(self._values) - self._start

    def __getitem__(self, index: Any) -> Any:
        return self._values[self._start + index]


def _ahead(lines: Sequence[str], form: Format, number: int) -> list[Record]:
    return list(islice(records(lines[:LOOKAHEAD], form, number=number), 12))


def _is_blank(line: str, form: Format) -> bool:
    text = line.strip()
    if not text:
        return True
    if not form.is_plain or text[0] not in form.delimiter + form.quote + "\u00a0\ufeff ":
        return False
    return not any(cell.strip().strip(form.quote or None) for cell in text.split(form.delimiter))


def place_of(first: int, last: int) -> str:
    """Return what lines are called in remarks."""
    return f"line {first}" if first == last else f"lines {first}-{last}"
