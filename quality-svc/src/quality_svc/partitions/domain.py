"""Which assessments are split, what their jobs are called, and when all of one is done. Pure: no I/O."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from dataplatform.events.identity import assessment_id
from dataplatform.events.processing import RunCompleted, TableSummary

QUEUE: Final = "partitions"
SPLIT: Final = "partitions"
"""The field that a payload has beside the run: of an item what it is, of the assessment that merges where they are."""


def size_of(table: TableSummary) -> int:
    """Return the bytes of a table's parts."""
    return sum(part.size_bytes for part in table.parts)


def large_tables(run: RunCompleted, split_bytes: int) -> tuple[TableSummary, ...]:
    """Return the tables that are measured in items: those of more than `split_bytes`; 0 says that none is."""
    return tuple(table for table in run.tables if 0 < split_bytes < size_of(table))


def item_key(run: RunCompleted, table: int, number: int) -> str:
    """Return the name of the one job of an item."""
    return f"{assessment_id(run.run_id)}/{table}/{number}"


def merge_key(run: RunCompleted) -> str:
    """Return the name of the one job that merges."""
    return f"{assessment_id(run.run_id)}/merged"


def partial_key(run: RunCompleted, table: int, number: int, fence: int) -> str:
    """Return where an attempt at an item puts its partial profile; only that of the attempt that counted is read."""
    return f"{partials_prefix(run)}{table}/{number}/{fence}.parquet"


def partials_prefix(run: RunCompleted) -> str:
    """Return what the keys of all partial profiles of a run begin with."""
    return f"profiles/{run.dataset_id}/{run.run_id}/partials/"


def item_payload(run: RunCompleted, tables: Mapping[int, Sequence[Mapping[str, Any]]], table: int, number: int) -> Any:
    """Return what the job of an item has to know: the run, its own item, and how many items each table has."""
    counts = {str(index): len(items) for index, items in tables.items()}
    return run.to_data() | {SPLIT: {"table": table, "item": dict(tables[table][number]), "counts": counts}}


def item_keys(run: RunCompleted, counts: Mapping[str, int]) -> list[str]:
    """Return the names of the jobs of all items of a run."""
    return [item_key(run, int(table), number) for table, count in counts.items() for number in range(count)]


def merge_payload(run: RunCompleted, done: Mapping[str, tuple[int, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return what the merging assessment has to know: by table its items, and the key of each one's partial profile.

    `done`: fence and item of each finished job, by the job's name.
    """
    tables: dict[str, dict[str, list[Any]]] = {}
    for name in sorted(done, key=_place):
        fence, item = done[name]
        table, number = _place(name)
        entry = tables.setdefault(str(table), {"items": [], "keys": []})
        entry["items"].append(dict(item))
        entry["keys"].append(partial_key(run, table, number, fence))
    return run.to_data() | {SPLIT: {"tables": tables}}


def is_merge(payload: Mapping[str, Any]) -> bool:
    """Whether an assessment's payload brings the partial profiles of its large tables."""
    return SPLIT in payload


def assessment_of(run: RunCompleted) -> UUID:
    """Return the assessment that the items are of."""
    return assessment_id(run.run_id)


def _place(name: str) -> tuple[int, int]:
    _, table, number = name.split("/")
    return int(table), int(number)
