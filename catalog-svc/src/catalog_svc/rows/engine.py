"""DuckDB over the Parquet of the object store: one engine in a process, a cursor for each query.

DuckDB and pyarrow are imported at the first query, so that a process which serves none pays nothing for them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from catalog_svc.objects import unavailable
from catalog_svc.rows.connecting import connect, reach_of
from catalog_svc.settings import CatalogSettings
from dataplatform.problems import Problem

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

T = TypeVar("T")
_GLOB: Final = frozenset("*?[]{}")
_GONE: Final = ("No files found", "(HTTP 404)", "No such file")
BATCH_ROWS: Final = 20_000
BATCH_CELLS: Final = 400_000


@dataclass(frozen=True)
class ColumnType:
    """A column as DuckDB reads it."""

    name: str
    type: str


class Engine:
    """Runs read-only queries over Parquet files given by URI."""

    def __init__(self, settings: CatalogSettings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._root: duckdb.DuckDBPyConnection | None = None

    async def run(self, sql: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return names and rows of a result that is small; raises problems for a timeout or a store that is away."""
        cursor = await asyncio.to_thread(self._cursor)

        def fetch() -> tuple[list[str], list[tuple[Any, ...]]]:
            # by way of Arrow: DuckDB's own conversion of times with a zone needs one more package
            found = cursor.execute(sql, parameters).to_arrow_table()
            return found.column_names, list(zip(*map(_values, found.columns), strict=True))

        try:
            return await self._guarded(cursor, fetch)
        finally:
            cursor.close()

    async def batches(self, sql: str, parameters: Sequence[Any], column_count: int) -> AsyncIterator["pa.RecordBatch"]:
        """Yield a result of any size in record batches of bounded size; the query stops when the reader does.

        A result without rows is one batch without rows, which has its schema.
        """
        cursor = await asyncio.to_thread(self._cursor)
        size = max(1, min(BATCH_ROWS, BATCH_CELLS // max(1, column_count)))
        try:
            reader = await self._guarded(cursor, lambda: cursor.execute(sql, parameters).to_arrow_reader(size))
            batch = await self._guarded(cursor, lambda: next(reader, None))
            yield batch if batch is not None else _without_rows(reader.schema)
            while batch is not None and (batch := await self._guarded(cursor, lambda: next(reader, None))) is not None:
                yield batch
        finally:
            cursor.interrupt()
            await asyncio.to_thread(cursor.close)

    async def columns(self, uris: Sequence[str]) -> list[ColumnType]:
        """Return the columns of a table in their order."""
        _, rows = await self.run("DESCRIBE SELECT * FROM read_parquet(?)", [paths(uris)])
        return [ColumnType(row[0], row[1]) for row in rows]

    def close(self) -> None:
        """Free what DuckDB holds."""
        with self._lock:
            if self._root is not None:
                self._root.close()
                self._root = None

    async def _guarded(self, cursor: "duckdb.DuckDBPyConnection", work: Callable[[], T]) -> T:
        import duckdb  # noqa: PLC0415 - see the module's docstring

        running = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.wait_for(asyncio.shield(running), self._settings.query_timeout_seconds)
        except TimeoutError:
            raise Problem("query_timed_out", "Query timed out", 503, "the table took too long to read") from None
        except duckdb.OutOfMemoryException as error:
            raise Problem("query_too_large", "Query too large", 503, "the rows do not fit into memory") from error
        except (duckdb.IOException, duckdb.HTTPException) as error:
            if any(words in str(error) for words in _GONE):
                raise Problem("object_gone", "Object gone", 404, "the table's files are not stored any more") from error
            raise unavailable("object_store_unavailable", "the table's files could not be read") from error
        except (duckdb.DataError, duckdb.InvalidInputException) as error:
            # for example a sum that overflows, or a regular expression that is none: the caller may see the table
            raise Problem("query_failed", "Query failed", 422, str(error).partition("\n")[0][:500]) from error
        finally:
            if not running.done():
                # the thread must have let go of the cursor before anybody closes it
                cursor.interrupt()
                await asyncio.wait([running])
                running.exception()

    def _cursor(self) -> "duckdb.DuckDBPyConnection":
        with self._lock:
            if self._root is None:
                self._root = connect(reach_of(self._settings))
                self._root.execute("SET lock_configuration = true")
            return self._root.cursor()


def paths(uris: Sequence[str]) -> list[str]:
    """Return what DuckDB calls these files: `file:///a` is `/a`. No name may be a pattern."""
    if any(_GLOB & set(uri) for uri in uris):
        raise Problem("invalid_object_key", "Invalid object key", 500, "a part's name looks like a pattern")
    return [urlsplit(uri).path if uri.startswith("file:") else uri for uri in uris]


def _without_rows(schema: "pa.Schema") -> "pa.RecordBatch":
    import pyarrow as pa  # noqa: PLC0415

    return pa.RecordBatch.from_pylist([], schema)


def _values(column: "pa.ChunkedArray[Any]") -> list[Any]:
    # Python's times have no nanoseconds; as text they keep them
    found: Any = column
    if getattr(found.type, "unit", "") == "ns":
        return list(found.cast("string").to_pylist())
    if getattr(found.type, "scale", None) == 0:
        # whole numbers of more than 64 bits, sums of integers among them
        return [None if value is None else int(value) for value in found.to_pylist()]
    return list(found.to_pylist())
