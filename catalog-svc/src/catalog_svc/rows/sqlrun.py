"""A statement of a stranger run in its process (`sqlprocess`): started, fed, listened to, ended in time."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from catalog_svc.objects import unavailable
from catalog_svc.rows.connecting import reach_of
from catalog_svc.rows.language import invalid
from catalog_svc.settings import CatalogSettings
from dataplatform.problems import Problem

MODULE: Final = "catalog_svc.rows.sqlprocess"
_CHUNK_BYTES: Final = 1 << 16
_SPILL_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class View:
    """A table as the statement calls it, and its files."""

    schema: str
    table: str
    uris: list[str]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL that has been checked, what it may read, and how its result is to come."""

    sql: str
    views: Sequence[View]
    format: str
    max_rows: int


class SqlRunner:
    """Runs statements, so many at once: others are told to come again."""

    def __init__(self, settings: CatalogSettings) -> None:
        self._settings = settings
        self._running = 0

    async def pieces(self, statement: Statement) -> AsyncIterator[bytes]:
        """Yield the result as it comes; raises problems, as long as nothing has come yet for the caller to see them."""
        if self._running >= self._settings.sql_concurrency:
            raise unavailable("too_many_statements", "as many statements run as may run at once")
        self._running += 1
        try:
            with tempfile.TemporaryDirectory(dir=self._scratch(), prefix="sql-") as scratch:
                async for piece in self._listen(statement, scratch):
                    yield piece
        finally:
            self._running -= 1

    def _scratch(self) -> str:
        self._settings.scratch_dir.mkdir(parents=True, exist_ok=True)
        return str(self._settings.scratch_dir)

    async def _listen(self, statement: Statement, scratch: str) -> AsyncIterator[bytes]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", MODULE, stdin=pipe, stdout=pipe, stderr=pipe, cwd=scratch, env=_environment()
        )
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise AssertionError("it was started with pipes")
        said = asyncio.ensure_future(process.stderr.read())
        try:
            async with asyncio.timeout(self._settings.query_timeout_seconds):
                process.stdin.write(json.dumps(self._task(statement, scratch)).encode())
                process.stdin.close()
                while piece := await process.stdout.read(_CHUNK_BYTES):
                    yield piece
                if await process.wait():
                    raise _problem(await said)
        except TimeoutError:
            raise Problem("query_timed_out", "Query timed out", 503, "the statement took too long") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            await said

    def _task(self, statement: Statement, scratch: str) -> dict[str, Any]:
        settings = self._settings
        reach = replace(reach_of(settings), spill=scratch)
        limits = {
            "memory_bytes": settings.query_memory_mb * 2**20,
            "cpu_seconds": settings.query_timeout_seconds * settings.query_threads + 1,
            "wall_seconds": settings.query_timeout_seconds,
            "output_bytes": _SPILL_BYTES,
        }
        return {
            "reach": asdict(reach),
            "views": [asdict(view) for view in statement.views],
            "sql": statement.sql,
            "format": statement.format,
            "max_rows": statement.max_rows,
            "limits": limits,
            "parent": os.getpid(),
        }


def _environment() -> dict[str, str]:
    """Return what the process needs of ours: no setting of the platform, so no secret but the one of its task."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DATAPLATFORM_")}


def _problem(said: bytes) -> Problem:
    try:
        told = json.loads(said)
        found, detail = str(told["code"]), str(told["detail"])
    except (ValueError, KeyError, TypeError):
        return Problem("query_too_large", "Query too large", 503, "the statement needed more than it may use")
    if found == "object_store_unavailable":
        return unavailable(found, "the tables' files could not be read")
    if found == "query_too_large":
        return Problem(found, "Query too large", 503, "the statement does not fit into memory")
    return invalid(found, detail)
