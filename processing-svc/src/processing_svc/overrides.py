"""What a person decided about a dataset's columns, applied to a table of any format: names, and types.

A type is applied to every value: text by the kinds of `text`, typed values by a cast that loses nothing. Values that do
not fit become null, are counted and shown; where more than a tenth of a column does not fit, the column keeps the type
that it has, and a finding says so. Dates whose day and month could be either way have the day first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.events.base import ParseOptions
from processing_svc.columns import safe_names
from processing_svc.handlers.interface import Casts, ExtractedTable, SourceColumn
from processing_svc.kinds import Kind
from processing_svc.text.deciding import Evidence, reading_by
from processing_svc.text.duck import connect
from processing_svc.text.peek import seen
from processing_svc.text.typing import TextRelation, settle

MOST_MISFITS: Final = 0.1
"""Share of a column's values beyond which a type no longer fits it."""
BATCH_ROWS: Final = 40_960
HEAD_ROWS: Final = 100
_NAMES: Final[Mapping[str, pa.DataType]] = {
    "string": pa.string(), "utf8": pa.string(), "text": pa.string(), "str": pa.string(), "large_string": pa.string(),
    "int8": pa.int8(), "int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64(), "integer": pa.int64(),
    "int": pa.int64(), "uint8": pa.uint8(), "uint16": pa.uint16(), "uint32": pa.uint32(), "uint64": pa.uint64(),
    "float": pa.float32(), "float32": pa.float32(), "double": pa.float64(), "float64": pa.float64(),
    "bool": pa.bool_(), "boolean": pa.bool_(), "date": pa.date32(), "date32": pa.date32(), "date32[day]": pa.date32(),
    "time": pa.time64("us"), "time64[us]": pa.time64("us"), "timestamp": pa.timestamp("us"),
    "timestamp[s]": pa.timestamp("s"), "timestamp[ms]": pa.timestamp("ms"), "timestamp[us]": pa.timestamp("us"),
    "timestamp[ns]": pa.timestamp("ns"), "timestamp[us, tz=UTC]": pa.timestamp("us", "UTC"),
    "timestamp[us, tz=utc]": pa.timestamp("us", "UTC"),
}  # fmt: skip


def arrow_type(name: str) -> pa.DataType | None:
    """Return the Arrow type of a name as `str(type)` writes it, or in other words; None where there is none."""
    text = name.strip().lower()
    if text in _NAMES:
        return _NAMES[text]
    inner = text.removeprefix("decimal128").removeprefix("decimal").strip()
    try:
        precision, scale = (int(part) for part in inner.strip("()").split(","))
        return pa.decimal128(precision, scale) if text.startswith("decimal") and inner.startswith("(") else None
    except (ValueError, pa.ArrowInvalid):
        return None


def renamed(columns: Sequence[SourceColumn], options: ParseOptions) -> list[str]:
    """Return the names of a table's columns, with those that a person gave."""
    wanted = named(columns, options.names)
    return safe_names(wanted.get(index, column.name) for index, column in enumerate(columns))


def named(columns: Sequence[SourceColumn], by_name: Mapping[str, str]) -> dict[int, str]:
    """Return what is said of each column, which may be called by its name in the file or by its safe one."""
    return {
        index: by_name[key]
        for index, key in enumerate(_keys([column.name for column in columns], by_name))
        if key is not None
    }


def overridden_columns(names: Sequence[str | None], options: ParseOptions) -> frozenset[int]:
    """Return the columns of a text whose type a person set: they are to be left as they stand in the file."""
    return frozenset(index for index, key in enumerate(_keys(names, options.types)) if key is not None)


def _keys(names: Sequence[str | None], by_name: Mapping[str, str]) -> list[str | None]:
    if not by_name:
        return [None] * len(names)
    pairs = zip(names, safe_names(names), strict=True)
    return [next((key for key in pair if key is not None and key in by_name), None) for pair in pairs]


