"""The signature of a table from its Parquet parts: counts exact, distributions from at most `SAMPLE_ROWS` rows.

The sample is made of rows chosen by a hash of the row's number: uniform, and the same at every run.
"""

import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dataplatform.engine import EngineLimits, open_engine
from quality_svc.drift.signature import Categories, ColumnSignature, Ordered, Periods, PeriodUnit, TableSignature
from quality_svc.profile.document import Kind
from quality_svc.profile.kinds import is_measured, kind_of

SAMPLE_ROWS: Final = 65_536
GROUP_COLUMNS: Final = 32
WIDE: Final = 2_000
"""Columns beyond which a signature keeps little of each."""
TEXT_CHARACTERS: Final = 128
SKETCH: Final = 128

_NUMERIC: Final = frozenset({"integer", "decimal", "float", "boolean"})
_DAY, _HOUR = 86_400.0, 3_600.0
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_DIGITS: Final = re.compile(r"\d")
_SEQUENCE_DENSITY: Final = 10
"""Unique integers that fill at least one in so many of the numbers between the least and the largest count rows."""


def measure_signature(
    parts: Sequence[Path], limits: EngineLimits, *, name: str = "table", index: int = 0
) -> TableSignature:
    """Read a table once; raises `duckdb.Error`, or `OSError` and `ValueError` where a footer cannot be read."""
    schema = pq.read_schema(parts[0])
    rows = sum(pq.read_metadata(part).num_rows for part in parts)
    level = max((rows - 1) // SAMPLE_ROWS, 0).bit_length()
    columns: list[ColumnSignature] = []
    with open_engine(limits) as connection:
        source = _source(parts, len(schema))
        if not schema:
            return TableSignature(name=name, index=index, row_count=rows, columns=())
        types = [row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
        for start in range(0, len(schema), GROUP_COLUMNS):
            group = range(start, min(start + GROUP_COLUMNS, len(schema)))
            columns += _group(
                connection, source, level, [(schema.field(at), types[at], at) for at in group], len(schema)
            )
    return TableSignature(name=name, index=index, row_count=rows, columns=tuple(columns))


def _source(parts: Sequence[Path], width: int) -> str:
    files = ", ".join("'" + str(part).replace("'", "''") + "'" for part in parts)
    return f"read_parquet([{files}]) AS t({', '.join(f'c{at}' for at in range(width))})"


def _group(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    level: int,
    fields: Sequence[tuple["pa.Field[Any]", str, int]],
    width: int,
) -> list[ColumnSignature]:
    kinds = [kind_of(duckdb_type, str(field.type)) for field, duckdb_type, _ in fields]
    wanted = [_read_sql(kind, field, f"c{at}") for kind, (field, _, at) in zip(kinds, fields, strict=True)]
    where = f" WHERE (hash(file_row_number) & {2**level - 1}) = 0" if level else ""
    table = connection.execute(f"SELECT {', '.join(wanted)} FROM {source}{where}").to_arrow_table()
    return [
        _column(field, kind, at, table.column(number).combine_chunks(), detail_of(width))
        for number, (kind, (field, _, at)) in enumerate(zip(kinds, fields, strict=True))
    ]


def _read_sql(kind: Kind, field: "pa.Field[Any]", column: str) -> str:
    """Return what is read of a column: numbers as doubles, moments as seconds, of others whether they are null."""
    if not is_measured(str(field.type)):
        return f"{column} IS NOT NULL OR NULL AS {column}"
    if kind in _NUMERIC:
        return f"{column}::DOUBLE AS {column}"
    if kind in {"date", "timestamp"}:
        return f"CASE WHEN isfinite({column}) THEN epoch({column}) END::DOUBLE AS {column}"
    if kind == "text":
        return f"substring({column}::VARCHAR, 1, {TEXT_CHARACTERS}) AS {column}"
    return f"({column} IS NOT NULL OR NULL) AS {column}"


def detail_of(width: int) -> tuple[int, int]:
    """Return how many quantiles and how many categories a signature keeps of each of `width` columns."""
    if width <= 200:  # noqa: PLR2004
        return 101, 200
    return (21, 50) if width <= WIDE else (11, 10)


def _column(field: "pa.Field[Any]", kind: Kind, position: int, values: Any, detail: tuple[int, int]) -> ColumnSignature:
    rows, nulls = len(values), values.null_count
    facts: dict[str, Any] = {}
    if kind in _NUMERIC and values.type == pa.float64():
        facts = _numeric(kind, values.drop_null().to_numpy(), detail)
    elif kind in {"date", "timestamp"} and values.type == pa.float64():
        facts = _temporal(values.drop_null().to_numpy(), detail)
    elif kind == "text":
        facts = _text(values.drop_null(), detail)
    return ColumnSignature(
        name=field.name, position=position, type=str(field.type), kind=kind, rows=rows, nulls=nulls, **facts
    )


def _numeric(kind: Kind, values: NDArray[np.float64], detail: tuple[int, int]) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return {"distinct": 0}
    unique, counts = np.unique(finite, return_counts=True)
    whole = kind == "integer" or bool((unique == np.floor(unique)).all())
    span = float(unique[-1] - unique[0]) + 1
    return {
        "distinct": int(unique.size),
        "sequence": whole and unique.size == finite.size > 2 and span <= _SEQUENCE_DENSITY * unique.size,  # noqa: PLR2004
        "ordered": ordered_of(np.sort(finite), detail[0]),
        "categories": _categories(
            {_number(u): int(c) for u, c in zip(unique, counts, strict=True)}, finite.size, detail[1]
        )
        if unique.size <= detail[1]
        else None,
        "sketch": _sketch(_scrambled(unique)),
    }


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))  # noqa: PLR2004


