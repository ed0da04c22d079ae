"""From Parquet to a `CellTable`: all rows where they fit the budget, else rows chosen by a hash of their number."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dataplatform.engine import EngineLimits, open_engine
from quality_svc.anomalies.cells.table import NULL, CellColumn, CellTable
from quality_svc.anomalies.source import Source, SourceColumn

MAX_CELLS: Final = 5_000_000
"""Cells that are looked at; more are sampled by rows."""
MAX_TEXT: Final = 300
"""Characters of a cell that are looked at: what goes on after them is alike for every detector."""
_BLOWUP: Final = 6
"""Bytes in memory for one of a part's uncompressed bytes, at most: a Python text has 49 of overhead."""


def sampled_rows(source: Source, limits: EngineLimits) -> int:
    """Return how many rows fit the budget of cells and memory."""
    fitting = MAX_CELLS // max(1, len(source.columns))
    weight = source.uncompressed_bytes / max(1, source.row_count)
    return int(min(source.row_count, fitting, max(1_000, limits.memory_bytes / _BLOWUP / max(1.0, weight))))


def load_cells(source: Source, limits: EngineLimits, *, seed: int) -> CellTable:
    """Read the table's cells as codes. Nested and binary columns are left out.

    Raises `duckdb.Error`.
    """
    wanted = sampled_rows(source, limits)
    columns = [column for column in source.columns if column.comparable]
    taken: list[list[Any]] = [[] for _ in columns]
    numbers: list[np.ndarray] = []
    texts = ", ".join(f"left(c{column.position}::VARCHAR, {MAX_TEXT})" for column in columns)
    with open_engine(limits, ordered=True) as connection:
        for part, offset in zip(source.parts, source.offsets, strict=True):
            query = f"SELECT r + {offset}{', ' if texts else ''}{texts} FROM {source.scan(part)}"
            if wanted < source.row_count:
                share = wanted / source.row_count
                query += f" WHERE hash(r + {offset}, {seed}) < {int(share * 2**64)}::UBIGINT"
            for batch in connection.execute(query).to_arrow_reader(65_536):
                numbers.append(batch.column(0).to_numpy(zero_copy_only=False).astype(np.int64))
                for place in range(len(columns)):
                    taken[place].append(batch.column(place + 1))
    rows = np.concatenate(numbers) if numbers else np.empty(0, dtype=np.int64)
    made = []
    for column, chunks in zip(columns, taken, strict=True):
        made.append(_column(column, chunks))
        chunks.clear()
    return CellTable(tuple(made), rows, source.row_count)


def _column(column: SourceColumn, chunks: Sequence[Any]) -> CellColumn:
    arrow_type = column.type
    encoded: Any = pa.chunked_array(chunks, pa.string()).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = encoded.indices.fill_null(NULL).to_numpy(zero_copy_only=False).astype(np.int32)
    values = encoded.dictionary.to_pylist()
    is_text = (
        pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type) or pa.types.is_dictionary(arrow_type)
    )
    temporal = pa.types.is_temporal(arrow_type)
    return CellColumn(column.position, column.name, is_text, temporal, values, codes, column.source_name)
