"""The process that runs one statement of a stranger; its task comes on standard input.

A process of its own, so that whatever the statement does to memory and time ends with it. Its DuckDB has the given
tables as views, may open their files and no others, and can be set no other way. The result goes to standard output
while it is made, as JSON lines, CSV or an Arrow stream; what went wrong to standard error as `{"code", "detail"}`, with
exit 3.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

import duckdb
import pyarrow as pa
from pyarrow import csv as arrow_csv

from catalog_svc.rows.connecting import Reach, connect, literal
from catalog_svc.rows.engine import ColumnType, paths
from catalog_svc.rows.exports import Pieces, csv_columns, csv_header, json_lines
from catalog_svc.rows.selection import quoted
from dataplatform.jobs.confinement import Limits, confine

BATCH_ROWS: Final = 10_000
FAILED: Final = 3


def run(task: dict[str, Any], out: IO[bytes]) -> None:
    """Run a task (`reach`, `views` with `schema`, `table`, `uris`, `sql`, `format`, `max_rows`), write its result."""
    connection = opened(Reach(**task["reach"]), task["views"])
    for piece in _WRITERS[task["format"]](connection, task["sql"], task["max_rows"]):
        out.write(piece)
        out.flush()


def opened(reach: Reach, views: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    """Return a connection that has the views and reaches nothing but their files."""
    connection = connect(reach)
    files = [path for view in views for path in paths(view["uris"])]
    connection.execute(f"SET allowed_paths = [{', '.join(map(literal, files))}]")
    connection.execute("SET enable_external_access = false")
    for view in views:
        schema = f"{quoted(view['schema'])}." if view["schema"] else ""
        if schema:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(view['schema'])}")
        listed = ", ".join(map(literal, paths(view["uris"])))
        connection.execute(f"CREATE VIEW {schema}{quoted(view['table'])} AS SELECT * FROM read_parquet([{listed}])")
    connection.execute("SET lock_configuration = true")
    return connection


def _batches(connection: duckdb.DuckDBPyConnection, sql: str, max_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the result up to `max_rows`, at least one batch, its columns named apart."""
    reader = connection.execute(sql).to_arrow_reader(BATCH_ROWS)
    names = unique(reader.schema.names)
    left, some = max_rows, False
    for batch in reader:
        yield batch.slice(0, left).rename_columns(names)
        left, some = left - batch.num_rows, True
        if left <= 0:
            return
    if not some:
        yield pa.RecordBatch.from_pylist([], reader.schema).rename_columns(names)


def unique(names: list[str]) -> list[str]:
    """Return the names with a number behind those that were there before: an object has each name once."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found if len(set(found)) == len(found) else [f"{name}_{number}" for number, name in enumerate(names)]


def _lines(connection: duckdb.DuckDBPyConnection, sql: str, max_rows: int) -> Iterator[bytes]:
    for batch in _batches(connection, sql, max_rows):
        yield "".join(f"{line}\n" for line in json_lines(batch)).encode()


def _csv(connection: duckdb.DuckDBPyConnection, sql: str, max_rows: int) -> Iterator[bytes]:
    described = connection.execute(f"DESCRIBE {sql}").fetchall()
    names = unique([row[0] for row in described])
    columns = [ColumnType(name, row[1]) for name, row in zip(names, described, strict=True)]
    yield csv_header(names, escape_formulas=True)
    aliases = ", ".join(map(quoted, names))
    listed = csv_columns(columns, escape_formulas=True)
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in _batches(connection, f"SELECT {listed} FROM ({sql}) AS t({aliases})", max_rows):
        sink = pa.BufferOutputStream()
        arrow_csv.write_csv(batch, sink, options)
        yield sink.getvalue().to_pybytes()


def _arrow(connection: duckdb.DuckDBPyConnection, sql: str, max_rows: int) -> Iterator[bytes]:
    sink, writer = Pieces(), None
    for batch in _batches(connection, sql, max_rows):
        if writer is None:
            writer = pa.ipc.new_stream(sink, batch.schema)
        writer.write_batch(batch)
        yield sink.take()
    if writer is not None:
        writer.close()
        yield sink.take()


_WRITERS: Final[dict[str, Callable[[duckdb.DuckDBPyConnection, str, int], Iterator[bytes]]]] = {
    "ndjson": _lines,
    "csv": _csv,
    "arrow": _arrow,
}


def code_of(error: Exception) -> str:
    """Return the stable code of what a statement ran into."""
    match error:
        case duckdb.OutOfMemoryException() | MemoryError():
            return "query_too_large"
        case duckdb.IOException() | duckdb.HTTPException():
            return "object_store_unavailable"
        case duckdb.PermissionException():
            return "sql_not_allowed"
        case duckdb.CatalogException() | duckdb.BinderException() | duckdb.ParserException():
            return "invalid_sql"
    return "query_failed"


def main() -> None:
    """Read the task, give up what the process does not need, run it."""
    task = json.load(sys.stdin)
    confine(Limits(**task["limits"]), task["parent"], network=task["reach"]["s3"] is not None)
    try:
        run(task, sys.stdout.buffer)
    except (duckdb.Error, MemoryError, pa.ArrowException) as error:
        json.dump({"code": code_of(error), "detail": str(error).partition("\n")[0][:500]}, sys.stderr)
        sys.stderr.flush()
        os._exit(FAILED)
    except BrokenPipeError:
        os._exit(0)  # who asked has gone


if __name__ == "__main__":
    main()
