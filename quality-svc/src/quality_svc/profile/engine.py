"""DuckDB with its limits set: the only place that opens it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What a profile may use; `scratch` is where intermediate results may spill."""

    memory_bytes: int
    threads: int
    scratch: Path


@contextmanager
def open_engine(limits: EngineLimits) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory DuckDB that installs and loads nothing and keeps to `limits`."""
    connection = duckdb.connect(
        config={
            "memory_limit": f"{limits.memory_bytes}B",
            "threads": limits.threads,
            "temp_directory": str(limits.scratch / "spill"),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    try:
        connection.execute("SET parquet_metadata_cache = true")
        yield connection
    finally:
        connection.close()
