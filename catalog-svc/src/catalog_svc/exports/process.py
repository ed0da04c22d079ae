"""The process that makes one file; its task comes on standard input, how far it is goes to standard output.

A process of its own, so that memory and time of a large export end with it, whatever it is. It has the table's files
and no others, and none of the platform's secrets but the object store's. What went wrong goes to standard error as
`{"code", "detail"}`, with exit 3.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from catalog_svc.rows import exports, selection, workbook
from catalog_svc.rows.compression import compressed
from catalog_svc.rows.connecting import Reach, connect, literal
from catalog_svc.rows.engine import Engine, paths
from catalog_svc.rows.language import from_parameters
from catalog_svc.settings import CatalogSettings
from dataplatform.jobs.confinement import Limits, confine
from dataplatform.problems import Problem

if TYPE_CHECKING:
    import pyarrow as pa

FAILED: Final = 3
MAX_CELLS: Final = 50_000_000
"""Of a workbook that nobody waits for with an open connection."""
_TELL_SECONDS: Final = 0.5


class Counting(Engine):
    """An engine that reaches certain files only, and tells how many rows have passed."""

    def __init__(self, reach: Reach, files: Sequence[str], seconds: float) -> None:
        super().__init__(CatalogSettings.model_construct(query_timeout_seconds=int(seconds) + 1))
        self._root = connect(reach)
        self._root.execute(f"SET allowed_paths = [{', '.join(map(literal, files))}]")
        self._root.execute("SET enable_external_access = false")
        self._root.execute("SET lock_configuration = true")
        self.rows = 0
        self._told = 0.0

    async def batches(self, sql: str, parameters: Sequence[Any], column_count: int) -> AsyncIterator["pa.RecordBatch"]:
        """Yield what `Engine.batches` does, counted."""
        async for batch in super().batches(sql, parameters, column_count):
            yield batch
            self.rows += batch.num_rows
            if time.monotonic() - self._told > _TELL_SECONDS:
                self._told = time.monotonic()
                tell({"rows": self.rows})


def tell(what: Mapping[str, Any]) -> None:
    """Say how far it is."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def make(task: Mapping[str, Any]) -> int:
    """Make the file of a task; return how many rows it has. Raises problems."""
    files = paths(task["uris"])
    engine = Counting(Reach(**task["reach"]), files, task["limits"]["wall_seconds"])
    asked = from_parameters(task["parameters"], frozenset())
    chosen = selection.choose(asked, await engine.columns(task["uris"]), task["table_id"])
    query = selection.whole(chosen, files)
    types = [chosen.columns.listed[position].type for position in chosen.positions]
    made = await _pieces(engine, chosen, exports.Result(query, types), task)
    with Path(task["path"]).open("wb") as file:  # noqa: ASYNC230 - nothing else is on this loop
        async for piece in compressed(made, task["compression"]):
            file.write(piece)
    return engine.rows


async def _pieces(
    engine: Counting, chosen: selection.Chosen, result: exports.Result, task: Mapping[str, Any]
) -> AsyncIterator[bytes]:
    match task["format"]:
        case "csv":
            return exports.csv(engine, result, escape_formulas=task["escape_formulas"])
        case "xlsx":
            counted = selection.count(chosen, paths(task["uris"]))
            _, ((rows,),) = await engine.run(counted.sql, counted.parameters)
            scratch = Path(task["path"]).parent
            return workbook.xlsx(
                engine, result.query, task["title"], row_count=rows, scratch=scratch, max_cells=MAX_CELLS
            )
    streams = {"json": exports.array, "ndjson": exports.ndjson, "parquet": exports.parquet, "arrow": exports.arrow}
    return streams[task["format"]](engine, result)


def main() -> None:
    """Read the task, give up what the process does not need, make the file."""
    task = json.load(sys.stdin)
    confine(Limits(**task["limits"]), task["parent"], network=task["reach"]["s3"] is not None)
    try:
        tell({"done": asyncio.run(make(task))})
    except Problem as problem:
        _fail(problem.code, problem.detail or problem.title)
    except duckdb.OutOfMemoryException:
        _fail("query_too_large", "the rows do not fit into memory")
    except MemoryError:
        _fail("query_too_large", "the rows do not fit into memory")


def _fail(code: str, detail: str) -> None:
    json.dump({"code": code, "detail": detail[:500]}, sys.stderr)
    sys.stderr.flush()
    os._exit(FAILED)


if __name__ == "__main__":
    main()