def overridden(table: ExtractedTable, options: ParseOptions, scratch: Path, memory_bytes: int) -> ExtractedTable:
    """Return the table with the types that a person set, as far as they fit; the same where none concerns it.

    Its batches are read to the end at once, into a file in `scratch`. Raises what they raise.
    """
    wanted = named(table.columns, options.types)
    columns, plans = list(table.columns), {}
    for index, name in list(wanted.items()):
        if table.schema.field(index).type == arrow_type(name):
            columns[index] = replace(columns[index], overridden=str(table.schema.field(index).type))
            del wanted[index]
    if not wanted:
        return replace(table, columns=columns)
    path = scratch / "overridden.arrow"
    _spool(table, path)
    with pa.memory_map(str(path)) as mapped:
        whole = pa.ipc.open_file(mapped).read_all()
        for index, name in wanted.items():
            plan = _plan(whole.column(index), name, columns[index], scratch, memory_bytes)
            if isinstance(plan, str):
                table.findings.add("override_not_applied", plan, f"column {index + 1}")
                continue
            plans[index] = plan
            casts = replace_casts(columns[index].casts, plan.casts)
            columns[index] = replace(columns[index], overridden=str(plan.target), casts=casts, unit=plan.unit)
    fields = [plans[index].field(field) if index in plans else field for index, field in enumerate(table.schema)]
    schema = pa.schema(fields)
    batches = _batches(path, plans, schema, scratch, memory_bytes)
    return replace(table, columns=columns, schema=schema, batches=batches)


def replace_casts(before: Casts | None, after: Casts) -> Casts:
    """Return the casts that the override's reading counts, beginning with what was counted of the column before."""
    if before is not None:
        after.spellings.update(before.spellings)
    return after


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a column becomes its target type: text by a kind first, everything by a cast."""

    target: pa.DataType
    casts: Casts
    kind: Kind | None = None
    evidence: Evidence | None = None
    unit: str | None = None

    def field(self, field: "pa.Field[Any]") -> "pa.Field[Any]":
        return pa.field(field.name, self.target, metadata=field.metadata)


def _spool(table: ExtractedTable, path: Path) -> None:
    with pa.ipc.new_file(str(path), table.schema) as sink:
        for batch in table.batches:
            columns = [
                column if column.type == field.type else column.cast(field.type)
                for column, field in zip(batch.columns, table.schema, strict=True)
            ]
            sink.write_table(pa.Table.from_arrays(columns, schema=table.schema), max_chunksize=BATCH_ROWS)


def _plan(
    column: "pa.ChunkedArray[Any]", name: str, source: SourceColumn, scratch: Path, memory_bytes: int
) -> "_Plan | str":
    """Return how the column gets the type, or why it does not."""
    target = arrow_type(name)
    if target is None:
        return f"{name!r} is not a type that a column can be given"
    values = len(column) - column.null_count
    if _is_text(column.type) and not _is_text(target):
        with connect(scratch, memory_bytes) as connection:
            kind, evidence = _kind_for(TextRelation(connection, "overridden", 1), column, target)
            if kind is None or evidence is None:
                return f"no value is a {target}"
            plan = _Plan(target, Casts(), kind, evidence, source.unit or kind.unit)
            values = evidence.values
            misfits = _count_misfits(column, plan, connection)
    else:
        plan = _Plan(target, Casts(), unit=source.unit)
        misfits = _count_misfits(column, plan, None)
    if misfits > MOST_MISFITS * values:
        return f"{misfits} of {values} values are no {target}; the type stays {column.type}"
    return plan


def _kind_for(
    relation: TextRelation, column: "pa.ChunkedArray[Any]", target: pa.DataType
) -> tuple[Kind | None, Evidence | None]:
    """Return the kind of the target's family that refuses the fewest values."""
    head = column.slice(0, HEAD_ROWS).to_pylist()
    relation.connection.register("overridden", pa.Table.from_arrays([column], names=["c0"]))
    (evidence,) = settle(relation, [replace(seen(head), proven=False)], tried=False)
    candidates = {**dict.fromkeys(evidence.kinds, 0), **evidence.refused}
    fitting = {kind: count for kind, count in candidates.items() if _leads_to(kind, target) and count < evidence.values}
    if evidence.values == 0 or not fitting:
        return None, None
    return min(fitting, key=lambda kind: fitting[kind]), evidence


