"""Where the cells come from: the parts of a table, the number of rows before each, and columns by position."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from quality_svc.profile.table import UnreadableTableError


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of the Parquet parts."""

    position: int
    name: str
    type: pa.DataType
    source_name: str | None = None

    @property
    def comparable(self) -> bool:
        """Whether cells can be compared as text: not nested, not binary, not without any type."""
        kind = self.type
        return not (
            pa.types.is_nested(kind)
            or pa.types.is_binary(kind)
            or pa.types.is_large_binary(kind)
            or pa.types.is_fixed_size_binary(kind)
            or pa.types.is_null(kind)
            or pa.types.is_duration(kind)
        )

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers that can be added up."""
        return pa.types.is_integer(self.type) or pa.types.is_floating(self.type) or pa.types.is_decimal(self.type)

    @property
    def temporal(self) -> bool:
        """Whether it holds dates or times of a calendar."""
        return pa.types.is_date(self.type) or pa.types.is_timestamp(self.type)


@dataclass(frozen=True, slots=True)
class Source:
    """A table's parts in row order; `offsets[i]` rows stand before part i."""

    parts: tuple[Path, ...]
    offsets: tuple[int, ...]
    row_count: int
    columns: tuple[SourceColumn, ...]
    uncompressed_bytes: int

    def scan(self, part: Path) -> str:
        """Return SQL that reads a part: columns `c0`, `c1`, ... by position, and `r`, the row in the part."""
        quoted = "'" + str(part).replace("'", "''") + "'"
        names = "".join(f"c{column.position}, " for column in self.columns)
        return f"read_parquet({quoted}, file_row_number = true) AS t({names}r)"


def open_source(parts: Sequence[Path]) -> Source:
    """Read the footers. Raises `UnreadableTableError`."""
    try:
        offsets, rows, weight = [], 0, 0
        schema: pa.Schema | None = None
        for part in parts:
            with pq.ParquetFile(part) as file:
                offsets.append(rows)
                rows += file.metadata.num_rows
                groups = range(file.metadata.num_row_groups)
                weight += sum(file.metadata.row_group(group).total_byte_size for group in groups)
                schema = file.schema_arrow if schema is None else schema
    except (OSError, ValueError) as error:
        raise UnreadableTableError(f"the Parquet footer cannot be read: {error}") from error
    if schema is None:
        raise UnreadableTableError("a table has at least one part")
    columns = tuple(
        SourceColumn(place, field.name, field.type, _source_name(field)) for place, field in enumerate(schema)
    )
    return Source(tuple(parts), tuple(offsets), rows, columns, weight)


def _source_name(field: "pa.Field[pa.DataType]") -> str | None:
    """Return the column's name in the original, where that differs."""
    kept = (field.metadata or {}).get(b"source_name")
    name = kept.decode("utf-8", "replace") if kept is not None else None
    return name if name != field.name else None
