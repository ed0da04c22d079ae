"""The rows of one table as record batches, made from the spool while they are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing_svc.grid.arrow import ArrowArray
from processing_svc.grid.cells import KIND_MASK, Area, Block, Ints, Kind, column_letters
from processing_svc.grid.spool import CellSpool
from processing_svc.grid.values import Column, Shape, Texts, column_array, error_name, joined, text_of
from processing_svc.handlers.interface import MAX_REMARKS, Casts, Notes

BATCH_CELLS: Final = 131_072
BATCH_ROWS: Final = 256
"""Fewest rows of a batch of a wide table, whose columns each cost the same for few rows as for many."""
MAX_BATCH_CELLS: Final = 2_000_000
MAX_FILLED: Final = 1_000_000
"""Most cells that merged ranges may fill in one table."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Body:
    """What a table takes of a sheet: some rows and columns, both ascending, and the cells that merged ranges fill."""

    rows: Ints
    columns: Ints
    shapes: Sequence[Shape]
    filled: Block | None = None

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, fields named by the sheet's columns."""
        return pa.schema([pa.field(column_letters(int(column)), shape.type)
                          for column, shape in zip(self.columns, self.shapes, strict=True)])  # fmt: skip


def batches(body: Body, spool: CellSpool, shared: Texts, remarks: "Remarks") -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table; cells that have no value in their column are noted."""
    if not len(body.rows):
        return
    schema = body.schema
    done = 0
    least = min(max(BATCH_CELLS, BATCH_ROWS * len(body.columns)), MAX_BATCH_CELLS)
    for block in _grouped(spool, int(body.rows[0]), int(body.rows[-1]), least):
        end = int(np.searchsorted(body.rows, block.rows[-1], side="right"))
        rows = body.rows[done:end]
        done = end
        if len(rows):
            cells = _within(_with_filled(block, body, rows), rows, body.columns)
            _note(cells, body, shared, remarks, end - len(rows))
            arrays = _columns(cells, len(rows), body.shapes, shared, in_order=body.filled is None)
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _grouped(spool: CellSpool, first: int, last: int, least: int) -> Iterator[Block]:
    """Yield blocks of at least so many cells that end where a row ends."""
    held: list[Block] = []
    cells = 0
    for block in spool.blocks(first, last):
        if held and cells >= least and int(block.rows[0]) > int(held[-1].rows[-1]):
            yield joined(held)
            held, cells = [], 0
        held.append(block)
        cells += len(block)
    if held:
        yield joined(held)


def _with_filled(block: Block, body: Body, rows: Ints) -> Block:
    if body.filled is None:
        return block
    begin, end = np.searchsorted(body.filled.rows, [rows[0], rows[-1] + 1]).tolist()
    if begin == end:
        return block
    fill = body.filled
    part = Block(
        fill.rows[begin:end], fill.columns[begin:end], fill.kinds[begin:end], fill.numbers[begin:end], fill.texts
    )
    return joined([block, part])


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells with their places among the rows and columns of a batch."""

    block: Block
    places: Places
    slots: Places


def _within(block: Block, rows: Ints, columns: Ints) -> _Cells:
    """Keep the cells of some rows and columns."""
    places, inside = _positions(block.rows, rows)
    slots, also = _positions(block.columns, columns)
    kept = inside & also
    if not kept.all():
        block = Block(block.rows[kept], block.columns[kept], block.kinds[kept], block.numbers[kept], block.texts)
        places, slots = places[kept], slots[kept]
    return _Cells(block, places, slots)


def _positions(numbers: Ints, among: Ints) -> tuple[Places, npt.NDArray[np.bool_]]:
    first, last = int(among[0]), int(among[-1])
    if last - first == len(among) - 1:
        return (numbers - first).astype(np.int64), (numbers >= first) & (numbers <= last)
    at = np.minimum(np.searchsorted(among, numbers), len(among) - 1)
    return at, among[at] == numbers


