"""One DuckDB session as this service uses it: one thread, bounded memory, nothing fetched from anywhere."""

from contextlib import AbstractContextManager
from pathlib import Path

import duckdb

from dataplatform.engine import EngineLimits, open_engine


def connect(scratch: Path, memory_bytes: int) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """Open a session that spills to `scratch`; results are in UTC and in the order of the rows."""
    return open_engine(EngineLimits(memory_bytes, 1, scratch), ordered=True)


def literal(text: str) -> str:
    """Return text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
