"""One DuckDB connection as this service uses it: one thread, bounded memory, nothing fetched from anywhere."""

from pathlib import Path

import duckdb


def connect(scratch: Path, memory_bytes: int) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database that spills to `scratch`; results are in UTC and in the order of the rows."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": "1",
            "memory_limit": f"{memory_bytes // 1024**2}MB",
            "temp_directory": str(scratch / "duckdb"),
            "preserve_insertion_order": "true",
            "autoinstall_known_extensions": "false",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def literal(text: str) -> str:
    """Return text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