def _leads_to(kind: Kind, target: pa.DataType) -> bool:
    if pa.types.is_boolean(target):
        return kind.name in {"boolean", "integer"}
    if pa.types.is_integer(target) or pa.types.is_decimal(target) or pa.types.is_floating(target):
        return kind.is_number or kind.name == "duration"
    if pa.types.is_date(target):
        return kind.sql_type == "DATE"
    if pa.types.is_timestamp(target):
        return kind.sql_type.startswith("TIMESTAMP") or kind.sql_type == "DATE"
    return pa.types.is_time(target) and kind.sql_type == "TIME"


def _count_misfits(column: "pa.ChunkedArray[Any]", plan: _Plan, connection: Any) -> int:
    trial = replace(plan, casts=Casts())
    row = 1
    for chunk in column.chunks:
        _converted(chunk, trial, row, connection)
        row += len(chunk)
    return trial.casts.failed


def _batches(
    path: Path, plans: Mapping[int, _Plan], schema: pa.Schema, scratch: Path, memory_bytes: int
) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as mapped, connect(scratch, memory_bytes) as connection:
        reader = pa.ipc.open_file(mapped)
        row = 1
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            arrays = [
                _converted(array, plans[index], row, connection) if index in plans else array
                for index, array in enumerate(batch.columns)
            ]
            row += batch.num_rows
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    path.unlink(missing_ok=True)


def _converted(array: "pa.Array[Any]", plan: _Plan, row: int, connection: Any) -> "pa.Array[Any]":
    """Convert one array; values that do not fit become null and are told to the plan's casts."""
    if plan.kind is None or plan.evidence is None:
        return cast_without_loss(array, plan.target, plan.casts, row)
    connection.register("overridden", pa.Table.from_arrays([array], names=["c0"]))
    reading = replace(reading_by(plan.kind, plan.evidence), padded=True, spelled=True, lenient=True)
    read = TextRelation(connection, "overridden", 1).read([reading], exact=True, casts=[plan.casts], first_row=row)
    values = pa.Table.from_batches(read.batches(), read.schema).column(0)
    plain: Any = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    return cast_without_loss(plain, plan.target, plan.casts, row)


def cast_without_loss(array: "pa.Array[Any]", target: pa.DataType, casts: Casts, row: int) -> "pa.Array[Any]":
    """Cast; values that the target cannot hold exactly become null and are told to `casts`."""
    if array.type == target:
        return array
    try:
        cast: pa.Array[Any] = pc.cast(array, target, safe=True)
        if _is_text(target) or _equal_back(array, cast):
            return cast
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    return _one_by_one(array, target, casts, row)


def _equal_back(array: "pa.Array[Any]", cast: "pa.Array[Any]") -> bool:
    """Whether casting back gives the same: a safe cast to a float rounds in silence."""
    if not pa.types.is_floating(cast.type):
        return True
    try:
        return bool(pc.cast(cast, array.type, safe=True).equals(array))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False


def _one_by_one(array: "pa.Array[Any]", target: pa.DataType, casts: Casts, row: int) -> "pa.Array[Any]":
    values: list[Any] = []
    for offset in range(len(array)):
        one = array.slice(offset, 1)
        cast: Any = None
        if one.null_count == 0:
            try:
                cast = pc.cast(one, target, safe=True)
                cast = cast if _is_text(target) or _equal_back(one, cast) else None
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                cast = None
            if cast is None:
                casts.fail(row + offset, str(one[0].as_py()))
        values.append(cast if cast is not None else pa.array([None], target))
    return pa.concat_arrays(values) if values else pa.array([], target)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
