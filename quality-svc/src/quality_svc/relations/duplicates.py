"""Duplicate rows: counted exactly by 64-bit hashes of whole rows, never derived from a sketch."""

from collections.abc import Sequence
from typing import Final

from quality_svc.relations.document import DuplicateGroup, Duplicates, Key
from quality_svc.relations.hashing import Hashes, collision_probability, hash_rows, repeats_of, rows_of
from quality_svc.relations.source import Column, Table, quoted

GROUPS_SHOWN: Final = 10
ROWS_SHOWN: Final = 10


def find_duplicates(table: Table, keys: Sequence[Key]) -> tuple[Duplicates, ...]:
    """Count equal rows; where one column numbers or names the rows, also those equal beside it.

    A table with an automatic number in each row has no equal rows, whatever was entered twice.
    """
    compared = [column for column in table.columns if column.readable]
    if not compared or not table.row_count:
        table.skip("duplicates", "no column whose values can be compared", len(table.columns))
        return ()
    found = [_count(table, compared)]
    names = {key.columns[0] for key in keys if key.exact and len(key.columns) == 1 and key.plausible}
    beside = [column for column in compared if column.name not in names]
    if names and len(beside) > 1 and len(beside) < len(compared):
        found.append(_count(table, beside))
    return tuple(found)


def _count(table: Table, columns: Sequence[Column]) -> Duplicates:
    hashes = hash_rows(table, columns)
    repeats = repeats_of(hashes, GROUPS_SHOWN)
    surplus = table.row_count - repeats.distinct
    shown = {column.name for column in columns}
    return Duplicates(
        ignored=tuple(column.name for column in table.columns if column.name not in shown),
        rows=surplus,
        share=surplus / table.row_count,
        groups=repeats.groups,
        rows_in_groups=repeats.rows,
        largest=tuple(_group(hashes, *pair) for pair in repeats.largest),
        miscount_probability=collision_probability(repeats.distinct),
        query=_query(columns, len(table.columns)),
    )


def _group(hashes: Hashes, hash_: int, copies: int) -> DuplicateGroup:
    return DuplicateGroup(copies=copies, rows=rows_of(hashes, hash_, ROWS_SHOWN))


def _query(columns: Sequence[Column], width: int) -> str:
    shown = "*" if len(columns) == width else ", ".join(quoted(column.name) for column in columns)
    return f"SELECT {shown}, count(*) AS copies FROM data GROUP BY ALL HAVING count(*) > 1 ORDER BY copies DESC"
