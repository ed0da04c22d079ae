"""Delimited text: any encoding, any dialect. Clean files are read by DuckDB, broken ones are repaired first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa

from processing_svc.handlers.interface import (
    Casts,
    Extracted,
    ExtractedTable,
    HandlerError,
    Notes,
    Origin,
    Original,
    RestartError,
)
from processing_svc.kinds import Reading
from processing_svc.overrides import overridden_columns
from processing_svc.text.dialect import Dialect, find_dialect
from processing_svc.text.duck import connect
from processing_svc.text.encoding import as_utf8, detect, has_nul, transcode
from processing_svc.text.quick import MisfitError
from processing_svc.text.repair import repair
from processing_svc.text.typing import TextRelation, columns_of, note_readings, source_columns, typed
from processing_svc.text.wide import WIDE_COLUMNS, WideText
from processing_svc.unpack import unpacked

LARGE_BYTES = 4 * 1024 * 1024
"""From here on a sample of many rows is worth its time: a wrong proposal costs a second read of a long file."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """One way to read the file: `clean` is false once it was rewritten, `whole` once a proposal failed."""

    original: Original
    path: Path
    dialect: Dialect
    encoding: str
    repairs: Notes
    clean: bool = True
    whole: bool = False


class CsvHandler:
    """CSV, TSV and their kin."""

    name = "csv"
    version = "1"
    formats = frozenset({"csv"})

    def extract(self, original: Original) -> Iterable[Extracted]:
        """Yield the one table of the file."""
        plain = unpacked(original)
        if _is_blank(plain):
            raise HandlerError("empty_file", "the file holds no text")
        with connect(original.scratch, original.budget.memory_bytes) as connection:
            yield _first(connection, original, plain)


def _first(connection: duckdb.DuckDBPyConnection, original: Original, plain: Path) -> ExtractedTable:
    repairs = Notes()
    path, encoding = as_utf8(plain, original.encoding, original.scratch, repairs)
    dialect = find_dialect(connection, path)
    if dialect.width > original.budget.columns:
        raise HandlerError("too_many_columns", f"the table has {dialect.width} columns")
    plan = _Plan(original, path, dialect, encoding, repairs)
    return _repaired(connection, plan, path) if has_nul(path) else _table(connection, plan)


def _is_blank(path: Path) -> bool:
    with path.open("rb") as file:
        while chunk := file.read(1 << 16):
            if chunk.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
                return False
    return True


def _table(connection: duckdb.DuckDBPyConnection, plan: _Plan) -> ExtractedTable:
    if plan.dialect.width > WIDE_COLUMNS:
        return _wide_table(connection, plan)
    relation = TextRelation(connection, plan.dialect.read_csv(plan.path), plan.dialect.width)
    sampled = plan.path.stat().st_size > LARGE_BYTES
    try:
        verbatim = overridden_columns(plan.dialect.names, plan.original.options)
        read = typed(relation, sampled=sampled, whole=plan.whole, names=plan.dialect.names, verbatim=verbatim)
    except (duckdb.Error, pa.ArrowException, MisfitError) as error:
        return _again(connection, plan, error)
    return ExtractedTable(
        name=plan.original.name,
        origin=Origin(kind="file"),
        columns=source_columns(plan.dialect.names, read),
        schema=read.schema,
        batches=_or_again(connection, plan, read.batches()),
        findings=_findings(plan, read.readings),
        repairs=plan.repairs,
    )


def _wide_table(connection: duckdb.DuckDBPyConnection, plan: _Plan) -> ExtractedTable:
    target = plan.original.scratch / f"wide-{plan.clean:d}{plan.whole:d}.arrow"
    try:
        text = WideText.spool(connection, plan.path, plan.dialect, target)
        verbatim = overridden_columns(plan.dialect.names, plan.original.options)
        readings = text.readings(whole=plan.whole, names=plan.dialect.names, verbatim=verbatim)
        casts = [Casts() for _ in readings]
        batches = text.batches(readings, casts, exact=plan.whole)
        first = next(batches)
    except (pa.ArrowException, duckdb.Error, MisfitError) as error:
        return _again(connection, plan, error)
    return ExtractedTable(
        name=plan.original.name,
        origin=Origin(kind="file"),
        columns=columns_of(plan.dialect.names, readings, casts),
        schema=first.schema,
        batches=_or_again(connection, plan, chain([first], batches)),
        findings=_findings(plan, readings),
        repairs=plan.repairs,
    )


def _or_again(
    connection: duckdb.DuckDBPyConnection, plan: _Plan, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except (MisfitError, duckdb.Error, pa.ArrowException, OSError) as error:
        raise RestartError(_again(connection, plan, error)) from error


def _again(connection: duckdb.DuckDBPyConnection, plan: _Plan, error: Exception) -> ExtractedTable:
    """Return the table read in the next more careful way; raises `HandlerError` when there is none left."""
    original = plan.original
    if isinstance(error, MisfitError) and not plan.whole:
        return _table(connection, _Plan(original, plan.path, plan.dialect, plan.encoding, plan.repairs,
                                        clean=plan.clean, whole=True))  # fmt: skip
    if isinstance(error, duckdb.OutOfMemoryException):
        raise HandlerError("memory_limit_exceeded", "the file's lines are too long to be read in bounds") from error
    if not plan.clean:
        # the library's words would quote the line
        raise HandlerError("corrupt_file", "the text could not be read as a table") from error
    words = str(error).lower()
    if "unicode" not in words and "utf-8" not in words:
        return _repaired(connection, plan, plan.path)
    decoded = original.scratch / "decoded.txt"
    transcode(plan.path, _later_encoding(plan.path), decoded, plan.repairs)
    return _repaired(connection, plan, decoded)


def _repaired(connection: duckdb.DuckDBPyConnection, plan: _Plan, source: Path) -> ExtractedTable:
    target = plan.original.scratch / "repaired.csv"
    dialect = repair(source, plan.dialect, target, plan.repairs)
    return _table(connection, _Plan(plan.original, target, dialect, plan.encoding, plan.repairs, clean=False))


def _later_encoding(path: Path) -> str:
    """Name the encoding of a file whose beginning looks like UTF-8 and whose rest is not."""
    found = detect(path)
    return "utf-8" if found.startswith("utf-8") else found


def _findings(plan: _Plan, readings: Sequence[Reading]) -> Notes:
    findings = Notes()
    dialect = plan.dialect
    findings.add("encoding", f"read as {plan.encoding}")
    findings.add("dialect", f"delimiter {dialect.delimiter!r}, quote {dialect.quote!r}, escape {dialect.escape!r}")
    if dialect.skip:
        findings.add("preamble", f"{dialect.skip} lines before the table are no part of it", f"lines 1-{dialect.skip}")
    if not dialect.header and plan.clean:
        findings.add("no_header", "the first record holds values; the columns are numbered")
    note_readings(findings, readings)
    return findings
