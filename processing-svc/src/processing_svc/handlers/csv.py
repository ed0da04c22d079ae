"""Delimited text: any encoding, any dialect. Clean files are read by DuckDB as they are, others are rewritten first."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from processing_svc.handlers.interface import (
    Casts,
    Extracted,
    ExtractedTable,
    FileFacts,
    HandlerError,
    Notes,
    Origin,
    Original,
    RestartError,
    Unextracted,
)
from processing_svc.kinds import Reading
from processing_svc.overrides import overridden_columns
from processing_svc.text.clean import Clean, clean_beginning, clean_throughout
from processing_svc.text.dialect import Dialect
from processing_svc.text.duck import connect
from processing_svc.text.encoding import Utf8Text, as_utf8, is_utf8_throughout, mended_lines
from processing_svc.text.prose import is_list_of_words, why_no_table
from processing_svc.text.quick import MisfitError
from processing_svc.text.scanning import LINE_BYTES, LineReader
from processing_svc.text.sniff import Sniffed, sniff
from processing_svc.text.splitting import Format, Record
from processing_svc.text.tables import CleanTable, read_tables
from processing_svc.text.typing import TextRelation, columns_of, note_readings, source_columns, typed
from processing_svc.text.wide import WIDE_COLUMNS, WideText
from processing_svc.unpack import unpacked

LARGE_BYTES: Final = 4 * 1024 * 1024
"""From here on a sample of many rows is worth its time: a wrong proposal costs a second read of a long file."""
SAMPLE_BYTES: Final = 1 << 18
_REWRITING: Final = 0.6
"""How much of the work on a text that is not clean its rewriting is."""
_NOWHERE: Final = "\x1c"
"""The delimiter of lists whose lines are one value each, whatever stands in them."""
_TOO_LONG: Final = f"the line has more than {LINE_BYTES} bytes"
_BY_LINE_CONFIDENCE: Final = 0.6


@dataclass(slots=True)
class _Text:
    """The text to read, how it is read, and what is noted about all of it."""

    original: Original
    connection: duckdb.DuckDBPyConnection
    text: Utf8Text
    sniffed: Sniffed
    repairs: Notes = field(default_factory=Notes)

    @property
    def form(self) -> Format:
        """The format of the records."""
        return self.sniffed.form


@dataclass(frozen=True, slots=True)
class _Plan:
    """One way to read one table: `whole` once a proposal of types failed."""

    path: Path
    dialect: Dialect
    name: str
    origin: Origin
    header_rows: tuple[int, ...]
    findings: Notes
    repairs: Notes
    clean: bool
    whole: bool = False
    rows: int | None = None
    """How many rows there must be, where that is known."""


class CsvHandler:
    """CSV, TSV and their kin."""

    name = "csv"
    version = "3"
    formats = frozenset({"csv"})

    def extract(self, original: Original) -> Iterable[Extracted]:
        """Yield every table of the file, from top to bottom."""
        plain = unpacked(original)
        if _is_blank(plain):
            raise HandlerError("empty_file", "the file holds no text")
        with connect(original.scratch, original.budget.memory_bytes) as connection:
            yield from _extracted(original, connection, plain)


def _extracted(original: Original, connection: duckdb.DuckDBPyConnection, plain: Path) -> Iterator[Extracted]:
    repairs = Notes()
    text = as_utf8(plain, original.options.encoding or original.encoding, original.scratch, repairs)
    if text.path == plain and text.path.stat().st_size <= LARGE_BYTES:
        text = _throughout(text, original.scratch, repairs)
    sample = _sample(text.path)
    sniffed = sniff(sample, original.options.delimiter, original.options.quote)
    if original.options.delimiter is None and not sniffed.skip and is_list_of_words(sample, sniffed.form):
        sniffed = replace(sniffed, form=replace(sniffed.form, delimiter=_NOWHERE, runs=False))
    whole = _Text(original, connection, text, sniffed, repairs)
    yield _facts(whole)
    _refuse_other_texts(whole, sample)
    clean = clean_beginning(text.path, sniffed, original.options.header_row)
    clean = clean and clean_throughout(text.path, clean)
    if clean is None:
        yield from _rewritten(whole)
        return
    if clean.width > original.budget.columns:
        raise HandlerError("too_many_columns", f"the table has {clean.width} columns")
    rest: list[Iterator[Extracted]] = []
    yield _direct(whole, clean, rest)
    for others in rest:
        yield from others


def _refuse_other_texts(whole: _Text, sample: Sequence[str]) -> None:
    """Raise `HandlerError` for text that is no table, unless a person, or the text itself, says how it is one."""
    options = whole.original.options
    if whole.sniffed.skip or options.delimiter is not None or options.header_row is not None:
        return
    what = why_no_table(sample, whole.form)
    if what is not None:
        raise HandlerError("no_tables", f"this reads like {what}, not like a table; name a delimiter if it is one")


def _throughout(text: Utf8Text, scratch: Path, repairs: Notes) -> Utf8Text:
    """Return a text that is UTF-8 to its end."""
    if is_utf8_throughout(text.path):
        return text
    target = scratch / "lines.txt"
    other = mended_lines(text.path, target, repairs)
    return Utf8Text(target, f"{text.encoding}, {other}", min(text.confidence, _BY_LINE_CONFIDENCE))


def _facts(whole: _Text) -> FileFacts:
    form = whole.form
    dialect: dict[str, Any] = {
        "delimiter": form.delimiter.strip(_NOWHERE) or None, "quote": form.quote or None, "escape": form.escape or None,
        "confidence": whole.sniffed.confidence,
    }  # fmt: skip
    if form.cuts:
        dialect["fixed_width"] = list(form.cuts)
    if form.runs:
        dialect["repeated_delimiter"] = True
    return FileFacts(whole.text.encoding, whole.text.confidence, dialect)


def _sample(path: Path) -> list[str]:
    """Return the first lines of a file without their ends, all complete."""
    with path.open("rb") as file:
        data = file.read(SAMPLE_BYTES)
        while len(data) < LINE_BYTES and b"\n" not in data and b"\r" not in data and (more := file.read(SAMPLE_BYTES)):
            data += more
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").replace("\0", "")
    lines = text.replace("\r\n", "\n")
    if lines.count("\r") > lines.count("\n"):
        lines = lines.replace("\r", "\n")
    found = lines.split("\n")
    return found[:-1] if len(found) > 1 and (len(data) >= SAMPLE_BYTES or not found[-1]) else found


def _is_blank(path: Path) -> bool:
    with path.open("rb") as file:
        while chunk := file.read(1 << 16):
            if chunk.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
                return False
    return True


def _direct(whole: _Text, clean: Clean, rest: list[Iterator[Extracted]]) -> ExtractedTable:
    """Return the table of a clean file as it is; where that fails, of the rewritten one, with others in `rest`."""
    findings = _findings(whole, whole.form)
    if not clean.layout.has_header:
        _note_no_header(findings)
    header = _header_rows(clean.layout.header)
    name, origin = whole.original.name, Origin(kind="file")
    plan = _Plan(
        whole.text.path, clean.dialect, name, origin, header, findings, whole.repairs, clean=True, rows=clean.rows
    )
    return _table(whole, plan, rest)


def _rewritten(whole: _Text) -> Iterator[Extracted]:
    """Yield every table of a text that is not clean."""
    original, options = whole.original, whole.original.options
    whole.text = _throughout(whole.text, original.scratch, whole.repairs)
    notes = Notes()
    count = 0
    with closing(LineReader(whole.text.path, whole.form, notes)) as reader:
        tables = read_tables(
            reader,
            original.scratch,
            header_row=options.header_row,
            skip=whole.sniffed.skip,
            most_columns=original.budget.columns,
            one_format=options.delimiter is not None or bool(whole.sniffed.skip),
            on_read=lambda share: original.on_read(_REWRITING * share),
        )
        for table in tables:
            count += 1
            if count > original.budget.tables:
                raise HandlerError("too_many_tables", f"the file holds more than {original.budget.tables} tables")
            if reader.too_long and table.is_last and count == 1 and not table.rows:
                raise HandlerError("line_too_long", _TOO_LONG)
            yield _table(whole, _plan(whole, table, count, notes), [])
            table.path.unlink(missing_ok=True)
        yield from _too_long(reader, count)
    if count == 0 and not reader.too_long:
        raise HandlerError("empty_file", "the file holds no text")


def _too_long(reader: LineReader, tables: int) -> Iterator[Unextracted]:
    if reader.too_long and not tables:
        raise HandlerError("line_too_long", _TOO_LONG)
    for number in reader.too_long:
        origin = Origin(kind="lines", first=number, last=number)
        yield Unextracted(origin=origin, reason_code="line_too_long", detail=_TOO_LONG)


def _plan(whole: _Text, table: CleanTable, count: int, notes: Notes) -> _Plan:
    layout = table.layout
    findings, repairs = _findings(whole, table.source), Notes()
    findings.merge(table.findings)
    if not layout.has_header:
        _note_no_header(findings)
    if count == 1:
        repairs.merge(whole.repairs)
    repairs.merge(notes)
    notes.counts.clear()
    notes.listed.clear()
    repairs.merge(table.repairs)
    alone = count == 1 and table.is_last
    origin = (
        Origin(kind="file")
        if alone
        else Origin(kind="lines", first=layout.first, last=max(table.last_line, layout.body - 1))
    )
    drop = table.drop_last and layout.width <= WIDE_COLUMNS
    names = layout.names[:-1] if drop else layout.names
    dialect = Dialect(table.form, names, longest=table.longest, drop_last=drop)
    name = whole.original.name if count == 1 else f"{whole.original.name}_{count}"
    return _Plan(table.path, dialect, name, origin, _header_rows(layout.header), findings, repairs, clean=False)


def _header_rows(header: Sequence[Record]) -> tuple[int, ...]:
    return tuple(record.first for record in header)


def _note_no_header(findings: Notes) -> None:
    findings.add("no_header", "the first record holds values; the columns are numbered")


def _findings(whole: _Text, form: Format) -> Notes:
    findings = Notes()
    findings.add("encoding", f"read as {whole.text.encoding}")
    if form.cuts:
        findings.add("dialect", f"fixed widths: columns begin at {', '.join(str(cut + 1) for cut in form.cuts)}")
    elif form.delimiter == _NOWHERE:
        findings.add("dialect", "no delimiter: every line is one entry of a list")
    else:
        repeated = ", any number of them is one" if form.runs else ""
        findings.add("dialect", f"delimiter {form.delimiter!r}{repeated}, quote {form.quote!r}, escape {form.escape!r}")
    return findings


def _table(whole: _Text, plan: _Plan, rest: list[Iterator[Extracted]]) -> ExtractedTable:
    if plan.dialect.width > WIDE_COLUMNS:
        return _wide_table(whole, plan, rest)
    relation = TextRelation(whole.connection, plan.dialect.read_csv(plan.path), plan.dialect.width)
    sampled = plan.path.stat().st_size > LARGE_BYTES
    try:
        verbatim = overridden_columns(plan.dialect.names, whole.original.options)
        read = typed(relation, sampled=sampled, whole=plan.whole, names=plan.dialect.names, verbatim=verbatim)
    except (duckdb.Error, pa.ArrowException, MisfitError) as error:
        return _again(whole, plan, error, rest)
    note_readings(plan.findings, read.readings)
    return ExtractedTable(
        name=plan.name,
        origin=plan.origin,
        columns=source_columns(plan.dialect.names, read),
        schema=read.schema,
        batches=_or_again(whole, plan, read.batches(), rest),
        findings=plan.findings,
        repairs=plan.repairs,
        header_rows=plan.header_rows,
    )


def _wide_table(whole: _Text, plan: _Plan, rest: list[Iterator[Extracted]]) -> ExtractedTable:
    target = whole.original.scratch / f"wide-{plan.clean:d}{plan.whole:d}.arrow"
    try:
        text = WideText.spool(whole.connection, plan.path, plan.dialect, target)
        verbatim = overridden_columns(plan.dialect.names, whole.original.options)
        readings: list[Reading] = text.readings(whole=plan.whole, names=plan.dialect.names, verbatim=verbatim)
        casts = [Casts() for _ in readings]
        batches = text.batches(readings, casts, exact=plan.whole)
        first = next(batches)
    except (pa.ArrowException, duckdb.Error, MisfitError) as error:
        return _again(whole, plan, error, rest)
    note_readings(plan.findings, readings)
    return ExtractedTable(
        name=plan.name,
        origin=plan.origin,
        columns=columns_of(plan.dialect.names, readings, casts),
        schema=first.schema,
        batches=_or_again(whole, plan, chain([first], batches), rest),
        findings=plan.findings,
        repairs=plan.repairs,
        header_rows=plan.header_rows,
    )


def _or_again(
    whole: _Text, plan: _Plan, batches: Iterator[pa.RecordBatch], rest: list[Iterator[Extracted]]
) -> Iterator[pa.RecordBatch]:
    rows, expected = 0, plan.rows or _expected_rows(plan)
    try:
        for batch in batches:
            rows += batch.num_rows
            if expected and plan.origin.kind == "file":
                share = min(rows / expected, 1.0)
                whole.original.on_read(share if plan.clean else _REWRITING + (1 - _REWRITING) * share)
            yield batch
        if plan.rows not in (None, rows):
            raise pa.ArrowInvalid(f"{rows} rows of {plan.rows} were read")
    except (MisfitError, duckdb.Error, pa.ArrowException, OSError) as error:
        raise RestartError(_again(whole, plan, error, rest)) from error


def _expected_rows(plan: _Plan) -> float:
    """Return about how many rows a clean text has, by the lines of its beginning, where quotes may hide line ends."""
    with plan.path.open("rb") as file:
        beginning = file.read(SAMPLE_BYTES)
    return beginning.count(b"\n") * plan.path.stat().st_size / max(len(beginning), 1)


def _again(whole: _Text, plan: _Plan, error: Exception, rest: list[Iterator[Extracted]]) -> ExtractedTable:
    """Return the table read in the next more careful way; raises `HandlerError` when there is none left."""
    if isinstance(error, MisfitError) and not plan.whole:
        return _table(whole, replace(plan, whole=True, findings=_without_readings(plan)), rest)
    if isinstance(error, duckdb.OutOfMemoryException):
        raise HandlerError("memory_limit_exceeded", "the file's lines are too long to be read in bounds") from error
    if not plan.clean:
        # the library's words would quote the line
        raise HandlerError("corrupt_file", "the text could not be read as a table") from error
    others = _rewritten(whole)
    first = next(others)
    rest.append(others)
    if not isinstance(first, ExtractedTable):
        raise HandlerError("corrupt_file", "the text could not be read as a table") from error
    return first


def _without_readings(plan: _Plan) -> Notes:
    """Return the findings without what a reading that failed said of columns."""
    kept = Notes()
    for remark in plan.findings.listed:
        if not (remark.position or "").startswith("column "):
            kept.add(remark.kind, remark.detail, remark.position, plan.findings.counts[remark.kind])
    return kept