def _columns(cells: _Cells, count: int, shapes: Sequence[Shape], shared: Texts, *, in_order: bool) -> list[ArrowArray]:
    block, width = cells.block, len(shapes)
    # cells are unique, so a full rectangle in order needs no sorting
    if in_order and len(block) == count * width:
        chosen: list[slice | Places] = [slice(slot, None, width) for slot in range(width)]
    else:
        order = np.argsort(cells.slots.astype(np.int16), kind="stable")
        bounds = np.searchsorted(cells.slots[order], np.arange(width + 1))
        chosen = [order[bounds[slot] : bounds[slot + 1]] for slot in range(width)]
    return [
        column_array(
            shape, Column(cells.places[part], block.kinds[part], block.numbers[part], block.texts), shared, count
        )
        for shape, part in zip(shapes, chosen, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Remarks:
    """Where to note cells without a value: the table's findings, and the failed casts of each column."""

    findings: Notes
    casts: Sequence[Casts]


def _note(cells: _Cells, body: Body, shared: Texts, remarks: Remarks, done: int) -> None:
    """Note errors, formulas without a value, and text in a column of another type. `done` rows were taken before."""
    block = cells.block
    bare = block.kinds & KIND_MASK
    for kind, name, detail in (
        (Kind.ERROR, "error_cells", ""),
        (Kind.UNCACHED, "formula_without_value", "the result of the formula is not stored in the file"),
    ):
        found = np.flatnonzero(bare == kind)
        if len(found):
            _list(remarks.findings, name, block, found, detail)
    words = np.flatnonzero(bare == Kind.TEXT)
    typed = np.array([bool(shape.kinds) and Kind.TEXT not in shape.kinds for shape in body.shapes])
    if len(words) and typed.any():
        found = words[typed[cells.slots[words]]]
        _list(remarks.findings, "quarantined_cells", block, found, "text in a column of another type is null")
        for index, text in zip(
            found.tolist(), text_of(block.numbers[found], block.texts, shared).to_pylist(), strict=True
        ):
            remarks.casts[int(cells.slots[index])].fail(done + int(cells.places[index]) + 1, text)


def _list(findings: Notes, name: str, block: Block, found: Places, detail: str) -> None:
    room = max(0, MAX_REMARKS - findings.counts.get(name, 0))
    for index in found[:room].tolist():
        where = f"{column_letters(int(block.columns[index]))}{int(block.rows[index]) + 1}"
        findings.add(name, detail or f"the error {error_name(float(block.numbers[index]))} is null", where)
    if len(found) > room:
        findings.counts[name] = findings.counts.get(name, 0) + len(found) - room


def filled_cells(spool: CellSpool, merges: Sequence[Area], rows: Ints, columns: Ints) -> Block | None:
    """Return the cells that merged ranges fill: the first cell's value for every further row of the range.

    Numbers are filled in the first column only: elsewhere a number that counts for several rows is no label of them.
    """
    first_column, among = int(columns[0]), set(columns.tolist())
    first, last = int(rows[0]), int(rows[-1])
    tall = [merge for merge in merges if merge.left in among and merge.top <= last and merge.bottom > first]
    if not tall or sum(min(merge.height, len(rows)) for merge in tall) > MAX_FILLED:
        return None
    bottoms = {(merge.top << 14) | merge.left: merge.bottom for merge in tall}
    anchors = np.array(sorted(bottoms), np.int64)
    found: list[Block] = []
    for block in spool.blocks(min(merge.top for merge in tall), max(merge.top for merge in tall)):
        keys = (block.rows.astype(np.int64) << 14) | block.columns
        bare = block.kinds & KIND_MASK
        wanted = np.isin(keys, anchors) & ((bare == Kind.TEXT) | (bare == Kind.DATE) | (block.columns == first_column))
        chosen = np.flatnonzero(wanted & (bare != Kind.ERROR)).tolist()
        found += [_spread(block, index, bottoms[int(keys[index])]) for index in chosen]
    if not found:
        return None
    every = joined(found)
    order = np.argsort(every.rows, kind="stable")
    return Block(every.rows[order], every.columns[order], every.kinds[order], every.numbers[order], every.texts)


def _spread(block: Block, index: int, bottom: int) -> Block:
    first = int(block.rows[index]) + 1
    count = bottom - first + 1
    number, texts = float(block.numbers[index]), block.texts.slice(0, 0)
    if int(block.kinds[index]) & KIND_MASK == Kind.TEXT and number < 0:
        texts, number = block.texts.slice(int(-1 - number), 1), -1.0
    return Block(
        np.arange(first, bottom + 1, dtype=np.int32),
        np.full(count, block.columns[index], np.int32),
        np.full(count, block.kinds[index], np.uint8),
        np.full(count, number),
        texts,
    )