def ordered_of(rising: NDArray[np.float64], points: int) -> Ordered:
    """Return the quantiles of sorted values: at `points` shares, a step function's middles."""
    shares = np.linspace(0, 1, points)
    if np.unique(rising).size <= points:  # few values: every step of the distribution is kept
        values, counts = np.unique(rising, return_counts=True)
        ends = np.cumsum(counts) / rising.size
        starts = np.concatenate([[0.0], ends[:-1]])
        shares = np.column_stack([starts, ends]).ravel()
        found = np.repeat(values, 2)
    else:
        found = np.quantile(rising, shares)
    return Ordered(basis=rising.size, probabilities=tuple(map(float, shares)), values=tuple(map(float, found)))


def _temporal(seconds: NDArray[np.float64], detail: tuple[int, int]) -> dict[str, Any]:
    if not seconds.size:
        return {"distinct": 0}
    seconds = np.clip(seconds, -6.3e10, 2.5e11)  # the years 1 to 9999: what is outside is no calendar's
    return {
        "distinct": int(np.unique(seconds).size),
        "ordered": ordered_of(np.sort(seconds), detail[0]),
        "periods": periods_of(seconds),
        "sketch": _sketch(_scrambled(np.unique(seconds))),
    }


def periods_of(seconds: NDArray[np.float64]) -> Periods:
    """Count moments (seconds since 1970) by calendar period, as finely as their span allows."""
    moments = seconds.astype("datetime64[s]")
    span = float(seconds.max() - seconds.min())
    units: dict[PeriodUnit, str] = {"year": "Y"}
    if span <= 100 * 366 * _DAY:
        units["month"] = "M"
    if span <= 200 * _DAY:
        units["day"] = "D"
    if span <= 8 * _DAY:
        units["hour"] = "h"
    counts = {}
    for unit, code in units.items():
        numbers, found = np.unique(moments.astype(f"datetime64[{code}]").astype(np.int64), return_counts=True)
        counts[unit] = {int(number): int(count) for number, count in zip(numbers, found, strict=True)}
    return Periods(basis=seconds.size, first=str(moments.min()), last=str(moments.max()), counts=counts)


def _text(values: Any, detail: tuple[int, int]) -> dict[str, Any]:
    if not len(values):
        return {"distinct": 0}
    counted = pc.value_counts(values)
    texts, counts = counted.field("values").to_pylist(), counted.field("counts").to_numpy()
    lengths = np.repeat(np.fromiter(map(len, texts), dtype=float, count=len(texts)), counts)
    shapes: dict[str, int] = {}
    for text, count in zip(texts, counts, strict=True):
        shape = _shape(text)
        shapes[shape] = shapes.get(shape, 0) + int(count)
    return {
        "distinct": len(texts),
        "categories": _categories(dict(zip(texts, map(int, counts), strict=True)), len(values), detail[1]),
        "lengths": ordered_of(np.sort(lengths), detail[0]),
        "shapes": _categories(shapes, len(values), min(detail[1], 50)),
        "sketch": _sketch(
            np.fromiter((zlib.crc32(text.encode()) for text in texts), dtype=np.uint64, count=len(texts))
        ),
    }


def _shape(text: str) -> str:
    """Return the format of a text: words as `a`, each digit as 9, the rest as it is; of long texts only that."""
    if len(text) > 40:  # noqa: PLR2004
        return "long text"
    return _DIGITS.sub("9", _LETTERS.sub("a", text))


def _categories(counts: dict[str, int], basis: int, most: int) -> Categories:
    """Keep the most frequent; ties in the order of the values."""
    kept = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
    return Categories(basis=basis, counts=dict(kept), complete=len(counts) <= most)


def _scrambled(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Hash numbers (splitmix64's mixing)."""
    bits = (values + 0.0).view(np.uint64).copy()
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    return (bits ^ (bits >> np.uint64(31))) >> np.uint64(12)


def _sketch(hashes: NDArray[np.uint64]) -> tuple[int, ...]:
    """Return the smallest different hashes (Broder 1997)."""
    return tuple(int(value) for value in np.unique(hashes)[:SKETCH])
