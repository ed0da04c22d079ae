"""The cells of one sheet, kept until its tables are written: in memory while they are few, in a scratch file beyond."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import numpy as np

from processing_svc.grid.arrow import ArrowArray, arrow
from processing_svc.grid.cells import NO_TEXTS, VOID, Block
from processing_svc.grid.values import joined
from processing_svc.handlers.interface import HandlerError

IN_MEMORY_CELLS: Final = 6_000_000
"""At 17 bytes each about 100 MB; blocks beyond are written to a file."""
COLUMN_BITS: Final = 14
MAX_SORTED_CELLS: Final = 10_000_000
IN_MEMORY_TEXT_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class _Stored:
    """A block: in memory, or where it begins in the file."""

    first_row: int
    last_row: int
    cells: int
    block: Block | None
    offset: int = 0
    text_bytes: int = 0


@dataclass(slots=True)
class CellSpool:
    """Blocks in row order. Use as a context manager: the file goes with it."""

    path: Path
    cells: int = 0
    _stored: list[_Stored] = field(default_factory=list)
    _file: IO[bytes] | None = None
    _text_bytes: int = 0
    _closed: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
        self._closed = True

    def clear(self) -> None:
        """Forget everything."""
        self._stored.clear()
        self.cells = self._text_bytes = 0
        if self._file is not None:
            self._file.close()
            self._file = None
            self.path.unlink(missing_ok=True)

    def fill(self, blocks: Iterable[Block]) -> None:
        """Take all blocks of a sheet, also of one whose rows are out of order."""
        last, ordered = -1, True
        for block in blocks:
            if block is VOID:
                self.clear()
                last, ordered = -1, True
            elif len(block):
                first = int(block.rows[0]) << COLUMN_BITS | int(block.columns[0])
                ordered = ordered and first > last
                last = int(block.rows[-1]) << COLUMN_BITS | int(block.columns[-1])
                self._append(block)
        if not ordered:
            self._sort()

    def _sort(self) -> None:
        """Bring the cells in order; of several in one place the last counts."""
        if self.cells > MAX_SORTED_CELLS:
            raise HandlerError("corrupt_sheet", "the rows of the sheet are out of order, and too many to sort")
        every = joined([self._load(stored) for stored in self._stored])
        self.clear()
        places = every.rows.astype(np.int64) << COLUMN_BITS | every.columns
        _, last = np.unique(places[::-1], return_index=True)
        order = len(places) - 1 - last
        self._append(
            Block(every.rows[order], every.columns[order], every.kinds[order], every.numbers[order], every.texts)
        )

    def _append(self, block: Block) -> None:
        self.cells += len(block)
        self._text_bytes += block.texts.nbytes
        first, last = int(block.rows[0]), int(block.rows[-1])
        if self.cells <= IN_MEMORY_CELLS and self._text_bytes <= IN_MEMORY_TEXT_BYTES:
            self._stored.append(_Stored(first, last, len(block), block))
            return
        if self._file is None:
            self._file = self.path.open("w+b")
        self._file.seek(0, 2)
        offset = self._file.tell()
        for array in (block.numbers, block.rows, block.columns.astype(np.int32), block.kinds):
            array.tofile(self._file)
        text_bytes = self._write_texts(block.texts, self._file)
        self._stored.append(_Stored(first, last, len(block), None, offset, text_bytes))

    @staticmethod
    def _write_texts(texts: ArrowArray, file: IO[bytes]) -> int:
        if not len(texts):
            return 0
        batch = arrow.record_batch([texts], names=["text"])
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return file.write(sink.getvalue())

    def _load(self, stored: _Stored) -> Block:
        if stored.block is not None:
            return stored.block
        if self._file is None:
            raise RuntimeError("the spool is closed")
        count = stored.cells
        self._file.seek(stored.offset)
        numbers = np.fromfile(self._file, np.float64, count)
        rows, columns = np.fromfile(self._file, np.int32, count), np.fromfile(self._file, np.int32, count)
        kinds = np.fromfile(self._file, np.uint8, count)
        texts = NO_TEXTS
        if stored.text_bytes:
            texts = arrow.ipc.open_stream(self._file.read(stored.text_bytes)).read_next_batch().column(0)
        return Block(rows, columns, kinds, numbers, texts)

    def blocks(self, first_row: int = 0, last_row: int = 1 << 30) -> Iterator[Block]:
        """Yield the cells of some rows, in blocks as they came."""
        if self._closed:
            raise RuntimeError("a table was read after the sheet it is in was closed")
        for stored in self._stored:
            if stored.last_row < first_row or stored.first_row > last_row:
                continue
            block = self._load(stored)
            if stored.first_row >= first_row and stored.last_row <= last_row:
                yield block
                continue
            begin = int(np.searchsorted(block.rows, first_row))
            end = int(np.searchsorted(block.rows, last_row, side="right"))
            if end > begin:
                yield Block(block.rows[begin:end], block.columns[begin:end], block.kinds[begin:end],
                            block.numbers[begin:end], block.texts)  # fmt: skip
