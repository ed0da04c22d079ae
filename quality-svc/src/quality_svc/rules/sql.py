"""SQL that people wrote, run where it can read the tables at hand and do nothing else, in bounded time and memory.

A child process with an engine of its own: one SELECT, no other file, no setting, no extension, nothing attached, no
Python objects. The deadline and the memory hold from outside, as a query may not listen to an interrupt. What a
query's result means is the caller's.
"""

import json
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from dataplatform.engine import EngineLimits
from quality_svc.checks.rows import Rows, literal, quoted

SAMPLE_ROWS: Final = 5
SAMPLE_CHARACTERS: Final = 200
_POLL_SECONDS: Final = 0.05
_SLACK_BYTES: Final = 256 << 20
_ANSWER_BYTES: Final = 1 << 20
_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
    "python_scan_all_frames": False,
    "threads": 1,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query came to: an error code, or its count of rows, or its one value; `rows` are the first few.

    Codes: `sql_not_a_query`, `sql_invalid`, `sql_failed`, `sql_forbidden`, `sql_not_one_value`, `timed_out`,
    `memory_limit_exceeded`, `crashed`. `detail` may quote the data.
    """

    code: str | None = None
    detail: str = ""
    count: int = 0
    value: Any = None
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Question:
    query: str
    tables: Mapping[str, Sequence[Path]]
    limits: EngineLimits
    seconds: float
    one_value: bool


def ask(
    query: str, tables: Mapping[str, Sequence[Path]], limits: EngineLimits, seconds: float, *, one_value: bool
) -> Answer:
    """Run `query` over `tables`; `data` has the column `row_number`, tables of other names are as they are.

    `one_value`: the query answers with one value; else its rows are counted.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # the child uses nothing of this process but its memory: it makes an engine of its own
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(writing, _Question(query, tables, limits, seconds, one_value))
    os.close(writing)
    try:
        return _await(child, reading, limits, seconds)
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _await(child: int, reading: int, limits: EngineLimits, seconds: float) -> Answer:
    deadline = time.monotonic() + seconds
    base = _resident(child)
    received = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return Answer("timed_out", f"the query took longer than {seconds:g} s")
        if _resident(child) - base > limits.memory_bytes + _SLACK_BYTES:
            return Answer("memory_limit_exceeded", "the query needed more memory than it may use")
        if select.select([reading], [], [], min(left, _POLL_SECONDS))[0]:
            piece = os.read(reading, 1 << 16)
            received += piece
            if not piece:
                break
    try:
        found = json.loads(received)
    except ValueError:
        return Answer("crashed", "the query's process died")
    rows = tuple(tuple(row) for row in found.pop("rows", ()))
    return Answer(**{**found, "columns": tuple(found.get("columns", ())), "rows": rows})


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return 0


def _answer(writing: int, question: _Question) -> None:
    """Answer on `writing`, in the child; never returns."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        _limit_processor_time(question.seconds)
        answer = json.dumps(_run(question), default=str).encode()
        left = memoryview(answer[:_ANSWER_BYTES])
        while left:
            left = left[os.write(writing, left) :]
    finally:
        os._exit(0)


def _limit_processor_time(seconds: float) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    wanted = int(usage.ru_utime + usage.ru_stime + seconds) + 2
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))


def _run(question: _Question) -> dict[str, Any]:
    try:
        text = _single_select(question.query)
        if text is None:
            return {"code": "sql_not_a_query", "detail": "a rule's SQL is one SELECT, and nothing else"}
        with duckdb.connect(config=dict(_CONFIG)) as connection:
            _shut(connection, question.tables, question.limits)
            return _value(connection, text) if question.one_value else _rows(connection, text)
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
        return {"code": "sql_invalid", "detail": _brief(error)}
    except duckdb.PermissionException:
        return {"code": "sql_forbidden", "detail": "a rule's SQL reads the tables at hand, and nothing else"}
    except (duckdb.OutOfMemoryException, MemoryError):
        return {"code": "memory_limit_exceeded", "detail": "the query needed more memory than it may use"}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the query's
        return {"code": "sql_failed", "detail": _brief(error)}


def _single_select(query: str) -> str | None:
    statements = duckdb.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        return None
    return str(statements[0].query).strip().rstrip(";")


def _shut(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Sequence[Path]], limits: EngineLimits) -> None:
    """Show the tables as views, then shut everything else; what is shut stays shut."""
    files = ", ".join(literal(str(part)) for parts in tables.values() for part in parts)
    connection.execute(f"SET memory_limit = '{limits.memory_bytes}B'")
    connection.execute(f"SET temp_directory = {literal(str(limits.scratch / f'sql-{os.getpid()}'))}")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET allowed_paths = [{files}]")
    for name, parts in tables.items():
        rows = Rows.of_parts(parts, limits)
        shown = rows.view if name == "data" else f"SELECT data.* FROM {rows.source}"
        connection.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {shown}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _value(connection: duckdb.DuckDBPyConnection, text: str) -> dict[str, Any]:
    found = connection.execute(text).fetchmany(2)
    if len(found) != 1 or len(found[0]) != 1:
        return {"code": "sql_not_one_value", "detail": "the query must return one row of one column"}
    value = found[0][0]
    return {"count": 1, "value": value if value is None or isinstance(value, bool | int | float) else _plain(value)}


def _rows(connection: duckdb.DuckDBPyConnection, text: str) -> dict[str, Any]:
    count = connection.execute(f"SELECT count(*) FROM (\n{text}\n)").fetchall()[0][0]
    if not count:
        return {"count": 0}
    cursor = connection.execute(f"SELECT * FROM (\n{text}\n) LIMIT {SAMPLE_ROWS}")
    columns = [str(column[0]) for column in cursor.description or ()]
    return {"count": count, "columns": columns, "rows": [[_plain(cell) for cell in row] for row in cursor.fetchall()]}


def _plain(cell: Any) -> Any:
    """Return a cell as JSON has it, texts cut; a decimal as a number where it is one."""
    if cell is None or isinstance(cell, bool | int):
        return cell
    if isinstance(cell, float):
        return cell if cell == cell and abs(cell) != float("inf") else str(cell)  # noqa: PLR0124
    if hasattr(cell, "as_integer_ratio"):
        return float(cell)
    return str(cell)[:SAMPLE_CHARACTERS]


def _brief(error: BaseException) -> str:
    return str(error).partition("\n")[0][:500]
