"""The entry: every search over one table, in order, each within its limits."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from dataplatform.engine import EngineLimits, open_engine
from quality_svc.profile.document import ColumnProfile
from quality_svc.profile.table import TableTooLargeError, UnreadableTableError
from quality_svc.relations.correlations import find_correlations
from quality_svc.relations.coverage import find_coverage
from quality_svc.relations.dependencies import find_dependencies
from quality_svc.relations.document import Relations
from quality_svc.relations.duplicates import find_duplicates
from quality_svc.relations.keys import find_keys
from quality_svc.relations.missingness import find_missingness
from quality_svc.relations.sample import draw
from quality_svc.relations.source import Table


def find_relations(
    parts: Sequence[Path], limits: EngineLimits, profiles: Sequence[ColumnProfile], *, seed: int
) -> Relations:
    """Return the facts about a table as a whole; `profiles` are those of its columns, all of them, in order.

    Beside DuckDB's memory (`limits`) it takes some 300 MB at most, and 8 bytes a row of `limits.scratch`. The same
    table and `seed` give the same document. Raises `UnreadableTableError` and `TableTooLargeError`.
    """
    try:
        with (
            open_engine(limits, apart=True) as connection,
            tempfile.TemporaryDirectory(dir=limits.scratch) as folder,
        ):
            return _find(Table(connection, parts, profiles, Path(folder), seed))
    except duckdb.OutOfMemoryException as error:
        raise TableTooLargeError(_first_line(error)) from error
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
        raise  # not the table's fault: a query of ours is wrong
    except (duckdb.Error, pa.ArrowInvalid, OSError) as error:
        raise UnreadableTableError(_first_line(error)) from error


def _find(table: Table) -> Relations:
    sample = draw(table)
    keys = find_keys(table, sample)
    return Relations(
        row_count=table.row_count,
        column_count=len(table.columns),
        sampled_rows=sample.rows,
        seed=table.seed,
        duplicates=find_duplicates(table, keys.candidates),
        keys=keys,
        dependencies=find_dependencies(table, sample),
        correlations=find_correlations(table, sample, keys.candidates),
        missingness=find_missingness(table, sample),
        coverage=find_coverage(table, keys.candidates),
        skipped=tuple(table.skipped),
    )


def _first_line(error: Exception) -> str:
    """Return what the engine said; it may quote the data, so it is for logs only."""
    return str(error).partition("\n")[0][:500]
