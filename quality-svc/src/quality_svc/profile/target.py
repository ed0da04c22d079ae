"""The profile of some tables by themselves, as the sandbox runs it: Parquet files in, a `ProfileDocument` on disk."""

from pathlib import Path
from typing import Any

import duckdb

from dataplatform.engine import EngineLimits
from dataplatform.jobs.progress import TablesProgress
from quality_svc.profile.document import Engine
from quality_svc.profile.table import TableProfiler
from quality_svc.profile.writing import DocumentWriter
from quality_svc.scores import WEIGHTS_VERSION


def profile(argument: dict[str, Any]) -> dict[str, Any]:
    """Profile the tables that `argument` names, without measures; a sandbox's target, JSON in and JSON out.

    In: `tables` (`index`, `name`, `parts`), `document` (the file to write), `memory_bytes`, `threads`, `scratch`. Out:
    `tables` (`index`, `row_count`). Raises `UnreadableTableError` and `TableTooLargeError`.
    """
    limits = EngineLimits(argument["memory_bytes"], argument["threads"], Path(argument["scratch"]))
    progress, rows = TablesProgress(), []
    engine = Engine(name="duckdb", version=duckdb.__version__)
    with DocumentWriter(Path(argument["document"]), engine=engine) as document:
        for table in argument["tables"]:
            progress.begin(table["name"])
            profiler = TableProfiler(tuple(map(Path, table["parts"])), limits)
            writer = document.table(
                index=table["index"],
                name=table["name"],
                row_count=profiler.row_count,
                column_count=profiler.column_count,
            )
            for column in profiler.columns():
                writer.column(column)
            writer.conclude([])
            progress.advance(profiler.row_count, sum(Path(part).stat().st_size for part in table["parts"]))
            progress.end(kept=True)
            rows.append({"index": table["index"], "row_count": profiler.row_count})
        document.conclude([], None, WEIGHTS_VERSION)
    return {"tables": rows}
