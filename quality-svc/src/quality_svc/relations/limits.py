"""How far each search goes, so that time and memory stay bounded at any number of rows and columns.

All of them count something (rows, columns, candidates), never seconds: the same table gives the same document
everywhere. What a limit leaves out is named in `Relations.skipped`.
"""

from typing import Final

SAMPLE_ROWS: Final = 65_536
"""Most rows that are searched in memory; tables up to this size are searched whole."""
SAMPLE_CELLS: Final = 8_388_608
"""Most cells that are searched in memory: wide tables are searched in fewer rows."""
SAMPLE_COLUMNS: Final = 512
"""Most columns that are searched for relations with one another."""
SCREEN_ROWS: Final = 16_384
"""Most rows of the sample on which candidates are tried first."""

HASH_COLUMNS: Final = 500
"""Most columns that one query hashes: DuckDB's planning takes memory per column."""
SORT_ROWS: Final = 16_777_216
"""Most hashes that are sorted in memory at once (128 MiB); more go in ranges, one after the other."""

KEY_COLUMNS: Final = 20
"""Most columns of which composite keys are made."""
KEY_WIDTH: Final = 3
"""Most columns of a composite key."""
KEY_CHECKS: Final = 40
"""Most candidate keys that are counted on the whole table."""

DEPENDENCY_COLUMNS: Final = 40
"""Most columns among which functional dependencies are searched."""
PAIR_COLUMNS: Final = 12
"""Most columns of which two together are tried as determinant."""
DEPENDENCY_CHECKS: Final = 200
"""Most dependencies that are counted on the whole table, and shown."""

CHECKED_ROWS: Final = 150_000_000
"""Most rows that are read again, all candidates together: beyond 10M rows fewer than `..._CHECKS` are counted."""

CORRELATED_COLUMNS: Final = 60
"""Most columns of numbers, and as many of categories, that are correlated."""
CATEGORIES: Final = 100
"""Most values of a column that is looked at as categories."""
CORRELATIONS_SHOWN: Final = 300

MISSING_COLUMNS: Final = 512
"""Most columns with nulls whose patterns are counted."""
PATTERNS_SHOWN: Final = 50
MISSING_PAIRS_SHOWN: Final = 100

TIME_COLUMNS: Final = 8
"""Most columns of dates whose coverage is measured."""
GAPS_SHOWN: Final = 20
PANEL_GROUPS: Final = 1_000_000
"""Most groups of a panel."""


def checks_within(row_count: int, most: int) -> int:
    """Return how many candidates may be counted on a table of so many rows."""
    return max(4, min(most, CHECKED_ROWS // max(row_count, 1)))
