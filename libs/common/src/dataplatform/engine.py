"""DuckDB as the parsers and profilers of sandboxed runs use it: bounded memory, results in UTC, nothing fetched.

Making a DuckDB database costs some 8 ms of processor time, as much as reading a small file. So a process makes one and
opens sessions on it; a sandbox's warden makes it in its warm-up, and every run inherits it by the fork. Sessions leave
nothing behind as long as they make TEMP objects only. Not here: the catalog's queries, which are many at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

_OFFLINE: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "threads": 1,
}
_spare: list[duckdb.DuckDBPyConnection] = []
"""The database of this process while no session is open on it."""


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What a session may use; `scratch` is an existing folder where intermediate results may spill."""

    memory_bytes: int
    threads: int
    scratch: Path


@contextmanager
def open_engine(
    limits: EngineLimits, *, ordered: bool = False, apart: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a session.

    `ordered`: results keep the order of the rows, which costs memory. `apart`: on a database of its own, which then may
    remember the footers of Parquet files: for files that are read many times.

    Raises `duckdb.Error`. One session at a time has the database that is kept; a second has one of its own.
    """
    spill = limits.scratch / "spill"
    database = _spare.pop() if _spare and not apart else duckdb.connect(config=dict(_OFFLINE))
    try:
        session = database.cursor()
        try:
            _set(session, limits, spill, ordered=ordered, apart=apart)
            yield session
        finally:
            session.close()
    except BaseException:
        database.close()
        raise
    if apart or _spare or spill.exists():
        database.close()  # a database that has spilled cannot spill to another folder
    else:
        _spare.append(database)


def _set(session: duckdb.DuckDBPyConnection, limits: EngineLimits, spill: Path, *, ordered: bool, apart: bool) -> None:
    settings = {
        "memory_limit": f"'{limits.memory_bytes}B'",
        "threads": limits.threads,
        "temp_directory": "'" + str(spill).replace("'", "''") + "'",
        "preserve_insertion_order": "true" if ordered else "false",
        # what is remembered of one file must not be found under the path of a later one
        "parquet_metadata_cache": "true" if apart else "false",
        "enable_external_file_cache": "false",
        "TimeZone": "'UTC'",
    }
    for name, value in settings.items():
        session.execute(f"SET {name} = {value}")
