"""Whether a text is clean enough to be read as it is: cheap looks at its beginning, its end and a few bytes in between.

Whatever they miss, the strict read finds, and the text is rewritten then.
"""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from processing_svc.handlers.interface import Notes
from processing_svc.text.dialect import LONG_LINE_BYTES, Dialect
from processing_svc.text.encoding import holds
from processing_svc.text.layout import LOOKED_AT, Layout, find_table
from processing_svc.text.scanning import Block, LineReader
from processing_svc.text.sniff import Sniffed
from processing_svc.text.splitting import Format, records

BEGINNING_RECORDS: Final = 2_000
TAIL_BYTES: Final = 1 << 16
_MOST_CHARACTERS: Final = 4
"""Longest delimiter that DuckDB takes."""


@dataclass(frozen=True, slots=True)
class Clean:
    """What a clean text is read by; `header` is the bytes of the header's line."""

    layout: Layout
    dialect: Dialect
    header: bytes
    whole: bool = False
    """Whether all of the text was looked at."""
    rows: int | None = None
    """How many rows there must be, where that is known."""

    @property
    def width(self) -> int:
        """How many columns the table has."""
        return self.layout.width


def clean_beginning(path: Path, sniffed: Sniffed, header_row: int | None) -> Clean | None:
    """Return how a text is read as it is, or None where its beginning has flaws, or a format DuckDB cannot read."""
    form = sniffed.form
    if not form.is_plain or not form.quote or len(form.delimiter.encode()) > _MOST_CHARACTERS or sniffed.skip:
        return None
    notes = Notes()
    with closing(LineReader(path, form, notes)) as reader:
        block = reader.block()
    if (
        block is None
        or len(block) == 0
        or notes.total
        or reader.has_other_ends
        or b"\r" in block.data.replace(b"\r\n", b"")
    ):
        return None
    return _laid_out(block, form, header_row)


def _laid_out(block: Block, form: Format, header_row: int | None) -> Clean | None:
    layout = find_table(block.lines(0)[:LOOKED_AT], form, 1, header_row)
    if (
        layout is None
        or layout.first != 1
        or len(layout.header) > 1
        or layout.remarks
        or layout.body != 1 + len(layout.header)
    ):
        return None
    end = _line_end(block)
    if end is None or not _is_regular(block, form, layout):
        return None
    dialect = Dialect(
        form, layout.names, skip=len(layout.header), line_end=end, longest=int((block.ends - block.starts).max())
    )
    if layout.width > 1 and layout.names[-1] is None and layout.has_header:
        return None  # perhaps delimiters at the ends of lines
    header = block.raw(0) if layout.has_header else b""
    simple = block.is_last and form.quote.encode() not in block.data
    return Clean(layout, dialect, header, whole=block.is_last, rows=len(block) - dialect.skip if simple else None)


def _line_end(block: Block) -> str | None:
    pairs, all_ = block.data.count(b"\r\n"), block.data.count(b"\n")
    return "\n" if not pairs else "\r\n" if pairs == all_ or (block.is_last and pairs == all_ - 1) else None


def _is_regular(block: Block, form: Format, layout: Layout) -> bool:
    """Whether every record of the beginning has all columns and keeps all rules."""
    good = block.sound & (block.widths == layout.width) & (block.ends > block.starts)
    if layout.width > 1 and good.all():
        return not _has_repeats(block, layout)
    if layout.width == 1 or not form.quote:
        return bool(good.all()) and not _has_repeats(block, layout)
    # lines inside quoted fields are no records: look at the records one by one
    lines = block.lines(0)[: BEGINNING_RECORDS * 4]
    found = list(records(lines, form))
    complete = found if block.is_last and len(lines) == len(block) else found[:-8]
    return bool(complete) and all(row.split.strict and len(row.fields) == layout.width for row in complete)


def _has_repeats(block: Block, layout: Layout) -> bool:
    return layout.has_header and (b"\n" + block.raw(0) + b"\n") in block.data.replace(b"\r\n", b"\n")[1:]


def clean_throughout(path: Path, clean: Clean) -> Clean | None:
    """Return how a text is read whose end looks as its beginning; None where something in between does not.

    With it comes how many rows there must be, where no quotes hide line ends: DuckDB loses long lines in silence.
    """
    if clean.whole:
        return clean
    end = clean.dialect.line_end.encode()
    if clean.header and holds(path, end + clean.header + end):
        return None
    if not _is_clean_at_end(path, clean, path.stat().st_size):
        return None
    lines = _lines(path, clean.dialect.form.quote.encode())
    if lines is None:
        return None
    rows = lines - clean.dialect.skip if lines else None
    return replace(clean, rows=rows, dialect=replace(clean.dialect, longest=LONG_LINE_BYTES))


def _lines(path: Path, quote: bytes) -> int | None:
    """Return how many lines a text has; 0 where quotes may hide line ends, None where one of them is very long."""
    count, quoted, last = 0, False, b""
    with path.open("rb") as file:
        while chunk := file.read(LONG_LINE_BYTES):
            found = chunk.count(b"\n")
            if not found and len(chunk) == LONG_LINE_BYTES:
                return None
            count += found
            quoted = quoted or quote in chunk
            last = chunk[-1:]
    return 0 if quoted else count + (last != b"\n")


def _is_clean_at_end(path: Path, clean: Clean, size: int) -> bool:
    with path.open("rb") as file:
        file.seek(max(size - TAIL_BYTES, 0))
        tail = file.read()
    begin = tail.find(b"\n") + 1
    if not begin or clean.dialect.form.quote.encode() in tail:
        return True
    block = Block(tail[begin:] if tail.endswith(b"\n") else tail[begin:] + b"\n", 1, clean.dialect.form, is_last=True)
    return bool(((block.widths == clean.width) & block.sound & (block.ends > block.starts)).all())
