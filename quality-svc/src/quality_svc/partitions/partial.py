"""A partial profile on disk: what one work item found of every column, in a form that merges without loss.

One Parquet file, one row for each column, a few columns to a row group: whoever merges reads the files side by side and
holds a few columns at a time. Pages carry checksums, so a damaged file is refused rather than merged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from quality_svc.profile.arrays import Array
from quality_svc.profile.moments import Moments

BLOCK_COLUMNS: Final = 8
_FIELDS: Final[dict[str, pa.DataType]] = {
    "position": pa.int32(),
    "type": pa.string(),
    "found": pa.binary(),
    "mean": pa.float64(),
    "sd": pa.float64(),
    "skew": pa.float64(),
    "kept": pa.binary(),
}
_SCHEMA: Final = pa.schema(_FIELDS)


@dataclass(frozen=True, slots=True)
class ColumnPartial:
    """One column of one item. `found`: facts by name, each an array of one; `kept`: sampled values, and keys of texts.

    `type` is DuckDB's. `moments` are in the units of the profile's sums.
    """

    position: int
    type: str
    found: dict[str, Array]
    moments: Moments | None
    kept: tuple[Array, ...]


class PartialWriter:
    """Writes the partial profile of an item to `path`, column by column; a context manager."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(
            path, _SCHEMA, compression="zstd", use_dictionary=False, write_statistics=False, write_page_checksum=True
        )
        self._waiting: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def write(self, partial: ColumnPartial) -> None:
        """Write the next column."""
        moments = partial.moments
        self._waiting.append(
            {
                "position": partial.position,
                "type": partial.type,
                "found": _packed(list(partial.found), list(partial.found.values())),
                "mean": None if moments is None else moments.mean,
                "sd": None if moments is None else moments.sd,
                "skew": None if moments is None else moments.skew,
                "kept": _packed([str(number) for number in range(len(partial.kept))], partial.kept),
            }
        )
        if len(self._waiting) == BLOCK_COLUMNS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_pylist(self._waiting, _SCHEMA))
            self._waiting = []


def read_partial(path: Path) -> Iterator[ColumnPartial]:
    """Yield the columns of a partial profile, a few in memory; raises `pyarrow.ArrowException` and `OSError`."""
    with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
        for group in range(file.metadata.num_row_groups):
            yield from (_column(row) for row in file.read_row_group(group, use_threads=False).to_pylist())


def _column(row: dict[str, Any]) -> ColumnPartial:
    found, kept = _unpacked(row["found"]), _unpacked(row["kept"])
    moments = None if row["mean"] is None else Moments(row["mean"], row["sd"], row["skew"])
    return ColumnPartial(row["position"], row["type"], found, moments, tuple(kept.values()))


def _packed(names: Sequence[str], arrays: Sequence[Array]) -> bytes:
    """Return arrays of one length as an Arrow stream; nothing of none."""
    if not names:
        return b""
    batch = pa.RecordBatch.from_arrays(list(arrays), names=list(names))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _unpacked(packed: bytes) -> dict[str, Array]:
    if not packed:
        return {}
    with pa.ipc.open_stream(packed) as reader:
        batch = reader.read_next_batch()
    return dict(zip(batch.schema.names, batch.columns, strict=True))
