"""The pure work of partitions, as the sandbox runs it: JSON in, JSON or a file out. No credentials, no network.

`profiler_of` is what an assessment asks for the profile of a table, whether it was measured in items or not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.engine import EngineLimits
from quality_svc.partitions.items import WorkItem, cut
from quality_svc.partitions.merging import MergedProfiler
from quality_svc.partitions.scanning import scan
from quality_svc.profile.table import TableProfiler, UnreadableTableError


def cut_tables(argument: dict[str, Any]) -> dict[str, Any]:
    """Cut tables into items: in `tables` (a list of lists of files, footers suffice) and `item_bytes`; out `tables`.

    Raises `UnreadableTableError`.
    """
    try:
        footers = [[pq.read_metadata(part) for part in parts] for parts in argument["tables"]]
    except (pa.ArrowException, OSError) as error:
        raise UnreadableTableError(str(error).partition("\n")[0][:500]) from error
    return {"tables": [[item.to_json() for item in cut(table, argument["item_bytes"])] for table in footers]}


def scan_item(argument: dict[str, Any]) -> dict[str, Any]:
    """Measure an item: in `parts`, `item`, `out` (the file to write), `memory_bytes`, `threads`, `scratch`; out `rows`.

    Raises `UnreadableTableError` and `TableTooLargeError`.
    """
    limits = EngineLimits(argument["memory_bytes"], argument["threads"], Path(argument["scratch"]))
    item = WorkItem.from_json(argument["item"])
    return {"rows": scan(tuple(map(Path, argument["parts"])), item, limits, Path(argument["out"]))}


def profiler_of(
    parts: Sequence[Path], limits: EngineLimits, partials: Mapping[str, Any] | None = None
) -> TableProfiler | MergedProfiler:
    """Return the profiler of a table; with `partials` (`items`, and `files` in their order) one that merges them.

    Raises `UnreadableTableError` and `PartialsMissingError`.
    """
    if partials is None:
        return TableProfiler(parts, limits)
    items = [WorkItem.from_json(item) for item in partials["items"]]
    files = {item.number: Path(file) for item, file in zip(items, partials["files"], strict=True)}
    return MergedProfiler(parts, items, files)
