"""Parts of one table, read one after the other as one: their common schema, and the values of their folders' names."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from processing_svc.archives.schemas import Shared, is_same, keys_of, share
from processing_svc.handlers.interface import (
    ExtractedTable,
    HandlerError,
    Notes,
    Origin,
    RestartError,
    SourceColumn,
    Unextracted,
)

_INTEGER: Final = re.compile(r"0|-?[1-9]\d{0,17}")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Part:
    """One part: where it is from, its columns, and how its rows are read (as often as asked)."""

    member: str
    values: dict[str, str | None]
    columns: Sequence[SourceColumn]
    schema: pa.Schema
    read: Callable[[], Iterator[pa.RecordBatch]]
    repairs: Notes = field(default_factory=Notes)
    findings: Notes = field(default_factory=Notes)


@dataclass(slots=True)
class Whole:
    """A table made of parts. `failed` is filled while it is read: parts that turned out to be damaged."""

    name: str
    parts: list[Part]
    keys: tuple[str, ...]
    member: str | None
    failed: list[Unextracted] = field(default_factory=list)

    def table(self) -> ExtractedTable:
        """Return the table of all parts that are sound."""
        shared = share([(part.columns, part.schema) for part in self.parts])
        if shared is None:
            raise ValueError("the parts have no common schema")
        folders = _folders(self.parts, self.keys, shared)
        fields = [*shared.schema, *(pa.field(name, array.type) for name, array in folders)]
        schema = pa.schema(fields)
        findings = Notes()
        repairs = Notes()
        for number, text in shared.differences:
            findings.add("schema_difference", text, self.parts[number].member)
        for name in self.keys:
            if name not in {column for column, _ in folders}:
                findings.add("partition_in_file", f"the files have a column {name!r} of their own; it is kept")
        for part in self.parts:
            findings.merge(part.findings)
            repairs.merge(part.repairs)
        return ExtractedTable(
            name=self.name,
            origin=Origin(kind="member", name=self.member, member=self.member),
            columns=[*shared.columns, *(SourceColumn(name, "partition") for name, _ in folders)],
            schema=schema,
            batches=self._batches(shared, [array for _, array in folders], schema, findings),
            findings=findings,
            repairs=repairs,
        )

    def _batches(
        self, shared: Shared, folders: "Sequence[pa.Array[Any]]", schema: pa.Schema, findings: Notes
    ) -> Iterator[pa.RecordBatch]:
        first = 1
        for number, part in enumerate(self.parts):
            rows = 0
            try:
                for batch in part.read():
                    rows += batch.num_rows
                    yield _fitted(batch, part, shared, [array[number] for array in folders], schema)
            except HandlerError as error:
                raise self._without(part, error) from error
            except pa.ArrowInvalid as error:
                reason = HandlerError(
                    "schema_conflict", f"a value does not fit the type of the other parts: {error}"[:300]
                )
                raise self._without(part, reason) from error
            if rows:
                findings.add("part", f"rows {first} to {first + rows - 1}", part.member)
            first += rows

    def _without(self, part: Part, error: HandlerError) -> Exception:
        """Start over without a part, which is then named as unextracted; or give up where it is the only one."""
        if len(self.parts) == 1:
            return error
        origin = Origin(kind="member", name=part.member, member=part.member)
        self.failed.append(Unextracted(origin=origin, reason_code=error.code, detail=error.detail[:2000]))
        self.parts = [other for other in self.parts if other is not part]
        return RestartError(self.table())


def wholes(name: str, parts: Sequence[Part], keys: tuple[str, ...], *, sure: bool, member: str | None) -> list[Whole]:
    """Gather parts into as few tables as their schemas allow. Where the names left doubt, only the same one will do."""
    gathered: list[list[Part]] = []
    for part in parts:
        for group in gathered:
            if is_same(group[0].schema, part.schema) or (sure and _may_join(group, part)):
                group.append(part)
                break
        else:
            gathered.append([part])
    one = len(gathered) == 1
    return [
        Whole(name if one or len(group) > 1 else group[0].member, group, keys, member if one else group[0].member)
        for group in gathered
    ]


def _may_join(group: Sequence[Part], part: Part) -> bool:
    """Whether half of a part's columns are known, and the types go together."""
    known = set(keys_of(group[0].columns))
    own = set(keys_of(part.columns))
    if 2 * len(known & own) < min(len(known), len(own)):
        return False
    return share([(other.columns, other.schema) for other in (*group, part)]) is not None


def _fitted(
    batch: pa.RecordBatch, part: Part, shared: Shared, values: Sequence[Any], schema: pa.Schema
) -> pa.RecordBatch:
    own = dict(zip(keys_of(part.columns), batch.columns, strict=True))
    arrays: list[Any] = []
    for key, target in zip(shared.keys, shared.schema, strict=True):
        column = own.get(key)
        arrays.append(pa.nulls(batch.num_rows, target.type) if column is None else pc.cast(column, target.type))
    arrays += [pa.repeat(value, batch.num_rows) for value in values]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _folders(parts: Sequence[Part], keys: Sequence[str], shared: Shared) -> "list[tuple[str, pa.Array[Any]]]":
    """Return each partition column that the files do not have themselves, with its value for every part."""
    known = {name for name, _ in shared.keys}
    return [(key, _typed([part.values[key] for part in parts])) for key in keys if key not in known]


def _typed(texts: Sequence[str | None]) -> "pa.Array[Any]":
    """Return whole numbers or days where every text is one, as it would be written again."""
    given = [text for text in texts if text is not None]
    if given and all(_INTEGER.fullmatch(text) for text in given):
        return pa.array([None if text is None else int(text) for text in texts], pa.int64())
    if given and all(_is_date(text) for text in given):
        return pa.array([None if text is None else date.fromisoformat(text) for text in texts], pa.date32())
    return pa.array(texts, pa.string())


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def with_nulls(columns: Sequence[SourceColumn], schema: pa.Schema) -> pa.Schema:
    """Return the schema in which columns without any value have no type, so that they go with every other."""
    fields = [
        item.with_type(pa.null()) if column.inferred == "empty" else item
        for column, item in zip(columns, schema, strict=True)
    ]
    return pa.schema(fields)


def moved(table: ExtractedTable, member: str | None, name: str, notes: Notes | None = None) -> ExtractedTable:
    """Return a table as one of a member of an archive."""
    findings = table.findings
    if notes is not None:
        findings.merge(notes)
    return replace(
        table,
        name=name,
        origin=table.origin.model_copy(update={"member": member}),
        batches=_moved_batches(table.batches, member, name, notes),
    )


def _moved_batches(
    batches: Iterator[pa.RecordBatch], member: str | None, name: str, notes: Notes | None
) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except RestartError as again:
        raise RestartError(moved(again.table, member, name, notes)) from again
