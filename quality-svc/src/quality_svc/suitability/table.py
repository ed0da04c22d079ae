"""The table as the tasks see it: its shape, a seeded sample of its rows, and exact answers where one column suffices.

Memory is bounded by `MOST_CELLS` cells of the sample and by what the engine may use. Rows are drawn uniformly; of
tables beyond `SCANNED_ROWS` rows from row groups that are themselves drawn, so the cost does not grow with the table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataplatform.engine import EngineLimits, open_engine
from quality_svc.profile.table import UnreadableTableError
from quality_svc.suitability.columns import Column, Ints, column_of
from quality_svc.suitability.document import Sampled
from quality_svc.suitability.errors import UnknownColumnError

MOST_ROWS: Final = 20_000
MOST_CELLS: Final = 12_000_000
FEWEST_ROWS: Final = 500
"""Rows that are sampled of however wide a table."""
SCANNED_ROWS: Final = 5_000_000
GROUP_COLUMNS: Final = 512
"""Columns that are decoded together."""
BATCH_BYTES: Final = 32 << 20
MOST_CHARACTERS: Final = 2_000
"""Characters of a text that are looked at."""

_UNREADABLE: Final = (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError)


@dataclass(frozen=True)
class Table:
    """Parquet parts of one schema, in row order; raises `UnreadableTableError` at first use."""

    parts: tuple[Path, ...]
    limits: EngineLimits
    seed: int

    @cached_property
    def _footers(self) -> tuple[pq.FileMetaData, ...]:
        try:
            return tuple(pq.read_metadata(part) for part in self.parts)
        except (*_UNREADABLE, ValueError) as error:
            raise UnreadableTableError(f"the Parquet footer cannot be read: {error}") from error

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the first part."""
        self._footers  # noqa: B018 (says whether it can be read)
        return pq.read_schema(self.parts[0])

    @cached_property
    def row_count(self) -> int:
        """Rows in all parts."""
        return sum(footer.num_rows for footer in self._footers)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.schema.names)

    @cached_property
    def types(self) -> tuple[pa.DataType, ...]:
        """Types of the columns, in order."""
        return tuple(self.schema.types)

    def position(self, name: str) -> int:
        """Return where a column is, by its name here or in the original; case matters only where it tells two apart.

        Raises `UnknownColumnError`.
        """
        originals = [
            (field.metadata or {}).get(b"source_name", b"").decode("utf-8", "replace") for field in self.schema
        ]
        for known in (self.names, originals):
            if name in known:
                return known.index(name)
        for known in (self.names, originals):
            alike = [at for at, one in enumerate(known) if one.casefold().strip() == name.casefold().strip()]
            if len(alike) == 1:
                return alike[0]
        raise UnknownColumnError(name, self.names)

    @cached_property
    def sample(self) -> "Sample":
        """The sampled rows, all columns."""
        return _drawn(self)

    def source(self, alias: str = "t") -> str:
        """Return the table as the engine's FROM takes it; columns are c0, c1, ..., so no name needs quoting."""
        files = ", ".join("'" + str(part).replace("'", "''") + "'" for part in self.parts)
        names = ", ".join(f"c{position}" for position in range(len(self.schema)))
        return f"read_parquet([{files}]) AS {alias}({names})"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the engine about the whole table: `{source}` in the text is the table."""
        with open_engine(self.limits) as connection:
            try:
                return connection.execute(sql.replace("{source}", self.source())).fetchall()
            except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
                raise
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error as error:
                raise UnreadableTableError(str(error).partition("\n")[0][:500]) from error

    def groups(self) -> Iterator[tuple[Path, int, int]]:
        """Give each row group: part, number within it, rows."""
        for part, footer in zip(self.parts, self._footers, strict=True):
            for number in range(footer.num_row_groups):
                yield part, number, footer.row_group(number).num_rows

    @property
    def row_bytes(self) -> float:
        """Bytes of a decoded row, roughly."""
        total = sum(f.row_group(n).total_byte_size for f in self._footers for n in range(f.num_row_groups))
        return max(1.0, total / max(1, self.row_count))


@dataclass(frozen=True, slots=True)
class Sample:
    """The sampled rows: `rows` are their numbers in the table, ascending; every column of the table is there."""

    rows: Ints
    columns: tuple[Column, ...]
    sampled: Sampled

    def named(self, name: str) -> Column:
        """Return the first column of this name."""
        return next(column for column in self.columns if column.name == name)


def _drawn(table: Table) -> Sample:
    width = max(1, len(table.schema))
    wanted = min(MOST_ROWS, max(FEWEST_ROWS, MOST_CELLS // width))
    groups, scanned = _drawn_groups(table)
    generator = np.random.default_rng([table.seed, 1])
    chosen = (
        np.arange(scanned, dtype=np.int64)
        if scanned <= wanted
        else np.sort(generator.choice(scanned, wanted, replace=False)).astype(np.int64)
    )
    try:
        columns = tuple(_read(table, groups, chosen))
    except _UNREADABLE as error:
        raise UnreadableTableError(f"the table cannot be read: {error}") from error
    everything = len(chosen) == table.row_count
    method = "every row" if everything else "rows drawn uniformly with the seed"
    if scanned < table.row_count:
        method = f"rows drawn with the seed from {len(groups)} row groups, themselves drawn"
    sampled = Sampled(
        rows=len(chosen), of_rows=table.row_count, columns=len(columns), of_columns=len(table.schema), method=method
    )
    return Sample(chosen, columns, sampled)


def _drawn_groups(table: Table) -> tuple[list[tuple[Path, int, int]], int]:
    """Return the row groups to look at, in order, and how many rows they have."""
    groups = list(table.groups())
    if table.row_count > SCANNED_ROWS:
        order = np.random.default_rng([table.seed, 0]).permutation(len(groups))
        sizes = np.cumsum([groups[index][2] for index in order])
        enough = int(np.searchsorted(sizes, SCANNED_ROWS)) + 1
        groups = [groups[index] for index in sorted(order[:enough])]
    return groups, sum(group[2] for group in groups)


def _read(table: Table, groups: Sequence[tuple[Path, int, int]], chosen: Ints) -> Iterator[Column]:
    """Give every column of the chosen rows, a few hundred columns at a time."""
    width = len(table.schema)
    for start in range(0, width, GROUP_COLUMNS):
        positions = range(start, min(width, start + GROUP_COLUMNS))
        readable = [position for position in positions if not pa.types.is_nested(table.types[position])]
        values = _cells(table, groups, chosen, readable)
        for position in positions:
            found = values.get(position)
            name = table.names[position]
            if found is None:
                nothing = np.full(len(chosen), -1, np.int64)
                yield Column(position, name, str(table.types[position]), "unsupported", nothing, 0)
            else:
                yield column_of(position, name, found, table.row_count)


def _cells(
    table: Table, groups: Sequence[tuple[Path, int, int]], chosen: Ints, positions: Sequence[int]
) -> dict[int, "pa.Array[Any]"]:
    if not positions:
        return {}
    share = len(positions) / max(1, len(table.schema))
    batch_rows = int(min(65_536, max(64, BATCH_BYTES / (table.row_bytes * share))))
    names = table.names
    asked = None if len(positions) == len(names) else [names[position] for position in positions]
    pieces: dict[int, list[pa.Array[Any]]] = {position: [] for position in positions}
    first = 0
    for part, group, rows in groups:
        wanted = chosen[np.searchsorted(chosen, first) : np.searchsorted(chosen, first + rows)] - first
        first += rows
        if not wanted.size:
            continue
        offset = 0
        with pq.ParquetFile(part) as file:
            for batch in file.iter_batches(batch_rows, row_groups=[group], columns=asked, use_threads=False):
                here = wanted[(wanted >= offset) & (wanted < offset + batch.num_rows)] - offset
                offset += batch.num_rows
                if here.size:
                    _keep(pieces, batch, here, names)
    return {position: _joined(table.types[position], arrays) for position, arrays in pieces.items()}


def _keep(pieces: dict[int, list["pa.Array[Any]"]], batch: pa.RecordBatch, here: Ints, names: Sequence[str]) -> None:
    """Keep the rows `here` of a batch; of columns of one name the batch has as many as the table, in its order."""
    seen: dict[str, int] = {}
    for position, arrays in pieces.items():
        name = names[position]
        among = seen.get(name, 0)
        seen[name] = among + 1
        values = batch.column(batch.schema.get_all_field_indices(name)[among]).take(here)
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            values = pc.utf8_slice_codeunits(values, 0, MOST_CHARACTERS)
        arrays.append(values)


def _joined(data_type: pa.DataType, arrays: Sequence["pa.Array[Any]"]) -> "pa.Array[Any]":
    if not arrays:
        return pa.array([], data_type)
    chunked = pa.chunked_array(list(arrays))
    return (
        chunked.combine_chunks()
        if not pa.types.is_dictionary(chunked.type)
        else pa.concat_arrays([pc.cast(chunk, chunk.type.value_type) for chunk in chunked.chunks])
    )
